//! Whose time it was while nobody executed a run: work that went on is not blamed on absence.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use super::support::Place;

/// Its executor dies so many seconds after the step began, which takes so many, and another one comes so many later.
fn left_alone(takes: u64, dies_after: u64, back_after: u64) -> Value {
    let place = Place::new(&format!(
        "steps:\n  - {{ id: work, needs: [], run: 'echo begun >> effects; sleep {takes}; echo over >> effects' }}\n"
    ));
    let run = place.start_run("");
    place.until_effects(1);
    thread::sleep(Duration::from_secs(dies_after));
    run.signal(Signal::KILL);
    run.end();
    thread::sleep(Duration::from_secs(back_after));
    place.regrow("resume").ends(0);
    assert_eq!(place.effects(), ["begun", "over"]);
    let page = place.regrow("report").ends(0).stdout;
    assert!(page.contains(": no sign of life of an executor; resumed by "), "{page}");
    serde_json::from_str(&place.regrow("report --format json").ends(0).stdout).unwrap()
}

fn part(report: &Value, name: &str) -> u64 {
    report["times"][name].as_u64().unwrap()
}

#[test]
fn work_that_is_found_going_on_was_work_all_the_time() {
    let report = left_alone(4, 2, 0);
    assert_eq!(part(&report, "unattended_ms"), 0, "{}", report["times"]);
    assert!(part(&report, "machine_ms") >= 3900, "{}", report["times"]);
}

#[test]
fn work_whose_result_is_found_was_work_until_it_ended() {
    let report = left_alone(2, 0, 4);
    let (machine, alone) = (part(&report, "machine_ms"), part(&report, "unattended_ms"));
    assert!((1900..4000).contains(&machine) && alone >= 1000, "{}", report["times"]);
}
