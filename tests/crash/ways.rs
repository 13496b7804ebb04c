//! The example runbooks with a second way, for real: by the first, by the second, by none, and killed at every commit.

use std::fs;

use super::blocks::{killed_at_every_commit, line, place};
use super::support::Place;

const STORE: &str = "--param store=media";

#[test]
fn the_first_way_that_works_is_the_only_one_taken() {
    let place = place("second-way.yaml");
    place.regrow(&line(&place, STORE)).ends(0);
    assert_eq!(place.read("effects"), "attach media\n");
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("restore/snapshot"), state("restore/backup")), ("succeeded".into(), "skipped".into()));
    let told = place.regrow("events run1 --json").ends(0).stdout;
    assert!(told.contains("media is attached, by way of the snapshot"), "{told}");
    place.regrow("verify-log run1").ends(0);
}

#[test]
fn a_way_that_fails_is_taken_back_before_the_next_begins() {
    for abort in ["", "--on-failure abort"] {
        let place = place("second-way.yaml");
        place.write("broken-attach-media", "");
        place.regrow(&line(&place, &format!("{STORE} {abort}"))).ends(0);
        assert_eq!(place.read("effects"), "attach media\ndetach media\ncopy media\n");
        let state = |id: &str| place.step_state(id);
        assert_eq!((state("restore/snapshot"), state("restore/backup")), ("superseded".into(), "succeeded".into()));
        let told = place.regrow("events run1 --json").ends(0).stdout;
        assert!(told.contains("media is copied, by way of the backup"), "{told}");
        let undo = place.regrow("undo run1 --all --json");
        assert!(!undo.stdout.contains("detach"), "{undo:#?}");
    }
}

#[test]
fn if_no_way_works_the_last_one_is_what_a_person_tries_again() {
    let place = place("second-way.yaml");
    ["attach", "copy"].iter().for_each(|what| place.write(&format!("broken-{what}-media"), ""));
    place.regrow(&line(&place, STORE)).ends(1);
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("restore"), state("restore/snapshot")), ("failed".into(), "superseded".into()));
    assert_eq!((state("restore/backup"), state("tell")), ("failed".into(), "blocked".into()));
    fs::remove_file(place.path("broken-copy-media")).unwrap();
    place.regrow("retry restore").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("effects"), "attach media\ndetach media\ncopy media\ncopy media\n");
}

#[test]
fn a_way_that_cannot_be_taken_back_holds_the_others_until_a_person_decides() {
    let place = place("second-way.yaml");
    ["attach", "detach"].iter().for_each(|what| place.write(&format!("broken-{what}-media"), ""));
    place.regrow(&line(&place, STORE)).ends(1);
    assert_eq!(place.read("effects"), "attach media\ndetach media\n");
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("restore/snapshot"), state("restore/backup")), ("failed".into(), "blocked".into()));
    place.regrow("skip restore/snapshot --because detached-by-hand").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("effects"), "attach media\ndetach media\ncopy media\n");
    assert_eq!(place.state(), "succeeded");
}

#[test]
fn a_way_nobody_can_tell_the_end_of_holds_the_others() {
    let place = place("second-way.yaml");
    let text = place.read("book.yaml");
    place.write("book.yaml", &text.replacen("effect: convergent", "probe: [sh, -c, 'exit 3']", 1));
    place.write("slow-attach-media", "");
    let run = place.start(&line(&place, STORE));
    place.until_effects(1);
    run.cut_power();
    place.regrow("resume run1 --no-wait").ends(4);
    assert_eq!(
        (place.step_state("restore/snapshot"), place.read("effects")),
        ("unknown".into(), "attach media\n".into())
    );
    place.regrow("retry restore/snapshot --because it-is-not-attached").ends(0);
    fs::remove_file(place.path("slow-attach-media")).unwrap();
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.step_state("restore/backup"), "skipped");
}

#[test]
fn a_restore_by_the_first_way_is_killed_at_every_commit() {
    killed_at_every_commit(|| place("second-way.yaml"), STORE, &["attach media"]);
}

#[test]
fn a_restore_by_the_second_way_is_killed_at_every_commit() {
    let make = || {
        let place = place("second-way.yaml");
        place.write("broken-attach-media", "");
        place
    };
    killed_at_every_commit(make, STORE, &["attach media", "copy media", "detach media"]);
}

#[test]
fn a_try_whose_last_way_is_not_taken_is_tried_again_from_the_first() {
    let place = Place::new(
        r#"steps:
  - id: restore
    needs: []
    try:
      - { id: fast, run: "echo fast >> effects; test -e there" }
      - { id: slow, if: false, run: "echo slow >> effects" }
"#,
    );
    place.run("--no-wait").ends(1);
    let fault = place.step("restore")["fault"].to_string();
    assert!(fault.contains("RG5014") && fault.contains("what was tried failed"), "{fault}");
    place.write("there", "");
    place.regrow("retry restore").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!((place.state(), place.read("effects")), ("succeeded".into(), "fast\nfast\n".into()));
}

