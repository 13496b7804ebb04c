use super::*;

#[test]
fn what_is_no_address_is_found_on_a_calm_day() {
    let complain = |url: &str| NotifyWebhook.check(&Late { value: &json!({"url": url}) }).len();
    assert_eq!(
        [complain("https://h/x"), complain("{{ secrets.hook }}"), complain("ftp://h"), complain("h")],
        [0, 0, 1, 1]
    );
}
