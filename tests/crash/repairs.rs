//! What a runbook knows to do against a fault, for real: once, as often as it may, in vain, and killed at every commit.

use std::fs;

use super::blocks::{killed_at_every_commit, line, place};
use super::support::Place;

const STORE: &str = "--param store=media";

/// Stands for the store: a lock and old exports may be in the way, and each prune takes one export.
const SITE: &str = r#"#!/bin/sh -eu
here=$(dirname "$0")
cd "$here"
case "$1" in
look) grep -q "^restore $2\$" effects; exit ;;
pruned) grep -q "$REGROW_OP_ID" pruned; exit ;;
restore) test ! -e locked || { echo "$2 is locked" >&2; exit 1; }
    test "$(cat exports)" = 0 || { echo "writing: No space left on device" >&2; exit 1; } ;;
esac
test ! -e "lost-$1" || { echo "$1: permission denied" >&2; exit 1; }
echo "$1 $2" >> effects
while test -e "slow-$1"; do sleep 0.05; done
case "$1" in
unlock) rm -f locked ;;
prune) echo "$REGROW_OP_ID" >> pruned; echo $(($(cat exports) - 1)) > exports ;;
esac
"#;

fn store(locked: bool, exports: u32) -> Place {
    let place = place("repaired.yaml");
    place.write("site", SITE);
    place.write("exports", &exports.to_string());
    if locked {
        place.write("locked", "");
    }
    place
}

fn fault(place: &Place) -> String {
    place.step("restore")["fault"].to_string()
}

#[test]
fn a_known_fault_is_repaired_and_the_step_is_tried_again() {
    for abort in ["", "--on-failure abort"] {
        let place = store(true, 0);
        place.regrow(&line(&place, &format!("{STORE} {abort}"))).ends(0);
        assert_eq!(place.read("effects"), "unlock media\nrestore media\n");
        let step = place.step("restore");
        assert_eq!((&step["state"], &step["attempts"]), (&"succeeded".into(), &2.into()));
        assert_eq!(step["repairs"][0]["by"], "restore/repair-1");
        assert_eq!((&step["repairs"][0]["times"], &step["fault"]), (&1.into(), &serde_json::Value::Null));
        let state = |id: &str| place.step_state(id);
        assert_eq!((state("restore/repair-1"), state("restore/repair-2")), ("succeeded".into(), "skipped".into()));
        let report = place.regrow("report run1 --format markdown").ends(0).stdout;
        assert!(report.contains("repaired by `restore/repair-1`, done once"), "{report}");
        let told = place.regrow("events run1").ends(0).stdout;
        assert!(told.contains("tried again once `restore/repair-1` is done against it"), "{told}");
        place.regrow("verify-log run1").ends(0);
    }
}

#[test]
fn what_is_in_the_way_twice_is_repaired_twice_and_not_once_more() {
    let twice = store(false, 2);
    twice.regrow(&line(&twice, STORE)).ends(0);
    assert_eq!(twice.read("effects"), "prune media\nprune media\nrestore media\n");
    assert_eq!(twice.step("restore")["repairs"][0]["times"], 2);
    assert_eq!(twice.read("pruned").lines().collect::<std::collections::BTreeSet<_>>().len(), 2, "two operations");
    let often = store(false, 3);
    let said = often.regrow(&line(&often, STORE)).ends(1);
    assert_eq!(often.read("effects"), "prune media\nprune media\n");
    let text = fault(&often);
    assert!(
        text.contains("No space left") && text.contains("`restore/repair-2` was done against it 2 times"),
        "{text}"
    );
    assert!(said.stderr.contains("try again: regrow retry restore"), "{said:#?}");
    assert!(!said.stderr.contains("regrow retry restore/repair"), "{said:#?}");
    often.write("exports", "0");
    often.regrow("retry").ends(0);
    often.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(often.read("effects"), "prune media\nprune media\nrestore media\n");
}

