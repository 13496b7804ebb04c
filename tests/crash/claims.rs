//! What people are told where a person left a step out, called it done, or took it back: never that all is well.

use super::support::Place;

/// What customers, whoever looks, and the report say of the run.
fn told(place: &Place) -> (String, String, String) {
    let said = |line: &str| place.regrow(line).ends(0).stdout;
    (said("status --line run1"), said("status run1"), said("report run1"))
}

#[track_caller]
fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn a_run_without_a_step_that_a_person_left_out_is_not_called_recovered() {
    let place = Place::new(
        "objectives: { rto: 1h30m }
steps:
  - { id: good, needs: [], run: 'true' }
  - { id: bad, name: Restore the database, needs: [], run: exit 1 }
",
    );
    place.run("--no-wait").ends(1);
    place.regrow("skip bad --because later --as ana").ends(0);
    place.regrow("resume --no-wait").ends(0);
    let (line, status, report) = told(&place);
    assert!(!line.contains("recovered") && line.contains("a part of it was left out"), "{line}");
    assert_has(&status, &["succeeded, 1 of 2 steps done, 1 skipped\n", "without `bad`, left out by ana\n"]);
    assert_has(
        &status,
        &["left out by ana: later, Restore the database\n", "RTO 1h30m: not judged, a part was left out"],
    );
    assert!(!report.contains("Yes") && !report.contains("succeeded 0s"), "{report}");
    assert_has(
        &report,
        &[
            "**Is it back?** Nobody has shown it: the run ended at ",
            " without `bad`, left out by ana: later.\n",
            "**What is still open?** 1 matter: `bad` was left out by ana: later.",
            "RTO 1h30m: not judged, a part was left out.",
        ],
    );
    assert_has(&place.regrow("list").ends(0).stdout, &["without `bad`, left out by ana"]);
    let status = place.status();
    // What programs read stays as it was, and says more.
    assert_eq!((&status["state"], &status["left_out"][0]["step"]), (&"succeeded".into(), &"bad".into()));
    assert_eq!((&status["left_out"][0]["who"], &status["left_out"][0]["because"]), (&"ana".into(), &"later".into()));
}

#[test]
fn what_an_if_leaves_out_or_another_way_makes_good_is_no_gap() {
    let place = Place::new(
        "steps:
  - { id: good, needs: [], run: 'true', verify: [{ probe: command, with: { command: ['true'] }, expect: { equals: 0 } }] }
  - { id: other, needs: [], if: (eq 1 2), run: 'true' }
  - id: ways
    needs: []
    try:
      - { id: first, run: exit 1, approval: { minimum: 1 } }
      - { id: second, run: 'true' }
",
    );
    place.run("--no-wait").ends(3);
    place.regrow("skip ways/first --because slow").ends(0);
    place.regrow("resume --no-wait").ends(0);
    let (line, status, report) = told(&place);
    assert!(line.contains("book: recovered and verified at "), "{line}");
    assert!(!status.contains("without"), "{status}");
    assert_has(&report, &["**Is it back?** Yes, since ", "**What is still open?** Nothing."]);
}

#[test]
fn what_is_left_out_from_the_start_says_by_whom_and_why() {
    let place = Place::new("steps:\n  - { id: a, needs: [], run: 'true' }\n  - { id: b, needs: [a], run: 'true' }\n");
    place.run("--skip b --because nobody-needs-it --as cleo").ends(0);
    let (line, status, _) = told(&place);
    assert!(!line.contains("recovered"), "{line}");
    assert_has(&status, &["left out by cleo: nobody-needs-it"]);
}

#[test]
fn what_a_person_calls_done_is_said_to_be_said() {
    let place = Place::new(
        "steps:
  - { id: good, needs: [], run: 'true', verify: [{ probe: command, with: { command: ['true'] }, expect: { equals: 0 } }] }
  - { id: bad, needs: [], run: exit 1 }
  - { id: task, needs: [], uses: manual.task, with: { instructions: look } }
",
    );
    place.run("--no-wait").ends(1);
    place.regrow("done bad --because on-the-console --as ana").ends(0);
    place.regrow("done task --because looked --as ben").ends(0);
    place.regrow("resume --no-wait").ends(0);
    let (line, status, report) = told(&place);
    assert!(line.contains("a part was done by hand and is not verified") && !line.contains("and verified"), "{line}");
    assert_has(&status, &["`bad` done by hand, says ana\n", "done by hand, says ana: on-the-console\n"]);
    let said = "**Is it back?** So people say, since ";
    assert_has(&report, &[said, "1 check proved it. `bad` done by hand, says ana: on-the-console.\n"]);
}

#[test]
fn an_undo_that_failed_after_the_end_is_told_with_the_command_that_goes_on() {
    let step = |id: &str, needs: &str, undo: &str| {
        format!("  - {{ id: {id}, needs: [{needs}], run: 'true', undo: [sh, -c, '{undo}'] }}\n")
    };
    let place = Place::new(&format!(
        "objectives: {{ rto: 1h30m }}\nsteps:\n{}{}",
        step("c", "", "true"),
        step("d", "c", "test -e mended")
    ));
    place.run("").ends(0);
    place.regrow("undo c --run run1 --because wrong --yes").ends(1);
    let (line, status, report) = told(&place);
    assert!(line.contains("is being taken back") && !line.contains("recovered"), "{line}");
    assert_has(
        &status,
        &[
            "the undo of `d` FAILED\n",
            "? `d` could not be taken back: RG2011",
            "take it back again: regrow undo d --because TEXT --run run1\n",
            "next: regrow undo c --because TEXT --run run1\n",
            "RTO 1h30m: not judged, a part was taken back since",
        ],
    );
    let again = "Go on with: `regrow undo c --because TEXT --run run1`";
    assert_has(&report, &["**Is it back?** No: it is being taken back, and `d` could not be.", again]);
    assert!(!report.contains("succeeded 0s"), "{report}");
    assert_has(&place.regrow("list").ends(0).stdout, &["succeeded", "the undo of `d` FAILED"]);
    // What is suggested is taken, and then the run says what became of it.
    place.write("mended", "");
    place.regrow("undo c --because again --run run1 --yes").ends(0);
    let (line, status, report) = told(&place);
    assert!(line.contains("a part was taken back since"), "{line}");
    assert_has(
        &status,
        &["succeeded, 0 of 2 steps done\n", "then `c`, `d` taken back\n", "next: regrow report run1\n"],
    );
    assert_has(&report, &["In part, since "]);
    assert_has(&place.regrow("list").ends(0).stdout, &["then `c`, `d` taken back"]);
}
