//! `http.request`: sent once, and what becomes of it when its answer is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::support::{Place, finish};
use super::web::{Web, says};

fn place(with: &str, more: &str) -> Place {
    let place = Place::new(&format!(
        "secrets: {{ token: {{ from: file, path: token }} }}\nsteps:\n  - id: call\n    uses: http.request\n    with: {with}\n{more}"
    ));
    place.write("token", "secret-token-3141592");
    place
}

/// Takes a POST and loses its answer the first time; says under /made whether it was made.
fn forgetful(made: bool) -> Web {
    Web::start(move |seen, before| match seen.line.starts_with("POST") {
        true if before.iter().any(|seen| seen.line.starts_with("POST")) => says(201, "", "made"),
        true => String::new(),
        false if made => says(200, "", "made"),
        false => says(404, "", ""),
    })
}

#[test]
fn a_call_is_sent_once_with_its_secrets_and_leaves_none() {
    let web = Web::start(|_, _| says(201, "X-Id: 7\r\n", "made"));
    let with = format!(
        "{{ method: POST, url: {}, headers: {{ X-Token: \"{{{{ secrets.token }}}}\" }}, body: {{ key: \"{{{{ secrets.token }}}}\", count: 2 }} }}",
        web.url("/make")
    );
    let place = place(&with, "");
    place.run("").ends(0);
    let outputs = place.step("call")["outputs"].clone();
    assert_eq!(
        (&outputs["status"], &outputs["body"], &outputs["headers"]["x-id"]),
        (&json!(201), &json!("made"), &json!("7"))
    );
    let seen = web.log.all();
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].body, r#"{"key":"secret-token-3141592","count":2}"#);
    let has = |text: &str| seen[0].headers.iter().any(|header| header.eq_ignore_ascii_case(text));
    assert!(has("content-type: application/json") && has("x-token: secret-token-3141592"), "{seen:?}");
    assert_eq!(finish(place.command("grep", &["-r", "3141592", "state"])).stdout, "");
}

#[test]
fn a_refusal_is_shown_and_not_sent_again_without_a_key() {
    let web = Web::start(|_, _| says(503, "", "busy now"));
    let retry = "    retry: { attempts: 3, delay: 10ms, when: [transient] }\n";
    let place = place(&format!("{{ method: POST, url: {} }}", web.url("/make")), retry);
    place.run("").ends(1);
    let fault = place.step("call")["fault"].clone();
    assert_eq!((&fault["code"], &fault["causes"][0]), (&json!("RG2604"), &json!("busy now")), "{fault:#}");
    assert_eq!(web.log.count("POST"), 1);
}

#[test]
fn without_key_and_probe_a_lost_answer_is_unknown() {
    let web = forgetful(true);
    let retry = "    retry: { attempts: 3, delay: 10ms, when: [transient, failed] }\n";
    let place = place(&format!("{{ method: POST, url: {} }}", web.url("/make")), retry);
    place.run("--no-wait").ends(4);
    assert_eq!(place.step_state("call"), "unknown");
    assert_eq!(web.log.count("POST"), 1);
    place.regrow("resume run1 --no-wait").ends(4);
    assert_eq!(web.log.count("POST"), 1, "nobody sends it again");
}

#[test]
fn under_a_key_it_is_sent_again_with_the_same_key() {
    let web = forgetful(true);
    let with = format!("{{ method: POST, url: {}, idempotency_header: Idempotency-Key }}", web.url("/make"));
    let place = place(&with, "    retry: { attempts: 2, delay: 10ms, when: [transient] }\n");
    place.run("--no-wait").ends(0);
    let keys: Vec<String> = web.log.all().iter().map(|seen| seen.headers.join("\n").to_lowercase()).collect();
    let key = |text: &str| text.lines().find(|line| line.starts_with("idempotency-key: ")).map(str::to_string);
    assert_eq!(keys.len(), 2);
    assert!(key(&keys[0]).is_some() && key(&keys[0]) == key(&keys[1]), "{keys:?}");
}

#[test]
fn a_probe_says_whether_it_happened() {
    for (made, sent) in [(true, 1), (false, 2)] {
        let web = forgetful(made);
        let (url, probe) = (web.url("/make"), web.url("/made"));
        let with = format!("{{ method: POST, url: {url}, answer_within: 1s, probe: {{ url: {probe} }} }}");
        let place = place(&with, "");
        place.run("--no-wait").ends(0);
        assert_eq!(web.log.count("POST"), sent, "made: {made}");
        assert_eq!(place.step("call")["outputs"]["body"], "made");
    }
}

