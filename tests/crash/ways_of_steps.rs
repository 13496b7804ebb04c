//! A `try` whose ways have several steps, for real: by the first, by the second, given up by a person, killed at every commit.

use std::fs;

use super::blocks::{killed_at_every_commit, line, place};
use super::support::Place;

const STORE: &str = "--param store=media";

const BOOK: &str = r#"version: 1
name: ways-of-steps
severity: partial
params:
  tool: { type: string }
  store: { type: string }
defaults: { kinds: { run: { effect: convergent } } }
steps:
  - id: restore
    needs: []
    try:
      - id: replica
        steps:
          - id: attach
            needs: []
            uses: run
            with: { command: ["{{ params.tool }}", attach, "{{ params.store }}"], outputs: { state: { type: string } } }
            undo: ["{{ params.tool }}", detach, "{{ params.store }}"]
          - id: promote
            needs: [attach]
            uses: run
            with: { command: ["{{ params.tool }}", promote, "{{ params.store }}"] }
            undo: ["{{ params.tool }}", demote, "{{ params.store }}"]
          - { id: enable, needs: [promote], uses: run, with: { command: ["{{ params.tool }}", enable, "{{ params.store }}"] } }
        outputs: { state: "{{ steps.attach.outputs.state }}" }
      - id: backup
        steps:
          - { id: fetch, needs: [], uses: run, with: { command: ["{{ params.tool }}", fetch, "{{ params.store }}"] } }
          - id: copy
            needs: [fetch]
            uses: run
            with: { command: ["{{ params.tool }}", copy, "{{ params.store }}"], outputs: { state: { type: string } } }
        outputs: { state: "{{ steps.copy.outputs.state }}" }
  - id: tell
    uses: manual.notice
    needs: [restore]
    with: { audience: operations, message: "it is {{ steps.restore.outputs.state }}, by way of the {{ steps.restore.winner }}" }
"#;

fn of_steps() -> Place {
    let place = place("second-way.yaml");
    place.write("book.yaml", BOOK);
    place
}

fn broken(what: &[&str]) -> Place {
    let place = of_steps();
    what.iter().for_each(|what| place.write(&format!("broken-{what}-media"), ""));
    place
}

fn effects(place: &Place) -> String {
    place.read("effects").replace(" media\n", " ")
}

#[test]
fn its_steps_are_taken_back_the_last_first_before_the_next_way_begins() {
    for abort in ["", "--on-failure abort"] {
        let place = broken(&["promote"]);
        place.regrow(&line(&place, &format!("{STORE} {abort}"))).ends(0);
        assert_eq!(effects(&place), "attach promote demote detach fetch copy ");
        let states = ["", "/attach", "/promote", "/enable"].map(|id| place.step_state(&format!("restore/replica{id}")));
        assert_eq!(states, ["superseded"; 4].map(String::from));
        assert_eq!((place.state(), place.step_state("restore/backup")), ("succeeded".into(), "succeeded".into()));
        let told = place.regrow("events run1 --json").ends(0).stdout;
        assert!(told.contains("it is copied, by way of the backup"), "{told}");
        let undo = place.regrow("undo run1 --all --json").stdout;
        assert!(!undo.contains("demote") && !undo.contains("detach"), "{undo}");
    }
}

#[test]
fn one_that_comes_out_well_is_the_only_one_taken() {
    let place = of_steps();
    place.regrow(&line(&place, STORE)).ends(0);
    assert_eq!(effects(&place), "attach promote enable ");
    let states = ["backup", "backup/fetch", "backup/copy"].map(|id| place.step_state(&format!("restore/{id}")));
    assert_eq!(states, ["skipped"; 3].map(String::from));
}

#[test]
fn one_that_cannot_be_taken_back_waits_for_a_person_who_may_give_it_up() {
    let place = broken(&["promote", "demote"]);
    place.regrow(&line(&place, STORE)).ends(1);
    assert_eq!(effects(&place), "attach promote demote ");
    place.regrow("skip restore/replica --because demoted-by-hand").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(effects(&place), "attach promote demote fetch copy ");
    let states = ["", "/promote", "/enable"].map(|id| place.step_state(&format!("restore/replica{id}")));
    assert_eq!(states, ["skipped", "superseded", "superseded"].map(String::from));
    assert_eq!(place.state(), "succeeded");
}

#[test]
fn one_that_is_not_proven_gives_way_too() {
    let place = of_steps();
    let proof = r#"needs: [attach]
            verify: [{ probe: command, with: { command: ["false"] }, expect: { equals: 0 } }]"#;
    place.write("book.yaml", &BOOK.replacen("needs: [attach]", proof, 1));
    place.regrow(&line(&place, STORE)).ends(0);
    assert_eq!(effects(&place), "attach promote demote detach fetch copy ");
}

#[test]
fn the_last_one_is_gone_on_with_where_it_failed() {
    let place = broken(&["promote", "copy"]);
    place.regrow(&line(&place, STORE)).ends(1);
    assert_eq!((place.step_state("restore"), place.step_state("restore/backup")), ("failed".into(), "failed".into()));
    fs::remove_file(place.path("broken-copy-media")).unwrap();
    place.regrow("retry restore/backup/copy").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(effects(&place), "attach promote demote detach fetch copy copy ");
}

#[test]
fn one_is_killed_at_every_commit() {
    killed_at_every_commit(of_steps, STORE, &["attach media", "enable media", "promote media"]);
}

#[test]
fn one_that_fails_is_killed_at_every_commit() {
    let all = ["attach media", "copy media", "demote media", "detach media", "fetch media", "promote media"];
    killed_at_every_commit(|| broken(&["promote"]), STORE, &all);
}