#[test]
fn a_repair_in_vain_leaves_the_fault_it_was_against_and_what_it_said_itself() {
    let place = store(true, 0);
    place.write("lost-unlock", "");
    place.regrow(&line(&place, STORE)).ends(1);
    let text = fault(&place);
    for said in ["media is locked", "`restore/repair-1` was done against it and did not succeed", "permission denied"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("restore"), state("tell")), ("failed".into(), "blocked".into()));
    assert_eq!(place.state(), "paused");
    for verb in ["retry", "skip", "done", "rerun"] {
        let refused = place.regrow(&format!("{verb} restore/repair-1 --because so")).ends(2);
        assert!(refused.stderr.contains(&format!("say `{verb} restore`")), "{refused:#?}");
    }
    fs::remove_file(place.path("locked")).unwrap();
    place.regrow("retry restore").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!((place.state(), place.read("effects")), ("succeeded".into(), "restore media\n".into()));
    assert_eq!(state("restore/repair-1"), "failed");
    let abort = store(true, 0);
    abort.write("lost-unlock", "");
    abort.regrow(&line(&abort, &format!("{STORE} --on-failure abort"))).ends(1);
    assert_eq!((abort.state(), abort.step_state("restore")), ("failed".into(), "failed".into()));
}

#[test]
fn a_fault_that_nothing_is_known_against_is_a_failure_as_ever() {
    let place = store(true, 0);
    let text = place.read("book.yaml");
    place.write("book.yaml", &text.replace("when: is locked", "when: RG2012"));
    place.regrow(&line(&place, STORE)).ends(1);
    assert_eq!((place.step_state("restore"), place.read("effects")), ("failed".into(), String::new()));
    assert_eq!(place.step_state("restore/repair-1"), "blocked");
    let by_code = store(true, 0);
    by_code.write("book.yaml", &text.replace("when: is locked", "when: RG2011"));
    by_code.regrow(&line(&by_code, STORE)).ends(0);
    assert_eq!(by_code.read("effects"), "unlock media\nrestore media\n");
}

#[test]
fn a_repair_nobody_can_tell_the_end_of_is_for_a_person() {
    let place = store(false, 1);
    let text = place.read("book.yaml");
    place.write(
        "book.yaml",
        &text.replace("probe: [\"{{ params.tool }}\", pruned, \"{{ params.store }}\"]", "probe: [sh, -c, 'exit 3']"),
    );
    place.write("slow-prune", "");
    let run = place.start(&line(&place, STORE));
    place.until_effects(1);
    run.cut_power();
    place.regrow("resume run1 --no-wait").ends(4);
    assert_eq!(
        (place.step_state("restore/repair-2"), place.step_state("restore")),
        ("unknown".into(), "pending".into())
    );
    place.write("exports", "0");
    place.regrow("done restore/repair-2 --because it-is-pruned").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("effects"), "prune media\nrestore media\n");
}

#[test]
fn an_abort_sees_the_repair_that_runs_to_its_end_and_tries_nothing_again() {
    let place = store(true, 0);
    place.write("slow-unlock", "");
    let run = place.start(&line(&place, STORE));
    place.until_effects(1);
    place.regrow("abort --because enough").ends(0);
    fs::remove_file(place.path("slow-unlock")).unwrap();
    run.end().ends(6);
    assert_eq!(place.read("effects"), "unlock media\n");
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("restore"), state("restore/repair-1")), ("pending".into(), "succeeded".into()));
}

#[test]
fn a_repair_waits_while_the_run_is_paused_and_a_step_done_by_hand_needs_none() {
    let place = store(true, 0);
    place.write("slow-unlock", "");
    let run = place.start(&line(&place, STORE));
    place.until_effects(1);
    place.regrow("done restore --because from-tape --unverified").ends(0);
    fs::remove_file(place.path("slow-unlock")).unwrap();
    run.end().ends(0);
    assert_eq!((place.step_state("restore"), place.read("effects")), ("succeeded".into(), "unlock media\n".into()));
    let asked = store(true, 0);
    let text = asked.read("book.yaml");
    asked.write(
        "book.yaml",
        &text.replace("          name: Clear the lock", "          approval: {}\n          name: Clear the lock"),
    );
    asked.regrow(&line(&asked, STORE)).ends(3);
    assert_eq!((asked.state(), asked.step_state("restore/repair-1")), ("waiting".into(), "waiting".into()));
    asked.regrow("skip restore/repair-1 --because it-is-a-false-alarm").ends(0);
    fs::remove_file(asked.path("locked")).unwrap();
    asked.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(asked.read("effects"), "restore media\n");
}

