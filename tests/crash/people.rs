//! Two commanders, and answers that come from another process, with an executor and without one.

use rustix::process::Signal;

use super::support::Place;

/// A step that waits until `go` is there.
const GATE: &str = r#"steps:
  - id: gate
    run: |
      echo "$REGROW_STEP" >> effects
      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done
"#;

fn gate(more: &str) -> Place {
    Place::new(&format!("{GATE}{more}"))
}

#[test]
fn a_second_executor_is_kept_out_or_follows() {
    let place = gate("");
    let first = place.start_run("--no-wait");
    place.until_effects(1);
    place.regrow("resume run1 --no-wait").ends(5);
    place.run("--no-wait").ends(5);
    let followers = [place.start("resume run1"), place.start_run("")];
    std::thread::sleep(std::time::Duration::from_millis(400));
    place.write("go", "");
    first.end().ends(0);
    for follower in followers {
        let said = follower.end().ends(0);
        assert!(said.stderr.contains("`gate` succeeded"), "{said:#?}");
    }
    assert_eq!(place.effects(), ["gate"]);
}

#[test]
fn a_follower_ends_with_the_code_of_the_run() {
    for (more, code) in [("", 1), ("--on-failure abort", 1)] {
        let place = gate("      exit 9\n");
        let first = place.start_run(&format!("--no-wait {more}"));
        place.until_effects(1);
        let follower = place.start("resume run1");
        std::thread::sleep(std::time::Duration::from_millis(400));
        place.write("go", "");
        first.end().ends(code);
        follower.end().ends(code);
    }
}

#[test]
fn a_clean_up_that_failed_counts_whoever_asks_and_whenever() {
    let place = gate("finally:\n  - id: clean\n    run: exit 1\n");
    let run = place.start_run("");
    place.until_effects(1);
    let follower = place.start("resume run1");
    place.regrow("abort --because wrong-backup").ends(0);
    place.write("go", "");
    run.end().ends(1);
    follower.end().ends(1);
    place.regrow("resume run1").ends(1);
    place.run("").ends(1);
}

#[test]
fn an_approval_wants_the_code_of_what_is_shown() {
    let place = Place::new("steps:\n  - id: drop\n    approval: { minimum: 1 }\n    run: echo drop >> effects\n");
    let run = place.start_run("");
    place.until_step("drop", "waiting");
    let code = place.step("drop")["asks"]["code"].as_str().unwrap().to_string();
    let shown = place.regrow("show drop").ends(0);
    assert!(shown.stdout.contains(&code), "{shown:#?}");
    let refused = place.regrow("approve drop --code zzzzzz").ends(2);
    assert!(refused.stderr.contains("code"), "{refused:#?}");
    assert!(place.effects().is_empty());
    place.regrow(&format!("approve drop --code {code}")).ends(0);
    run.end().ends(0);
    assert_eq!(place.effects(), ["drop"]);
    // What was said too late is refused.
    place.regrow(&format!("approve drop --run run1 --code {code}")).ends(2);
}

#[test]
fn a_rejection_fails_the_step() {
    let place = Place::new("steps:\n  - id: drop\n    approval: { minimum: 1 }\n    run: echo drop >> effects\n");
    let run = place.start_run("");
    place.until_step("drop", "waiting");
    place.regrow("reject drop").ends(2);
    place.regrow("reject drop --because too-early").ends(0);
    run.end().ends(1);
    assert_eq!(place.step_state("drop"), "failed");
    assert!(place.effects().is_empty());
}

#[test]
fn outputs_by_hand_are_typed_and_must_hold_what_is_read() {
    let place = Place::new(
        r#"steps:
  - id: count
    run: exit 1
    with: { outputs: { rows: { type: integer }, note: {} } }
  - id: reads
    needs: [count]
    run: echo "rows $ROWS" >> effects
    with: { env: { ROWS: "{{ steps.count.outputs.rows }}" } }
  - id: asks
    uses: manual.task
    needs: []
    with: { instructions: keep the run open }
"#,
    );
    let run = place.start_run("");
    place.until_step("count", "failed");
    place.until_step("asks", "waiting");
    let missing = place.regrow("done count --because counted").ends(2);
    assert!(missing.stderr.contains("rows"), "{missing:#?}");
    let wrong = place.regrow("done count --because counted --output rows=many").ends(2);
    assert!(wrong.stderr.contains("rows"), "{wrong:#?}");
    place.regrow("done count --because counted --output rows=12 --output other=1").ends(2);
    place.regrow("done count --because counted --output rows=12").ends(0);
    place.until_step("reads", "succeeded");
    assert_eq!(place.effects(), ["rows 12"]);
    assert_eq!(place.step("count")["by_hand"], true);
    place.regrow("note all-is-well").ends(0);
    place.regrow("done asks --because so").ends(0);
    run.end().ends(0);
    assert!(place.regrow("events run1 --json").stdout.contains("all-is-well"));
}

