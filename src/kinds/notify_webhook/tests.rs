use hyper::HeaderMap;

use super::*;

fn reply(status: u16, body: &str) -> Reply {
    Reply { status, headers: HeaderMap::new(), body: body.to_owned(), cut: false }
}

#[test]
fn a_refusal_is_told_by_its_first_line() {
    assert_eq!(judged(&reply(204, "")).unwrap()["status"], json!(204));
    let fault = judged(&reply(404, "\nno_service\n<html>long</html>")).unwrap_err();
    assert_eq!(
        (fault.code.as_str(), fault.retry, fault.causes),
        ("RG2608", RetryClass::Never, vec!["no_service".into()])
    );
    for status in [429, 500, 503] {
        assert!(judged(&reply(status, "")).unwrap_err().retry.is_transient(), "{status}");
    }
    assert_eq!(judged(&reply(302, "")).unwrap_err().retry, RetryClass::Never);
}

#[test]
fn what_is_no_address_is_found_on_a_calm_day() {
    let complain = |url: &str| NotifyWebhook.check(&Late { value: &json!({"url": url}) }).len();
    assert_eq!(
        [complain("https://h/x"), complain("{{ secrets.hook }}"), complain("ftp://h"), complain("h")],
        [0, 0, 1, 1]
    );
}
