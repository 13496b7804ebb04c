//! `tell`: somebody is woken by a hook, again until it is answered, over crashes, and never at the run's cost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;

use super::support::{Place, finish};
use super::web::{Seen, Web, says};

/// A hook under a secret address.
fn place(web: &Web, entry: &str, steps: &str) -> Place {
    let place = Place::new(&format!(
        "title: Bring it back\nsecrets: {{ hook: {{ from: file, path: hook }} }}\ntell:\n  - {{ {entry}, to: \"{{{{ secrets.hook }}}}\" }}\n{steps}"
    ));
    place.write("hook", &web.url("/hooks/secret-2718281828"));
    place
}

const ASKS: &str = "steps:\n  - { id: look, uses: manual.task, with: { instructions: Look at the door } }\n";

fn body(seen: &Seen) -> Value {
    serde_json::from_str(&seen.body).unwrap()
}

fn key(seen: &Seen) -> String {
    seen.headers.iter().find(|it| it.to_lowercase().starts_with("idempotency-key:")).cloned().unwrap()
}

#[track_caller]
fn until(web: &Web, count: usize) -> Vec<Seen> {
    let begun = Instant::now();
    while web.log.all().len() < count {
        assert!(begun.elapsed() < Duration::from_secs(20), "{} of {count} came", web.log.all().len());
        std::thread::sleep(Duration::from_millis(10));
    }
    web.log.all()
}

fn told(place: &Place) -> usize {
    let events = place.regrow("events --json").ends(0).stdout;
    events.lines().filter(|line| line.contains("\"kind\":\"told\"") && !line.contains("\"fault\"")).count()
}

#[test]
fn a_question_is_told_with_its_answer_and_again_until_it_is_answered() {
    let web = Web::start(|_, _| says(200, "", "ok"));
    let place = place(&web, "when: [waiting, ended], repeat: 700ms", ASKS);
    let run = place.start_run("");
    let seen = until(&web, 3);
    let first = body(&seen[0]);
    assert_eq!(
        (&first["run"], &first["runbook"], &first["severity"]),
        (&"run1".into(), &"book".into(), &"partial".into())
    );
    let text = first["text"].as_str().unwrap();
    for line in [
        "Bring it back (partial): waiting",
        "`look` asks anybody",
        "Look at the door",
        "regrow done look --because TEXT --run run1",
    ] {
        assert!(text.contains(line), "{text}");
    }
    assert_eq!(first["facts"][0]["command"], "regrow done look --because TEXT --run run1");
    assert_ne!(key(&seen[1]), key(&seen[2]), "another message has another name");
    place.argv(&["done", "look", "--because", "looked"]).ends(0);
    run.end().ends(0);
    let seen = web.log.all();
    let ends: Vec<bool> = seen.iter().map(|it| body(it)["facts"][0]["what"] == "ended").collect();
    assert_eq!(ends.iter().filter(|ended| **ended).count(), 1, "{ends:?}");
    assert_eq!((ends.last(), told(&place)), (Some(&true), seen.len()));
    assert_eq!(finish(place.command("grep", &["-r", "2718281828", "state"])).stdout, "");
}

#[test]
fn a_new_executor_tells_no_more_than_is_news() {
    let web = Web::start(|_, _| says(200, "", "ok"));
    let place = place(&web, "when: waiting, repeat: 1h", ASKS);
    let run = place.start_run("");
    place.until("it is told", |place| place.run_dir().join("journal.000001").exists() && told(place) == 1);
    run.signal(Signal::KILL);
    run.end();
    for _ in 0..3 {
        place.regrow("resume --no-wait").ends(3);
    }
    assert_eq!((web.log.all().len(), told(&place)), (1, 1));
}

#[test]
fn what_was_under_way_when_the_executor_died_is_told_again_under_the_same_name() {
    let web = Web::start(|_, before| {
        if before.is_empty() {
            std::thread::sleep(Duration::from_secs(20));
        }
        says(200, "", "ok")
    });
    let place = place(&web, "when: waiting", ASKS);
    let run = place.start_run("");
    until(&web, 1);
    run.signal(Signal::KILL);
    run.end();
    assert_eq!(told(&place), 0);
    place.regrow("resume --no-wait").ends(3);
    let seen = web.log.all();
    assert_eq!((seen.len(), told(&place), key(&seen[0])), (2, 1, key(&seen[1])));
}

