//! `notify.webhook`: told at least once, under one name, and its address shown nowhere.

use serde_json::json;

use super::support::{Place, finish};
use super::web::{Web, says};

fn place(web: &Web, more: &str) -> Place {
    let body = "{ text: back, key: \"{{ secrets.hook }}\" }";
    let place = Place::new(&format!(
        "secrets: {{ hook: {{ from: file, path: hook }} }}\nsteps:\n  - id: tell\n    uses: notify.webhook\n    with: {{ url: \"{{{{ secrets.hook }}}}\", body: {body} }}\n{more}"
    ));
    place.write("hook", &web.url("/hooks/secret-2718281828"));
    place
}

#[test]
fn it_is_told_again_under_the_same_name_until_somebody_takes_it() {
    let web = Web::start(|_, before| match before.len() {
        0 => says(503, "", "busy"),
        1 => String::new(),
        _ => says(200, "", "ok"),
    });
    let place = place(&web, "    retry: { attempts: 3, delay: 10ms, when: [transient] }\n");
    place.run("").ends(0);
    assert_eq!(place.step("tell")["outputs"], json!({"status": 200}));
    let seen = web.log.all();
    let key = |at: usize| seen[at].headers.iter().find(|it| it.to_lowercase().starts_with("idempotency-key:")).cloned();
    assert_eq!(seen.len(), 3, "{seen:?}");
    assert!(key(0).is_some() && key(0) == key(1) && key(1) == key(2), "{seen:?}");
    assert!(seen[0].line.starts_with("POST /hooks/secret-2718281828"), "{seen:?}");
    assert_eq!(finish(place.command("grep", &["-r", "2718281828", "state"])).stdout, "");
}

#[test]
fn a_refusal_is_shown_without_the_secret_that_it_repeats() {
    let web = Web::start(|seen, _| says(403, "", &format!("no such hook {}\nmore", seen.body)));
    let place = place(&web, "    retry: { attempts: 3, delay: 10ms, when: [transient] }\n");
    place.run("").ends(1);
    let fault = place.step("tell")["fault"].clone();
    assert_eq!(fault["code"], json!("RG2608"));
    let cause = fault["causes"][0].as_str().unwrap();
    assert!(cause.starts_with("no such hook") && cause.contains("***") && !cause.contains("2718281828"), "{cause}");
    assert_eq!(web.log.all().len(), 1);
    assert_eq!(finish(place.command("grep", &["-r", "2718281828", "state"])).stdout, "");
}