#[test]
fn a_failed_step_is_skipped_retried_or_done_again_while_the_run_goes_on() {
    let place = Place::new(
        r#"steps:
  - id: hopeless
    run: exit 1
  - id: repaired
    needs: []
    run: |
      echo "$REGROW_STEP $REGROW_OP_ID" >> effects
      test -e repaired
  - id: fine
    needs: []
    run: echo "$REGROW_STEP $REGROW_OP_ID" >> effects
  - id: asks
    uses: manual.task
    needs: []
    with: { instructions: keep the run open }
"#,
    );
    let run = place.start_run("");
    ["hopeless", "repaired"].iter().for_each(|step| place.until_step(step, "failed"));
    place.until_step("fine", "succeeded");
    place.regrow("skip hopeless").ends(2);
    place.regrow("skip hopeless --because we-live-without").ends(0);
    place.regrow("retry fine").ends(2);
    place.write("repaired", "");
    place.regrow("retry repaired").ends(0);
    place.regrow("rerun fine").ends(2);
    place.regrow("rerun fine --because it-was-lost-again").ends(0);
    place.until_effects(4);
    place.until_step("fine", "succeeded");
    place.until_step("repaired", "succeeded");
    place.regrow("done asks --because so").ends(0);
    run.end().ends(0);
    // A retry is the same operation, a rerun another one.
    let wanted = ["fine run1.fine.1", "fine run1.fine.2", "repaired run1.repaired.1", "repaired run1.repaired.1"];
    assert_eq!(place.effects(), wanted);
}

#[test]
fn a_pause_lets_what_runs_end_and_resume_goes_on() {
    let place = gate("  - id: after\n    needs: [gate]\n    run: echo after >> effects\n");
    let run = place.start_run("");
    place.until_effects(1);
    let follower = place.start_run("");
    std::thread::sleep(std::time::Duration::from_millis(400));
    place.regrow("pause").ends(2);
    place.regrow("pause --because lunch").ends(0);
    place.write("go", "");
    run.end().ends(75);
    follower.end().ends(75);
    assert_eq!((place.state().as_str(), place.effects().len()), ("paused", 1));
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "gate"]);
}

#[test]
fn a_pause_is_lifted_while_its_executor_lives() {
    let place = gate("  - id: after\n    needs: [gate]\n    run: echo after >> effects\n");
    let run = place.start_run("");
    place.until_effects(1);
    place.regrow("pause --because lunch --as ana").ends(0);
    let shown = place.regrow("status run1").ends(0).stdout;
    for said in ["paused by ana since ", ": lunch\n", "next: regrow resume run1\n"] {
        assert!(shown.contains(said), "`{said}` is missing in\n{shown}");
    }
    let follower = place.start("resume run1");
    place.until("the pause is lifted", |place| place.state() == "running");
    assert!(!place.regrow("status run1").ends(0).stdout.contains("paused"));
    place.write("go", "");
    run.end().ends(0);
    let said = follower.end().ends(0);
    assert!(said.stderr.contains("accepted: resume"), "{said:#?}");
    assert_eq!(place.effects(), ["after", "gate"]);
}

#[test]
fn an_abort_starts_nothing_new_and_cleans_up() {
    let place = gate(
        "  - id: after\n    needs: [gate]\n    run: echo after >> effects\nfinally:\n  - id: clean\n    run: echo clean >> effects\n",
    );
    let run = place.start_run("");
    place.until_effects(1);
    place.regrow("abort").ends(2);
    place.regrow("abort --because wrong-backup").ends(0);
    place.write("go", "");
    run.end().ends(6);
    assert_eq!((place.state().as_str(), place.effects()), ("aborted", vec!["clean".to_string(), "gate".to_string()]));
    assert!(place.run_dir().join("report.md").exists());
    place.regrow("resume run1").ends(6);
    place.regrow("retry --run run1").ends(2);
}