#[test]
fn a_receiver_that_is_down_holds_up_nothing_and_is_told_once_it_is_back() {
    let up = Arc::new(AtomicBool::new(false));
    let answers = up.clone();
    let web = Web::start(move |_, _| if answers.load(Ordering::SeqCst) { says(200, "", "ok") } else { String::new() });
    let place = place(
        &web,
        "when: [failed, ended]",
        "steps:\n  - { id: a, run: \"false\", needs: [] }\n  - { id: b, run: \"echo b >> effects; while ! [ -e go ]; do sleep 0.05; done\", needs: [] }\n",
    );
    let run = place.start_run("--on-failure pause");
    place.until_effects(1);
    until(&web, 2);
    let page = place.regrow("status").ends(0).stdout;
    assert!(page.contains("note: `{{ secrets.hook }}` CANNOT BE TOLD since"), "{page}");
    assert!(place.status()["told"][0]["failing_since"].is_string());
    up.store(true, Ordering::SeqCst);
    place.until("it is told", |place| told(place) == 1);
    assert!(!place.regrow("status").ends(0).stdout.contains("CANNOT BE TOLD"));
    let last = body(web.log.all().last().unwrap());
    assert_eq!((&last["facts"][0]["what"], &last["facts"][0]["step"]), (&"failed".into(), &"a".into()));
    place.write("go", "");
    run.end().ends(1);
    let events = place.regrow("events --json").ends(0).stdout;
    assert_eq!(events.lines().filter(|line| line.contains("\"kind\":\"told\"")).count(), 2, "{events}");
}

#[test]
fn a_run_ends_without_its_receiver_and_a_resume_makes_up_for_it() {
    let up = Arc::new(AtomicBool::new(false));
    let answers = up.clone();
    let web = Web::start(move |_, _| says(if answers.load(Ordering::SeqCst) { 200 } else { 503 }, "", "busy"));
    let place = place(&web, "when: ended", "steps:\n  - { id: a, run: echo a >> effects }\n");
    let begun = Instant::now();
    place.run("").ends(0);
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!((place.state().as_str(), web.log.all().len()), ("succeeded", 3));
    let report = place.regrow("report").ends(0).stdout;
    assert!(report.contains("could not be told since") && report.contains("RG2608"), "{report}");
    up.store(true, Ordering::SeqCst);
    place.regrow("resume run1").ends(0);
    place.regrow("resume run1").ends(0);
    let seen = web.log.all();
    assert_eq!((seen.len(), told(&place), place.effects()), (4, 1, vec!["a".to_string()]));
    assert_eq!(key(&seen[0]), key(&seen[3]));
}

#[test]
fn many_failures_at_once_are_one_message() {
    let web = Web::start(|_, _| says(200, "", "ok"));
    let items: Vec<String> = (0..30).map(|it| it.to_string()).collect();
    let steps =
        format!("steps:\n  - {{ id: a, run: \"false\", foreach: [{}], on_item_failure: isolate }}\n", items.join(", "));
    let place = place(&web, "when: failed", &steps);
    place.run("").ends(1);
    let seen = web.log.all();
    assert!(seen.len() <= 3, "{}", seen.len());
    let last = body(seen.last().unwrap());
    assert_eq!((last["facts"].as_array().map(Vec::len), &last["more"]), (Some(20), &10.into()));
}

#[test]
fn what_may_fail_and_what_is_tried_again_wakes_nobody() {
    let web = Web::start(|_, _| says(200, "", "ok"));
    let place = place(
        &web,
        "when: [failed, late, waiting]",
        "steps:\n  - { id: a, run: \"false\", allow_failure: true }\n  - id: b\n    needs: [a]\n    run: test -e tried || { touch tried; false; }\n    retry: { attempts: 2, delay: 10ms, when: [failed] }\n",
    );
    place.run("").ends(0);
    assert_eq!(web.log.all().len(), 0);
}

#[test]
fn what_is_late_is_told_with_the_command_that_gives_more_and_long_lists_are_cut() {
    let web = Web::start(|_, _| says(200, "", "ok"));
    let items: Vec<String> = (0..50).map(|it| it.to_string()).collect();
    let steps = format!(
        "steps:\n  - {{ id: slow, needs: [], deadline: 200ms, run: \"while ! [ -e go ]; do sleep 0.05; done\" }}\n  - {{ id: many, needs: [slow], run: x, approval: {{ minimum: 1 }}, foreach: [{}] }}\n",
        items.join(", ")
    );
    let place = place(&web, "when: [late, waiting]", &steps);
    let run = place.start_run("--no-wait");
    let late = body(&until(&web, 1)[0]);
    assert_eq!(late["facts"][0]["command"], "regrow extend slow 30m --run run1", "{late:#}");
    place.write("go", "");
    run.end().ends(3);
    let asked = body(web.log.all().last().unwrap());
    let shown = asked["facts"][0]["shown"].as_array().unwrap();
    assert_eq!((shown.len(), shown[20].as_str()), (21, Some("… 31 more lines")), "{asked:#}");
}
