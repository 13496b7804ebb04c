//! Servers that repeat a secret just where what they say is cut: no part of it is left anywhere.

use super::support::{Place, Said, finish};
use super::web::{Web, says};

const TOKEN: &str = "SuperSecretToken1234567890";
/// What an answer keeps at most.
const LIMIT: usize = 256 * 1024;

/// Runs one step against a server that says `before` and then the token it was sent.
fn repeated(status: u16, before: usize, uses: &str, more: &str, code: i32) -> (Place, Said) {
    let web = Web::start(move |seen, _| {
        let sent = seen.headers.iter().find_map(|header| header.split_once("Bearer ")).map_or("", |(_, token)| token);
        says(status, "", &format!("{}{sent} and more", "x".repeat(before)))
    });
    let with = format!(
        "{{ url: \"{}\", headers: {{ Authorization: \"Bearer {{{{ secrets.token }}}}\" }}{more} }}",
        web.url("/x")
    );
    let place = Place::new(&format!(
        "secrets: {{ token: {{ from: file, path: token }} }}\nsteps:\n  - id: call\n    uses: {uses}\n    with: {with}\n"
    ));
    place.write("token", TOKEN);
    let said = place.run("--no-wait").ends(code);
    assert_eq!(web.log.all().len(), 1);
    (place, said)
}

#[track_caller]
fn no_part_is_left(place: &Place, said: &Said) {
    for part in ["SuperS", "Token1", "567890"] {
        let found = finish(place.command("grep", &["-rla", part, "state"])).stdout;
        assert_eq!(found, "", "`{part}`");
        assert!(!said.stdout.contains(part) && !said.stderr.contains(part), "{said:#?}");
    }
}

#[test]
fn in_what_is_shown_of_a_refusal() {
    for before in [480, 490, 499] {
        let (place, said) = repeated(400, before, "http.request", ", method: POST", 1);
        no_part_is_left(&place, &said);
        let cause = place.step("call")["fault"]["causes"][0].as_str().unwrap().to_owned();
        assert!(cause.starts_with("xxx") && cause.len() >= before, "{cause}");
    }
    for before in [180, 190] {
        let (place, said) = repeated(400, before, "notify.webhook", "", 1);
        no_part_is_left(&place, &said);
    }
}

#[test]
fn in_a_body_that_is_too_long() {
    for (uses, more) in [("http.request", ", method: POST"), ("http.get", "")] {
        for before in [LIMIT - 20, LIMIT - 10] {
            let (place, said) = repeated(200, before, uses, more, 0);
            no_part_is_left(&place, &said);
            let kept = place.step("call")["outputs"]["body"].as_str().unwrap().len();
            assert!(kept > LIMIT - 4096 && kept <= LIMIT, "{kept}");
        }
    }
}

/// The result of the work lies in a file of its own before the journal has it.
#[test]
fn in_the_result_that_a_process_leaves() {
    let (place, said) = repeated(200, 10, "http.request", ", method: POST", 0);
    no_part_is_left(&place, &said);
    assert_eq!(place.step("call")["outputs"]["body"], "xxxxxxxxxx*** and more");
}