#[test]
fn an_undo_takes_back_the_step_and_what_needed_it_newest_first() {
    let step = |id: &str, needs: &str| {
        let undo = format!("[sh, -c, \"echo un-{id} >> effects\"]");
        format!("  - id: {id}\n    needs: [{needs}]\n    run: echo {id} >> effects\n    undo: {undo}\n")
    };
    let book = format!("steps:\n{}{}{}", step("keep", ""), step("make", "keep"), step("use", "make"));
    let place = Place::new(&book);
    place.run("--no-wait").ends(0);
    let shown = place.regrow("undo make --run run1 --because not-wanted").ends(2);
    assert!(shown.stderr.contains("takes back `use`") && shown.stderr.contains("--yes"), "{shown:#?}");
    place.regrow("undo make --run run1 --yes --because not-wanted").ends(0);
    assert_eq!(place.read("effects"), "keep\nmake\nuse\nun-use\nun-make\n");
    assert_eq!((place.step_state("keep").as_str(), place.step_state("make").as_str()), ("succeeded", "undone"));
}

#[test]
fn an_undo_while_it_runs_is_done_by_its_executor() {
    let place = Place::new(
        r#"steps:
  - id: make
    run: echo make >> effects
    undo: [sh, -c, "echo un-make >> effects"]
  - id: asks
    uses: manual.task
    needs: [make]
    with: { instructions: keep the run open }
"#,
    );
    let run = place.start_run("");
    place.until_step("asks", "waiting");
    place.regrow("undo make --yes --because not-wanted").ends(0);
    place.until_effects(2);
    place.until_step("make", "undone");
    assert_eq!(place.read("effects"), "make\nun-make\n");
    drop(run);
}

#[test]
fn without_an_executor_an_answer_is_checked_and_waits_for_resume() {
    let place = Place::new(
        r#"steps:
  - id: fails
    run: |
      echo "$REGROW_STEP" >> effects
      test -e repaired
  - id: after
    needs: [fails]
    run: echo "$REGROW_STEP" >> effects
"#,
    );
    place.run("--no-wait").ends(1);
    place.regrow("approve fails --code zzzzzz").ends(2);
    place.regrow("retry nothing-of-that-name").ends(2);
    place.write("repaired", "");
    let said = place.regrow("retry fails").ends(0);
    assert!(said.stderr.contains("recorded; takes effect at resume: regrow resume run1"), "{said:#?}");
    assert_eq!(place.effects(), ["fails"]);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["after", "fails", "fails"]);
    // It is taken up once.
    assert_eq!(std::fs::read_dir(place.run_dir().join("inbox")).unwrap().count(), 0);
}

#[test]
fn an_answer_that_was_recorded_survives_a_killed_resume() {
    let place = Place::new(
        r#"steps:
  - id: fails
    run: |
      echo "$REGROW_STEP" >> effects
      test -e repaired
      while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done
"#,
    );
    place.run("--no-wait").ends(1);
    place.write("repaired", "");
    place.regrow("retry fails").ends(0);
    let run = place.start("resume --no-wait");
    place.until_effects(2);
    run.signal(Signal::KILL);
    assert_eq!(run.end().signal, Some(9));
    place.write("go", "");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["fails", "fails"]);
}

#[test]
fn a_changing_command_wants_to_know_which_of_two_runs() {
    let place = Place::new("steps:\n  - id: fails\n    run: exit 1\n");
    for id in ["alpha", "beta"] {
        place.regrow(&format!("run book.yaml --yes --no-wait --run-id {id}")).ends(1);
    }
    for line in ["retry", "pause --because x", "abort --because x", "note x", "resume --no-wait"] {
        let said = place.regrow(line).ends(2);
        assert!(said.stderr.contains("`alpha`") && said.stderr.contains("`beta`"), "{line}: {said:#?}");
    }
    place.regrow("abort --because x --run al").ends(0);
    let said = place.regrow("retry fails").ends(0);
    assert!(said.stderr.contains("resume beta"), "{said:#?}");
}