#[test]
fn items_that_have_to_be_alike_are_compared_once_all_have_answered() {
    let place = Place::new(
        r#"steps:
  - id: upgrade
    needs: []
    foreach: [db1, db2, db3]
    run: "true"
    verify:
      - probe: command
        with: { command: [cat, "version-{{ item }}"] }
        expect: { equals: 0, stdout: { matches: "^1", same_across_items: true } }
  - { id: tell, needs: [upgrade], run: "echo told >> effects" }
"#,
    );
    [("db1", "16.2"), ("db2", "16.2"), ("db3", "15.9")]
        .iter()
        .for_each(|(host, version)| place.write(&format!("version-{host}"), version));
    let said = place.run("--no-wait").ends(1);
    assert_eq!((place.step_state("upgrade"), place.step_state("upgrade:db3")), ("unproven".into(), "succeeded".into()));
    let fault = &place.step("upgrade")["fault"];
    assert_eq!((&fault["code"], fault["causes"][2].as_str()), (&"RG5015".into(), Some("db3: \"15.9\"")));
    assert!(said.stderr.contains("db1: \"16.2\""), "{said:#?}");
    place.write("version-db3", "16.2");
    place.regrow("retry upgrade").ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.read("effects"), "told\n");
    place.regrow("verify-log").ends(0);
}

const SERVICE: &str = "--param service=mail";

#[test]
fn a_call_that_fails_although_it_worked_succeeds_by_its_proof_and_one_that_did_not_work_does_not() {
    let place = place("worked-anyway.yaml");
    place.write("broken-enable-mail", "");
    place.regrow(&line(&place, SERVICE)).ends(0);
    assert_eq!((place.step_state("enable"), place.read("effects")), ("succeeded".into(), "enable mail\n".into()));
    let report = place.regrow("report run1 --format markdown").ends(0).stdout;
    assert!(report.contains("RG2011 the command ended with exit code 1"), "the failure stays visible: {report}");
    let lost = self::place("worked-anyway.yaml");
    lost.write("book.yaml", &lost.read("book.yaml").replace("within: 30s", "within: 1s"));
    lost.write("lost-enable-mail", "");
    lost.regrow(&line(&lost, SERVICE)).ends(1);
    assert_eq!(lost.step_state("enable"), "unproven");
}

#[test]
fn a_call_that_fails_although_it_worked_is_killed_at_every_commit() {
    let make = || {
        let place = place("worked-anyway.yaml");
        place.write("broken-enable-mail", "");
        place
    };
    killed_at_every_commit(make, SERVICE, &["enable mail"]);
}

#[test]
fn the_end_of_a_run_with_an_unknown_step_says_so_and_suggests_no_answer() {
    let place = Place::new(
        "steps:
  - { id: unk, needs: [], run: echo unk >> effects; kill -9 $PPID; sleep 1 }
  - { id: bad, needs: [], run: sleep 1; exit 3 }
",
    );
    let said = place.run("--no-wait --on-failure abort").ends(4);
    assert_eq!(place.step_state("unk"), "unknown", "{said:#?}");
    assert!(place.state() == "failed" && !said.stderr[said.stderr.find("fail").unwrap()..].contains("regrow done unk"));
    place.regrow("resume run1").ends(4);
    // Who says that it ends has what was asked for.
    let place = Place::new("steps:\n  - { id: unk, needs: [], run: kill -9 $PPID; sleep 1 }\n");
    place.run("--no-wait").ends(4);
    place.regrow("abort --because enough").ends(0);
    place.regrow("resume run1").ends(4);
}

#[test]
fn an_answer_to_a_try_names_the_way_that_is_open_and_a_paused_run_is_not_paused_again() {
    let place = Place::new(
        "steps:
  - id: t
    needs: []
    try:
      - { id: one, run: exit 1 }
      - { id: two, run: exit 1 }
",
    );
    place.run("--no-wait").ends(1);
    let said = place.regrow("done t --because so").ends(2);
    assert!(said.stderr.contains("say it of one: regrow done t/two"), "{said:#?}");
    place.regrow("done t/two --because so").ends(0);
    let place = Place::new("steps:\n  - { id: w, needs: [], uses: manual.task, with: { instructions: look } }\n");
    let run = place.start_run("");
    place.until_step("w", "waiting");
    place.regrow("pause --because lunch").ends(0);
    run.end().ends(75);
    let said = place.regrow("pause --because lunch").ends(2);
    assert!(said.stderr.contains("the run is paused already"), "{said:#?}");
    place.regrow("resume --no-wait").ends(3);
}