#[test]
fn a_way_of_a_try_is_repaired_before_the_next_one_is_tried() {
    let body = r#"steps:
  - id: restore
    needs: []
    try:
      - id: fast
        run: "test -e fixed || { echo stale >&2; exit 1; }; echo fast >> effects"
        repair: { when: stale, do: { run: "echo fix >> effects; FIX" } }
      - { id: slow, run: "echo slow >> effects" }
  - { id: tell, uses: manual.notice, needs: [restore], with: { audience: all, message: "by {{ steps.restore.winner }}" } }
"#;
    let fixed = Place::new(&body.replace("FIX", "touch fixed"));
    fixed.run("--no-wait").ends(0);
    assert_eq!(fixed.read("effects"), "fix\nfast\n");
    assert_eq!(fixed.step_state("restore/slow"), "skipped");
    assert!(fixed.regrow("events --json").ends(0).stdout.contains("by fast"));
    let broken = Place::new(&body.replace("FIX", "exit 1"));
    broken.run("--no-wait").ends(0);
    assert_eq!(broken.read("effects"), "fix\nslow\n");
    assert_eq!(broken.step_state("restore/fast"), "superseded");
}

#[test]
fn repairs_and_ways_help_also_after_a_step_was_taken_back() {
    let place = Place::new(
        r#"steps:
  - { id: first, needs: [], run: "echo first >> effects", undo: [sh, -c, "echo back >> effects"] }
  - { id: gate, needs: [first], run: "test -e open" }
  - { id: mended, needs: [gate], run: "test -e fixed || { echo stale >&2; exit 1; }", repair: { when: stale, do: { run: "echo fix >> effects; touch fixed" } } }
  - { id: restore, needs: [mended], try: [{ id: fast, run: "exit 1" }, { id: slow, run: "echo slow >> effects" }] }
"#,
    );
    place.regrow("run book.yaml --yes --no-wait --run-id run1").ends(1);
    place.regrow("undo first --because again --yes").ends(0);
    place.write("open", "");
    place.regrow("retry first --because again").ends(0);
    place.regrow("retry gate --because open").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!((place.state(), place.read("effects")), ("succeeded".into(), "first\nback\nfirst\nfix\nslow\n".into()));
}

#[test]
fn every_item_of_a_block_has_repairs_of_its_own_and_retries_come_after_them() {
    let place = Place::new(
        r#"steps:
  - id: site
    needs: []
    foreach: [a, b]
    order: serial
    steps:
      - id: copy
        needs: []
        retry: { attempts: 2, delay: 0, when: failed }
        uses: run
        with:
          env: { WHICH: "{{ item }}" }
          script: |
            echo "copy $WHICH" >> effects
            test -e "ok-$WHICH" || { echo "stale" >&2; exit 1; }
            test "$WHICH$(grep -c "copy b" effects)" != b2
        repair:
          when: stale
          do: { uses: run, with: { env: { WHICH: "{{ item }}" }, script: 'echo "fix $WHICH" >> effects; touch "ok-$WHICH"' } }
finally:
  - { id: one, run: "test -e done-one || exit 1", repair: [{ when: RG2011, do: { run: touch done-one } }] }
  - { id: two, run: "test -e done-one; echo two >> effects" }
"#,
    );
    place.run("--no-wait").ends(0);
    assert_eq!(place.read("effects"), "copy a\nfix a\ncopy a\ncopy b\nfix b\ncopy b\ncopy b\ntwo\n");
    assert_eq!(place.step("site:b/copy")["attempts"], 3, "the attempt behind a repair is none of the two of `retry`");
    assert_eq!(place.step_state("site:b/copy/repair-1"), "succeeded");
}

#[test]
fn a_restore_with_repairs_is_killed_at_every_commit() {
    let wanted = ["prune media", "prune media", "restore media", "unlock media"];
    killed_at_every_commit(|| store(true, 2), STORE, &wanted);
}
