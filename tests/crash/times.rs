//! Steps that wait for their time, and what is beyond it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::Signal;

use super::support::Place;

/// Opens in two hours, for an hour.
fn closed() -> String {
    let at = |hours: i64| (Timestamp::now() + SignedDuration::from_hours(hours)).strftime("%H:%M").to_string();
    format!("{{ from: \"{}\", to: \"{}\" }}", at(2), at(3))
}

fn count(place: &Place, kind: &str) -> usize {
    let wanted = format!("\"kind\":\"{kind}\"");
    place.regrow("events --json").ends(0).stdout.lines().filter(|line| line.contains(&wanted)).count()
}

fn at(place: &Place, step: &str, field: &str) -> Timestamp {
    place.step(step)[field].as_str().unwrap_or_else(|| panic!("{step} has no {field}")).parse().unwrap()
}

#[test]
fn a_wait_goes_on_where_it_was_after_a_kill() {
    let place = Place::new(
        "steps:\n  - { id: a, run: echo a >> effects }\n  - id: b\n    needs: [a]\n    run: echo b >> effects\n    \
         not_before: \"{{ time_add steps.a.ended_at \\\"4s\\\" }}\"\n",
    );
    let run = place.start_run("");
    place.until_step("b", "waiting");
    assert_eq!(place.state(), "waiting");
    run.signal(Signal::KILL);
    run.end();
    std::thread::sleep(Duration::from_secs(1));
    // Nobody is waited for, so there is nobody to leave for.
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["a", "b"]);
    let waited = at(&place, "b", "started_at").duration_since(at(&place, "a", "ended_at"));
    assert!((4_000..6_500).contains(&waited.as_millis()), "{waited:?}");
    assert_eq!((count(&place, "wait_began"), count(&place, "wait_ended")), (1, 1));
}

#[test]
fn a_closed_window_is_waited_for_and_a_named_person_starts_before() {
    let place = Place::new(&format!("steps:\n  - {{ id: a, run: echo a >> effects, window: {} }}\n", closed()));
    let plan = place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains("closed now, would wait until 2"), "{plan}");
    let run = place.start_run("--as ana");
    place.until_step("a", "waiting");
    let waits = place.step("a")["waits"].clone();
    assert_eq!(waits["command"], "regrow start a --because TEXT --run run1");
    let left = waits["until"].as_str().unwrap().parse::<Timestamp>().unwrap().duration_since(Timestamp::now());
    assert!((110..=120).contains(&left.as_mins()), "{left:?}");
    let page = place.regrow("status").ends(0).stdout;
    assert!(page.contains("`a` waits until 2") && page.contains("start it now: regrow start a"), "{page}");
    assert!(place.regrow("start a").ends(2).stderr.contains("needs a reason"));
    run.signal(Signal::KILL);
    run.end();
    // Recorded while nobody executes the run, and taken up by whoever does.
    place.argv(&["start", "a", "--because", "the customer agreed", "--as", "ben"]).ends(0);
    place.regrow("resume").ends(0);
    assert_eq!(place.effects(), ["a"]);
    let report = place.regrow("report").ends(0).stdout;
    assert!(report.contains("ben") && report.contains("`start a` because: the customer agreed"), "{report}");
    let hours = place.regrow("report --format json").ends(0).stdout;
    let hours: serde_json::Value = serde_json::from_str(&hours).unwrap();
    assert!(hours["times"]["human_ms"].as_u64().is_some_and(|human| human < 1_000), "{hours:#}");
}

#[test]
fn an_abort_does_not_wait_for_a_window() {
    let steps = format!(
        "steps:\n  - {{ id: a, run: x, window: {} }}\nfinally:\n  - {{ id: z, run: echo z >> effects }}\n",
        closed()
    );
    let place = Place::new(&steps);
    let run = place.start_run("");
    place.until_step("a", "waiting");
    place.argv(&["abort", "--because", "not today"]).ends(0);
    run.end().ends(6);
    assert_eq!(place.effects(), ["z"]);
    let page = place.regrow("status").ends(0).stdout;
    assert!(!page.contains("waits until"), "{page}");
}

#[test]
fn a_block_beyond_its_deadline_is_late_told_once_and_given_more() {
    let place = Place::new(
        "steps:\n  - id: all\n    deadline: 1s\n    steps:\n      - { id: a, run: echo a >> effects }\n      \
         - { id: b, needs: [a], uses: manual.task, with: { instructions: look } }\n",
    );
    let run = place.start_run("");
    place.until_step("all", "late");
    let page = place.regrow("status").ends(0).stdout;
    assert!(page.contains("`all` is beyond its deadline") && page.contains("regrow extend all 30m"), "{page}");
    run.signal(Signal::KILL);
    run.end();
    let run = place.start("resume");
    place.until("somebody executes it", |place| place.status()["executor"]["alive"] == true);
    assert_eq!(count(&place, "step_late"), 1);
    place.regrow("extend all 1h").ends(0);
    assert_eq!(place.step_state("all"), "running");
    assert!(place.regrow("extend all/a 1h").ends(2).stderr.contains("cannot be given more time"));
    place.argv(&["done", "all/b", "--because", "looked"]).ends(0);
    run.end().ends(0);
    assert_eq!((place.effects(), count(&place, "step_late")), (vec!["a".to_string()], 1));
}

#[test]
fn a_deadline_is_counted_over_all_attempts_and_ends_nothing() {
    let place = Place::new(
        "steps:\n  - id: a\n    run: |\n      echo a >> effects\n      test -e ready\n    deadline: 1s\n    \
         retry: { attempts: 100, delay: 300ms, backoff: constant, when: [failed] }\n",
    );
    let run = place.start_run("");
    place.until("it is beyond its deadline", |place| {
        place.run_dir().join("journal.000001").exists() && place.step("a")["overdue_since"].is_string()
    });
    place.write("ready", "");
    run.end().ends(0);
    assert!(place.effects().len() >= 3, "{:?}", place.effects());
    assert_eq!((place.step_state("a").as_str(), count(&place, "step_late")), ("succeeded", 1));
}