/// It is done after nobody waits for the answer any more, and long after the probe said first that it is not.
#[test]
fn what_a_slow_server_does_late_is_not_sent_again() {
    let done = Arc::new(AtomicBool::new(false));
    let web = Web::start(move |seen, _| match seen.line.starts_with("POST") {
        true => {
            thread::sleep(Duration::from_secs(5));
            done.store(true, Ordering::SeqCst);
            says(201, "", "made")
        }
        false if done.load(Ordering::SeqCst) => says(200, "", "made late"),
        false => says(404, "", ""),
    });
    let (url, probe) = (web.url("/make"), web.url("/made"));
    let with = format!("{{ method: POST, url: {url}, answer_within: 1s, probe: {{ url: {probe} }} }}");
    let place = place(&with, "");
    place.run("--no-wait").ends(0);
    assert_eq!(web.log.count("POST"), 1);
    assert_eq!(place.step("call")["outputs"]["body"], "made late");
}

#[test]
fn a_probe_whose_answer_is_too_long_to_be_read_tells_nothing() {
    let web = Web::start(|seen, before| match seen.line.starts_with("POST") {
        true if before.iter().any(|seen| seen.line.starts_with("POST")) => says(201, "", "made"),
        true => String::new(),
        false => says(200, "", &format!("{}ID=1", "x".repeat(300_000))),
    });
    let (url, probe) = (web.url("/make"), web.url("/made"));
    let with = format!("{{ method: POST, url: {url}, answer_within: 1s, probe: {{ url: {probe}, contains: ID= }} }}");
    let place = place(&with, "");
    place.run("--no-wait").ends(4);
    assert_eq!((web.log.count("POST"), place.step_state("call").as_str()), (1, "unknown"));
}

fn slow() -> Web {
    Web::start(|_, _| {
        thread::sleep(Duration::from_secs(2));
        says(200, "", "done")
    })
}

#[test]
fn an_answer_outlives_a_killed_executor() {
    let web = slow();
    let place = place(&format!("{{ method: POST, url: {} }}", web.url("/make")), "");
    let running = place.start_run("");
    web.log.until("POST");
    running.signal(Signal::KILL);
    running.end();
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.step("call")["outputs"]["body"], "done");
    assert_eq!(web.log.count("POST"), 1);
}

#[test]
fn a_call_that_its_own_timeout_cuts_is_never_sent_again_unless_that_is_harmless() {
    let retry = "    timeout: 1s\n    retry: { attempts: 3, delay: 0s, when: [timeout, failed, RG2005] }\n";
    let web = slow();
    let opaque = place(&format!("{{ method: POST, url: {} }}", web.url("/make")), retry);
    opaque.run("--no-wait").ends(4);
    assert_eq!((web.log.count("POST"), opaque.step_state("call").as_str()), (1, "unknown"));
    opaque.regrow("retry call run1").ends(2);
    // Nothing is made twice under its name, so the attempt has failed, and `retry` means it.
    let web = slow();
    let keyed = format!("{{ method: POST, url: {}, idempotency_header: Key }}", web.url("/make"));
    let keyed = place(&keyed, retry);
    keyed.run("--no-wait").ends(1);
    assert_eq!((web.log.count("POST"), keyed.step("call")["fault"]["code"].as_str()), (3, Some("RG2005")));
    // Who can tell is asked.
    let web = Web::start(|seen, _| {
        if seen.line.starts_with("POST") {
            thread::sleep(Duration::from_secs(2));
        }
        says(200, "", "made")
    });
    let with = format!("{{ method: POST, url: {}, probe: {{ url: {} }} }}", web.url("/make"), web.url("/made"));
    let asked = place(&with, retry);
    asked.run("--no-wait").ends(0);
    assert_eq!(web.log.count("POST"), 1);
}

#[test]
fn cut_off_in_the_middle_it_is_unknown_or_sent_again_under_its_key() {
    for (more, code, sent) in [("", 4, 1), (", idempotency_header: Key", 0, 2)] {
        let web = slow();
        let place = place(&format!("{{ method: POST, url: {}{more} }}", web.url("/make")), "");
        let running = place.start_run("");
        web.log.until("POST");
        running.cut_power();
        place.regrow("resume run1 --no-wait").ends(code);
        assert_eq!(web.log.count("POST"), sent, "{more}");
    }
}

#[test]
fn what_cannot_be_called_is_refused_by_check() {
    for (with, word) in [
        ("{ url: \"http://x/\" }", "method"),
        ("{ method: POST, url: \"ftp://x/\" }", "http://"),
        ("{ url: \"http://x/\", method: FETCH }", "cannot be `FETCH`"),
        ("{ url: \"http://x/\", method: GET, idempotency_header: Key }", "leave it out"),
        ("{ method: POST, url: \"http://{{ secrets.token }}/\" }", "headers"),
    ] {
        let said = place(with, "").regrow("check book.yaml").ends(2);
        assert!(said.stderr.contains(word) || said.stdout.contains(word), "{with}: {said:#?}");
    }
}
