//! The command `cleanup`: with an executor and without one, after the end, cut short.

use rustix::process::Signal;

use super::support::Place;

/// A step that makes a file which its ledger entry takes away again.
fn makes(id: &str, temporary: &str) -> String {
    let remove = format!("[sh, -c, \"rm {id}.made && echo un-{id} >> effects\"]");
    format!(
        "  - id: {id}\n    needs: []\n    run: touch {id}.made\n    temporary: {temporary}\n    creates: [{{ kind: file, id: {id}.made, remove: {remove} }}]\n"
    )
}

fn ended(more: &str) -> Place {
    let steps = format!("{}{}", makes("now", "true"), makes("later", "{ keep_for: 24h }"));
    let place = Place::new(&format!("steps:\n{steps}{more}"));
    place.run("--no-wait").ends(0);
    place
}

#[test]
fn what_is_temporary_is_taken_away_after_the_end_and_what_is_young_is_named() {
    let place = ended(
        "  - id: stays\n    needs: []\n    run: touch x\n    creates: [{ kind: file, id: x, remove: [rm, x] }]\n",
    );
    let overdue = place.regrow("status run1").ends(0).stdout;
    assert!(overdue.contains("take it away: regrow cleanup run1"), "{overdue}");
    let said = place.regrow("cleanup run1").ends(0);
    assert!(said.stdout.starts_with("removed file now.made\nkept: file later.made stays until 20"), "{said:#?}");
    assert!(said.stdout.ends_with("; later: regrow cleanup run1\n"), "{said:#?}");
    assert_eq!(place.effects(), ["un-now"]);
    let status = place.status();
    assert_eq!((status["state"].as_str(), status["ledger"].as_array().unwrap().len()), (Some("succeeded"), 2));
    let told = place.regrow("events run1").ends(0).stdout;
    assert!(told.contains("`cleanup`") && told.contains("file `now.made` is taken away"), "{told}");
    let again = place.regrow("--json cleanup run1").ends(0);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(
        (&again["removed"], again["kept"][0]["what"].as_str()),
        (&serde_json::json!([]), Some("file later.made"))
    );
    assert!(!std::fs::read_to_string(place.run_dir().join("report.md")).unwrap().contains("Interruptions"));
    place.regrow("verify-log run1").ends(0);
}

#[test]
fn what_cannot_be_taken_away_is_named_and_tried_again() {
    let place = ended("");
    std::fs::remove_file(place.path("now.made")).unwrap();
    let said = place.regrow("cleanup run1").ends(1);
    assert!(said.stdout.contains("NOT REMOVED file now.made"), "{said:#?}");
    place.write("now.made", "");
    place.regrow("cleanup run1").ends(0);
    assert_eq!(place.effects(), ["un-now"]);
}

/// Waits for a person behind the step that made the file.
fn waiting() -> Place {
    let task = "  - { id: ask, uses: manual.task, needs: [now], with: { instructions: look } }\n";
    let after = "  - id: after\n    needs: []\n    approval: { minimum: 1 }\n    run: echo after >> effects\n";
    Place::new(&format!("steps:\n{}{}{task}{after}", makes("now", "true"), makes("free", "true")))
}

#[test]
fn a_live_executor_takes_away_what_no_step_may_need_any_more() {
    let place = waiting();
    let run = place.start_run("");
    place.until_step("ask", "waiting");
    place.until_step("free", "succeeded");
    let said = place.regrow("cleanup").ends(0);
    assert!(said.stdout.contains("removed file free.made\n"), "{said:#?}");
    assert!(said.stdout.contains("kept: file now.made stays, `ask` may still need it"), "{said:#?}");
    assert_eq!(place.effects(), ["un-free"]);
    drop(run);
}

#[test]
fn without_an_executor_the_run_itself_does_not_move() {
    let place = waiting();
    place.run("--no-wait").ends(3);
    let code = place.step("after")["asks"]["code"].as_str().unwrap().to_string();
    place.regrow(&format!("approve after --code {code}")).ends(0);
    place.regrow("cleanup run1").ends(0);
    assert_eq!(place.effects(), ["un-free"]);
    assert_eq!(place.step_state("ask"), "waiting");
    place.regrow("done ask --because looked").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "un-free"]);
}

#[test]
fn a_clean_up_that_was_killed_is_gone_on_with() {
    for next in ["cleanup run1", "resume run1"] {
        let remove =
            "[sh, -c, \"echo begun >> effects; while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done; rm -f x\"]";
        let slow = format!(
            "  - id: slow\n    needs: []\n    run: touch x\n    temporary: true\n    creates: [{{ kind: file, id: x, remove: {remove} }}]\n"
        );
        let place = ended(&slow);
        let run = place.start("cleanup run1");
        place.until_effects(2);
        run.signal(Signal::KILL);
        assert_eq!(run.end().signal, Some(9));
        assert_eq!(place.status()["ledger"].as_array().unwrap().len(), 2, "what was removed is known");
        place.write("go", "");
        let said = place.regrow(next).ends(0);
        let status = place.status();
        assert_eq!(status["ledger"].as_array().unwrap().len(), 1, "{next}: {said:#?}");
        assert_eq!(place.effects(), ["begun", "un-now"], "{next}");
        let told = place.regrow("events run1").ends(0).stdout;
        assert_eq!(told.matches("what is temporary is taken away").count(), 1, "{told}");
    }
}