#[test]
fn what_is_recorded_is_shown_and_counts_for_later_answers() {
    let place = Place::new(
        "steps:\n  - id: drop\n    approval: { minimum: 2 }\n    run: echo drop >> effects\n  - id: fails\n    needs: []\n    run: exit 1\n",
    );
    place.run("--no-wait").ends(1);
    let code = place.step("drop")["asks"]["code"].as_str().unwrap().to_string();
    let approve = |name: &str| place.regrow(&format!("approve drop --code {code} --as {name}"));
    approve("ana").ends(0);
    for command in ["status run1", "show drop"] {
        let shown = place.regrow(command).ends(0).stdout;
        assert!(shown.contains("recorded, takes effect at resume: ana says `approve drop`"), "{shown}");
    }
    let twice = approve("ana").ends(2);
    assert!(twice.stderr.contains("`ana` approved `drop` already"), "{twice:#?}");
    assert!(twice.stderr.contains("answers that are recorded"), "{twice:#?}");
    place.argv(&["note", "the backup is of Monday"]).ends(0);
    place.argv(&["pause", "--because", "lunch"]).ends(0);
    // What was typed may hold a secret: nobody shows it before an executor, who knows them, has looked for them in it.
    for command in ["status run1", "status run1 --json", "report run1", "report run1 --format json"] {
        let shown = place.regrow(command).ends(0).stdout;
        assert!(shown.contains("says `note`") && shown.contains("says `pause`"), "{shown}");
        assert!(!shown.contains("Monday") && !shown.contains("lunch"), "{shown}");
    }
    approve("ben").ends(0);
    place.regrow("skip fails --because we-live-without").ends(0);
    place.regrow("retry fails").ends(2);
    let said = place.regrow("resume --no-wait").ends(75);
    assert!(!said.stderr.contains("in the way"), "`drop` has all it asks for: {said:#?}");
    assert_eq!(place.effects(), [] as [&str; 0], "paused, as somebody said before");
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(place.effects(), ["drop"]);
    let told = place.regrow("events run1").ends(0).stdout;
    assert!(told.contains("the backup is of Monday") && told.contains("lunch"), "{told}");
    assert!(!place.regrow("show drop").ends(0).stdout.contains("takes effect"));
}

#[test]
fn a_name_is_one_line_of_text() {
    let place = Place::new("steps:\n  - id: fails\n    needs: []\n    run: exit 1\n");
    place.run("--no-wait").ends(1);
    for name in ["ana\u{1b}[1A", "ana\nroot", "  "] {
        place.argv(&["note", "hi", "--as", name]).ends(2);
    }
    assert!(!place.regrow("status run1").ends(0).stdout.contains("recorded"));
}

/// Whoever goes on with a run that waits for people is told at once for what, also where no screen shows it; and whoever starts
/// another one is told of the first.
#[test]
fn an_executor_that_waits_says_for_whom_and_a_second_run_names_the_first() {
    let place = Place::new("steps:\n  - { id: ask, needs: [], uses: manual.task, with: { instructions: Look } }\n");
    place.run("--no-wait").ends(3);
    let run = place.start("resume run1");
    place.until("it is executed", |place| place.status()["executor"]["alive"] == true);
    run.signal(Signal::KILL);
    let said = run.end();
    assert!(said.stderr.contains("in the way: `ask`") && said.stderr.contains("regrow done ask"), "{said:#?}");
    let second = place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(3);
    assert!(second.stderr.contains("run `run1` of this runbook has not ended"), "{second:#?}");
    let drill = place.regrow("drill book.yaml --yes --no-wait --run-id run3");
    assert!(!drill.stderr.contains("has not ended"), "{drill:#?}");
    // An answer comes before going on.
    let next = |text: &str| text.lines().find(|line| line.starts_with("next:")).map(str::to_owned).unwrap();
    let status = place.regrow("status run1").ends(0).stdout;
    assert_eq!(next(&status), "next: an answer from above, then regrow resume run1", "{status}");
    let answer = place.regrow("done ask --because seen --run run1").ends(0);
    assert!(answer.stderr.contains("resume run1"), "{answer:#?}");
    let status = place.regrow("status run1").ends(0).stdout;
    assert_eq!(next(&status), "next: regrow resume run1", "{status}");
}
