//! `http.get` against a web server.

use serde_json::{Value, json};

use super::support::{Place, finish};
use super::web::{Seen, Web, encrypted, says};

fn place(with: &str) -> Place {
    Place::new(&format!("steps:\n  - id: get\n    uses: http.get\n    with: {with}\n"))
}

fn got(place: &Place, code: i32) -> Value {
    place.run("").ends(code);
    place.step("get")
}

fn path(seen: &Seen) -> &str {
    seen.line.split(' ').nth(1).unwrap_or_default()
}

fn site() -> Web {
    Web::start(|seen, _| match path(seen) {
        "/ok" => says(200, "X-One: 1\r\nX-One: 2\r\nSet-Cookie: let-me-in\r\n", "all is ok"),
        "/again" => says(302, "Location: /ok\r\n", ""),
        "/round" => says(302, "Location: /round\r\n", ""),
        "/big" => says(200, "", &"x".repeat(2_000_000)),
        "/slow" => {
            std::thread::sleep(std::time::Duration::from_secs(5));
            says(200, "", "late")
        }
        "/garbage" => "I am no web server\r\n\r\n".to_string(),
        "/down" => says(503, "", "later"),
        _ => says(404, "", "not here"),
    })
}

#[test]
fn status_headers_and_body_are_parts_to_expect() {
    let web = site();
    let verify = format!(
        "    verify:\n      - probe: http.get\n        with: {{ url: {0} }}\n        expect: {{ equals: 200 }}\n      - probe: http.get\n        \
         with: {{ url: {0} }}\n        expect: {{ status: {{ between: [200, 299] }}, body: {{ contains: is ok }}, headers: {{ contains: x-one }} }}\n",
        web.url("/ok")
    );
    let place =
        place(&format!("{{ url: {} }}\n{}", web.url("/again"), verify.replace(", headers: { contains: x-one }", "")));
    let step = got(&place, 0);
    assert_eq!((&step["outputs"]["status"], &step["outputs"]["body"]), (&json!(200), &json!("all is ok")), "{step:#}");
    assert_eq!(step["outputs"]["headers"]["x-one"], "1, 2");
    assert!(!step.to_string().contains("let-me-in"), "{step:#}");
}

#[test]
fn what_is_no_success_fails_the_step_with_a_code() {
    let web = site();
    for (with, code) in [
        (web.url("/nowhere"), "RG2604"),
        (web.url("/down"), "RG2604"),
        (web.url("/round"), "RG2605"),
        (web.url("/garbage"), "RG2607"),
        (format!("{}, timeout: 1s", web.url("/slow")), "RG2601"),
        ("http://127.0.0.1:1/".to_string(), "RG2604"),
        ("http://no-such-host.invalid/".to_string(), "RG2601"),
        (format!("https://{}/", web.at), "RG2602"),
    ] {
        let place = place(&format!(
            "{{ url: {} }}",
            with.replace(", ", "\", ").replacen("http", "\"http", 1) + if with.contains(", ") { "" } else { "\"" }
        ));
        assert_eq!(got(&place, 1)["fault"]["code"], code, "{with}");
    }
    // Six times: the first call and five redirects.
    assert_eq!(web.log.count("GET /round"), 6);
}

#[test]
fn a_large_body_is_cut_and_a_shut_door_is_an_answer() {
    let web = site();
    let place = place(&format!(
        "{{ url: {} }}\n    verify:\n      - probe: http.get\n        with: {{ url: http://127.0.0.1:1/ }}\n        expect: {{ refused: true }}",
        web.url("/big")
    ));
    let step = got(&place, 0);
    assert_eq!(step["outputs"]["cut"], true);
    assert_eq!(step["outputs"]["body"].as_str().unwrap().len(), 256 * 1024);
}

#[test]
fn certificates_are_checked_against_the_own_authority() {
    let place = place("{ url: x }");
    let at = encrypted(&place.path("ca.pem"));
    encrypted(&place.path("other.pem"));
    for (number, (host, ca, code)) in [
        ("localhost", ", ca: ca.pem", 0),
        ("localhost", "", 1),
        ("localhost", ", ca: other.pem", 1),
        ("127.0.0.1", ", ca: ca.pem", 1),
    ]
    .into_iter()
    .enumerate()
    {
        let text = format!(
            "version: 1\nname: book\nseverity: partial\nsteps:\n  - id: get\n    uses: http.get\n    with: {{ url: \"https://{host}:{}/\"{ca} }}\n",
            at.port()
        );
        place.write("book.yaml", &text);
        let run = format!("run{number}");
        place.regrow(&format!("run book.yaml --yes --run-id {run}")).ends(code);
        let step = place.step("get");
        if code == 0 {
            assert_eq!(step["outputs"]["body"], "sealed");
        } else {
            assert_eq!(step["fault"]["code"], "RG2602", "{host} {ca}: {step:#}");
        }
    }
}

#[test]
fn secret_headers_go_to_their_host_only_and_no_proxy_is_used() {
    let other = Web::start(|_, _| says(200, "", "other"));
    let there = other.url("/");
    let web = Web::start(move |_, _| says(302, &format!("Location: {there}\r\n"), ""));
    let place = Place::new(&format!(
        "secrets: {{ token: {{ from: file, path: token }} }}\nsteps:\n  - id: get\n    uses: http.get\n    with: {{ url: {}, headers: {{ Authorization: \"Bearer {{{{ secrets.token }}}}\" }} }}\n",
        web.url("/")
    ));
    place.write("token", "secret-token-3141592");
    let mut command = place.command(super::support::REGROW, &["run", "book.yaml", "--yes", "--run-id", "run1"]);
    command.envs(["http_proxy", "HTTP_PROXY", "ALL_PROXY"].map(|name| (name, "http://127.0.0.1:1")));
    finish(command).ends(0);
    assert!(
        web.log.all()[0]
            .headers
            .iter()
            .any(|header| header.eq_ignore_ascii_case("authorization: bearer secret-token-3141592"))
    );
    assert!(other.log.all()[0].headers.iter().all(|header| !header.contains("3141592")));
    let found = finish(place.command("grep", &["-r", "3141592", "state"]));
    assert_eq!(found.stdout, "");
}
