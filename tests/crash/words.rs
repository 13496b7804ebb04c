//! What is suggested is accepted, and what is said is kept: answers that come back, undos that fail, who only watches.

use rustix::process::Signal;

use super::support::Place;

#[test]
fn nothing_is_taken_away_beneath_what_could_not_be_taken_back() {
    let step = |id: &str, needs: &str, more: &str| {
        let undo = format!("[sh, -c, \"echo un-{id} >> effects; {more}\"]");
        format!("  - id: {id}\n    needs: [{needs}]\n    run: echo {id} >> effects\n    undo: {undo}\n")
    };
    let steps =
        [step("base", "", ""), step("use", "base", "test -e mended"), step("aside", "base", ""), step("other", "", "")];
    let place = Place::new(&format!("steps:\n{}", steps.concat()));
    place.run("--no-wait").ends(0);
    let said = place.regrow("undo --run run1 --yes --because wrong-backup").ends(1);
    assert!(said.stderr.contains("`base` is not taken back: `use`, which needed it, could not be"), "{said:#?}");
    assert_eq!((place.step_state("base").as_str(), place.step_state("use").as_str()), ("succeeded", "failed"));
    assert_eq!((place.step_state("aside").as_str(), place.step_state("other").as_str()), ("undone", "undone"));
    assert!(!place.read("effects").contains("un-base"));
    // What is suggested is taken.
    assert!(!said.stderr.contains("regrow retry") && !said.stderr.contains("regrow done"), "{said:#?}");
    let suggested = said.stderr.lines().find_map(|line| line.split_once("take it back again: regrow ")).unwrap().1;
    place.write("mended", "");
    place.regrow(&format!("{} --yes", suggested.replace("TEXT", "again"))).ends(0);
    assert_eq!(place.step_state("use"), "undone");
    place.regrow("undo --run run1 --yes --because again").ends(0);
    assert_eq!(place.step_state("base"), "undone");
    assert_eq!(place.state(), "undone");
}

#[test]
fn answers_to_a_dead_executor_count_once_another_one_comes() {
    let place = Place::new(
        r#"steps:
  - { id: gone, needs: [], run: "echo \"$REGROW_OP_ID\" >> effects" }
  - { id: fails, needs: [], run: exit 1, with: { outputs: { rows: { type: integer } } } }
  - { id: drop, needs: [], approval: { minimum: 1 }, run: echo drop >> effects }
  - { id: task, needs: [], uses: manual.task, with: { instructions: look, form: { ticket: { type: integer } } } }
  - { id: reads, needs: [fails, task], run: "echo $ROWS $TICKET >> effects", with: { env: {
      ROWS: "{{ steps.fails.outputs.rows }}", TICKET: "{{ steps.task.outputs.ticket }}" } } }
"#,
    );
    let run = place.start_run("");
    place.until_step("task", "waiting");
    place.until_step("fails", "failed");
    place.until_step("drop", "waiting");
    place.until_step("gone", "succeeded");
    run.signal(Signal::KILL);
    run.end();
    assert!(place.regrow("status").ends(0).stdout.contains("NOBODY EXECUTES THIS RUN"));
    // What a suggested command leaves out is not forgotten: its outputs are named.
    let shown = place.regrow("show fails").ends(0).stdout;
    assert!(shown.contains("regrow done fails --because TEXT --output rows=VALUE --run run1"), "{shown}");
    assert!(!shown.contains("regrow skip"), "what others read is not skipped: {shown}");
    place.regrow("done fails --because counted").ends(2);
    for line in [
        "done fails --because counted --output rows=12",
        "reject drop --because too-early",
        "rerun gone --because lost-again",
        "done task --because looked --output ticket=4711",
        "note on-it",
    ] {
        let said = place.regrow(line).ends(0);
        assert!(said.stderr.contains("recorded; takes effect at resume: regrow resume run1"), "{line}: {said:#?}");
    }
    assert_eq!(place.effects(), ["run1.gone.1"]);
    place.regrow("resume --no-wait").ends(1);
    assert_eq!(place.effects(), ["12 4711", "run1.gone.1", "run1.gone.2"]);
    assert_eq!((place.step_state("drop").as_str(), place.step_state("reads").as_str()), ("failed", "succeeded"));
    // Aborted where nobody executes it: done at once, and an answer that comes too late is refused.
    place.regrow("abort --because enough").ends(0);
    assert_eq!(place.state(), "aborted");
    place.regrow("done drop --because late --run run1").ends(2);
    place.regrow("note afterwards --run run1").ends(0);
}