#[test]
fn who_only_takes_away_is_asked_for_no_other_secret() {
    let book = r#"secrets: { own: { from: env, key: OWN }, other: { from: env, key: OTHER } }
steps:
  - id: make
    uses: run
    needs: []
    with: { command: [sh, -c, "touch made"], env: { A: "{{ secrets.own }}" } }
    temporary: true
    creates: [{ kind: file, id: made, remove: [sh, -c, "echo un-made >> effects"] }]
    undo: [sh, -c, "echo undone >> effects"]
  - id: ask
    uses: manual.task
    needs: [make]
    with: { instructions: look }
  - id: use
    uses: run
    needs: [ask]
    with: { command: [sh, -c, "true"], env: { B: "{{ secrets.other }}" } }
"#;
    let with = |place: &Place, secrets: &[(&str, &str)], args: &str| {
        let args: Vec<&str> = args.split_whitespace().collect();
        let mut command = place.command(super::support::REGROW, &args);
        command.envs(secrets.iter().copied());
        super::support::finish(command)
    };
    let own = ("OWN", "a-first-secret");
    let place = Place::new(book);
    with(&place, &[own, ("OTHER", "another-secret")], "run book.yaml --yes --run-id run1 --no-wait").ends(3);
    let said = with(&place, &[], "undo make --yes --because wrong --run run1").ends(2);
    assert!(said.stderr.contains("OWN") && !said.stderr.contains("OTHER"), "{said:#?}");
    with(&place, &[own], "undo make --yes --because wrong --run run1").ends(0);
    with(&place, &[], "abort --because enough --run run1").ends(0);
    with(&place, &[], "cleanup run1").ends(2);
    with(&place, &[own], "cleanup run1").ends(0);
    assert_eq!(place.read("effects"), "undone\nun-made\n");
}

#[test]
fn an_abort_where_nobody_executes_has_the_secrets_of_what_it_takes_away_and_of_who_is_told() {
    let book = r#"secrets: { s: { from: file, path: secret }, h: { from: file, path: hook } }
tell: [{ when: ended, to: "{{ secrets.h }}" }]
steps:
  - { id: a, needs: [], run: touch made, with: { env: { PW: "{{ secrets.s }}" } }, temporary: true, creates: [{ kind: file, id: made, remove: [sh, -c, "rm made; echo ${#PW} >> effects"] }] }
  - { id: w, needs: [a], uses: manual.task, with: { instructions: look } }
finally:
  - { id: clean, uses: ledger.cleanup, with: { only: temporary } }
"#;
    let place = Place::new(book);
    place.write("secret", "verysecret");
    // Nobody listens there.
    place.write("hook", "http://127.0.0.1:9/hook");
    place.run("--no-wait").ends(3);
    let said = place.regrow("abort --because enough").ends(0);
    assert!(!said.stderr.contains("RG0323"), "{said:#?}");
    assert!(!place.path("made").exists(), "{said:#?}");
    assert_eq!(place.status()["ledger"], serde_json::json!([]));
}

/// Slow enough to be cut off, and tells how often it was begun and done.
const SLOW: &str = "[sh, -c, \"echo begun >> effects; sleep 2; echo done >> effects\"]";

#[test]
fn what_is_being_taken_away_when_the_executor_dies_is_not_taken_away_twice() {
    // Still under way, and over.
    for pause in [0, 3_000] {
        let made = format!("creates: [{{ kind: file, id: x, remove: {SLOW} }}]");
        let place = Place::new(&format!(
            "steps:\n  - {{ id: make, run: 'true', temporary: true, {made} }}\n  - {{ id: fails, needs: [make], run: exit 1 }}\nfinally:\n  - {{ id: clean, uses: ledger.cleanup, with: {{ only: temporary }} }}\n"
        ));
        let run = place.start_run("--no-wait --on-failure abort");
        place.until_effects(1);
        run.signal(Signal::KILL);
        run.end();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        place.regrow("resume run1 --no-wait").ends(1);
        assert_eq!(place.read("effects"), "begun\ndone\n");
        assert_eq!(
            (place.step_state("clean").as_str(), &place.status()["ledger"]),
            ("succeeded", &serde_json::json!([]))
        );
    }
}

#[test]
fn an_undo_that_outlives_its_executor_is_adopted_and_one_that_failed_is_done_again() {
    for pause in [0, 3_000] {
        let place = Place::new(&format!("steps:\n  - {{ id: make, run: 'true', undo: {SLOW} }}\n"));
        place.run("--no-wait").ends(0);
        let undo = place.start("undo make --run run1 --because wrong --yes");
        place.until_effects(1);
        undo.signal(Signal::KILL);
        undo.end();
        std::thread::sleep(std::time::Duration::from_millis(pause));
        place.regrow("resume run1 --no-wait");
        assert_eq!((place.read("effects").as_str(), place.step_state("make").as_str()), ("begun\ndone\n", "undone"));
    }
    let undo = "[sh, -c, \"echo tried >> effects; test -e ready\"]";
    let place = Place::new(&format!("steps:\n  - {{ id: make, run: 'true', undo: {undo} }}\n"));
    place.run("--no-wait").ends(0);
    place.regrow("undo make --run run1 --because wrong --yes").ends(1);
    place.write("ready", "");
    place.regrow("undo make --run run1 --because wrong --yes").ends(0);
    assert_eq!((place.effects().len(), place.step_state("make").as_str()), (2, "undone"));
}

#[test]
fn an_undo_without_a_result_is_not_done_again_by_itself() {
    let place = Place::new(&format!("steps:\n  - {{ id: make, run: 'true', undo: {SLOW} }}\n"));
    place.run("--no-wait").ends(0);
    let undo = place.start("undo make --run run1 --because wrong --yes");
    place.until_effects(1);
    undo.cut_power();
    place.regrow("resume run1 --no-wait");
    assert_eq!(place.read("effects"), "begun\n");
    assert_eq!(place.step("make")["fault"]["code"], "RG2003", "{:#}", place.step("make"));
    place.regrow("undo make --run run1 --because looked --yes").ends(0);
    assert_eq!(place.read("effects"), "begun\nbegun\ndone\n");
}