#[test]
fn what_is_empty_is_no_reason_and_no_note() {
    let place = Place::new("steps:\n  - { id: fails, needs: [], run: exit 1 }\n");
    place.run("--no-wait").ends(1);
    for line in [
        ["note", " \u{200b} ", "--run", "run1"],
        ["abort", "--because", "  ", "--run"],
        ["retry", "--because", "", "--run"],
    ] {
        place.argv(&line).ends(2);
    }
    place.argv(&["run", "book.yaml", "--skip", "fails", "--because", " ", "--yes"]).ends(2);
    assert_eq!(place.state(), "paused");
}

#[test]
fn a_note_is_told_once_and_what_may_fail_asks_for_nobody() {
    let place = Place::new(
        "steps:\n  - { id: may, needs: [], allow_failure: true, run: exit 1 }\n  - { id: asks, needs: [may], uses: manual.task, with: { instructions: x } }\n",
    );
    let run = place.start_run("");
    place.until_step("asks", "waiting");
    place.argv(&["note", "the phone is dead"]).ends(0);
    place.regrow("done asks --because so").ends(0);
    let said = run.end().ends(0).stderr;
    assert_eq!(said.matches("the phone is dead").count(), 1, "{said}");
    assert!(said.contains("`may` failed in ") && !said.contains("regrow retry may"), "{said}");
}

#[test]
fn watch_shows_what_another_executes_and_where_a_still_run_stands() {
    let place = Place::new(
        "steps:\n  - id: gate\n    run: \"echo x >> effects; while [ -e book.yaml ] && ! [ -e go ]; do sleep 0.05; done\"\n",
    );
    let run = place.start_run("--no-wait");
    place.until_effects(1);
    let watcher = place.start("watch");
    std::thread::sleep(std::time::Duration::from_millis(400));
    place.write("go", "");
    run.end().ends(0);
    let said = watcher.end().ends(0);
    assert!(said.stderr.contains("`gate` succeeded"), "{said:#?}");
    assert!(place.regrow("watch run1").ends(0).stdout.contains("state     succeeded"));
}

#[test]
fn of_those_who_start_one_run_at_once_one_does_and_the_others_follow() {
    let place = Place::new("steps:\n  - { id: a, needs: [], run: \"sleep 0.5; echo once >> effects\" }\n");
    let all: Vec<_> = (0..6).map(|_| place.start_run("")).collect();
    for said in all.into_iter().map(|run| run.end()) {
        said.ends(0);
    }
    assert_eq!(place.read("effects"), "once\n");
}

#[test]
fn reports_are_written_side_by_side() {
    let steps = (0..4).map(|at| format!("  - {{ id: r{at}, needs: [], uses: report.write, with: {{ to: out }} }}\n"));
    let place = Place::new(&format!("steps:\n{}", steps.collect::<String>()));
    place.run("--concurrency 4").ends(0);
    assert!(place.read("out/report.md").contains("`r3`"));
}

#[test]
fn a_run_whose_report_cannot_be_written_ends_as_it_went() {
    let place = Place::new(
        "steps:\n  - { id: a, needs: [], run: \"mkdir -p \\\"$DIR/report.md\\\"\", with: { env: { DIR: state/runs/run1 } } }\n",
    );
    let said = place.run("").ends(0);
    assert!(said.stderr.contains("RG5101"), "{said:#?}");
    assert_eq!(place.state(), "succeeded");
}
