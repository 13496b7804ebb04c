//! Answers from another process, and a second executor.

use regrow::model::Status;

use crate::bench::{Bench, until};

#[test]
fn a_second_executor_is_kept_out_or_follows() {
    let bench =
        Bench::new("\n  - { id: slow, uses: run, needs: [], with: { script: 'sleep 2; echo slow >> EFFECTS' } }\n");
    let mut first = bench.start(&[]);
    bench.until("slow", Status::Running);
    bench.expect(5, &["resume", "k1", "--no-wait"]);
    let mut follower = bench.start_resume();
    assert_eq!(first.code(), 0);
    assert_eq!(follower.code(), 0);
    assert_eq!(bench.effects(), ["slow"]);
}

#[test]
fn questions_are_answered_from_another_process() {
    let bench = Bench::new(
        "
  - { id: ask, uses: run, needs: [], approval: { minimum: 1 }, with: { script: 'echo asked >> EFFECTS' } }
  - { id: call, uses: manual.task, needs: [ask], with: { instructions: call, form: { ticket: { type: string } } } }
  - { id: after, uses: run, needs: [call], with: { script: 'echo after $T >> EFFECTS', env: { T: '{{ steps.call.outputs.ticket }}' } } }
",
    );
    let mut executor = bench.start(&[]);
    let code = bench.asked_code("ask");
    bench.expect(2, &["approve", "ask", "--code", "zzzzzz"]);
    assert_eq!(bench.status("ask"), Status::Waiting);
    assert!(bench.effects().is_empty());
    bench.expect(0, &["approve", "ask", "--code", &code]);
    bench.until("call", Status::Waiting);
    bench.expect(2, &["done", "call", "--output", "ticket=T1"]);
    bench.expect(2, &["done", "call", "--because", "called"]);
    bench.expect(0, &["note", "they pick up the phone"]);
    bench.expect(0, &["done", "call", "--because", "called", "--output", "ticket=T1"]);
    assert_eq!(executor.code(), 0);
    assert_eq!(bench.effects(), ["after T1", "asked"]);
    assert_eq!(bench.state().expect("a journal").notes.len(), 1);
}

#[test]
fn failures_are_retried_skipped_and_done_again() {
    let bench = Bench::new(
        "
  - { id: keep, uses: manual.task, needs: [], with: { instructions: wait } }
  - { id: flaky, uses: run, needs: [], with: { script: 'test -e HERE/mended; echo flaky >> EFFECTS' } }
  - { id: never, uses: run, needs: [], with: { script: 'exit 3' } }
",
    );
    let mut executor = bench.start(&[]);
    bench.until("flaky", Status::Failed);
    bench.until("never", Status::Failed);
    std::fs::write(bench.path("mended"), "").expect("a file");
    bench.expect(0, &["retry", "flaky"]);
    bench.until("flaky", Status::Succeeded);
    bench.expect(2, &["retry", "flaky"]);
    bench.expect(2, &["rerun", "flaky"]);
    bench.expect(0, &["rerun", "flaky", "--because", "to see it again"]);
    until("it was done again", || bench.effects().len() == 2);
    bench.expect(0, &["skip", "never", "--because", "not needed"]);
    bench.until("flaky", Status::Succeeded);
    bench.expect(0, &["done", "keep", "--because", "waited"]);
    assert_eq!(executor.code(), 0);
}

#[test]
fn a_run_is_paused_resumed_aborted_and_taken_back() {
    let bench = Bench::new(
        "
  - { id: made, uses: run, needs: [], undo: [sh, -c, 'echo back >> EFFECTS'], with: { script: 'echo made >> EFFECTS' } }
  - { id: slow, uses: run, needs: [made], with: { script: 'sleep 1; echo slow >> EFFECTS' } }
  - { id: later, uses: run, needs: [slow], with: { script: 'echo later >> EFFECTS' } }
  - { id: ask, uses: manual.approval, needs: [later], with: { show: all } }
finally:
  - { id: last, uses: run, with: { script: 'echo last >> EFFECTS' } }
",
    );
    let mut executor = bench.start(&[]);
    bench.until("slow", Status::Running);
    bench.expect(0, &["pause", "--because", "wait a moment"]);
    assert_eq!(executor.code(), 75);
    assert_eq!(bench.effects(), ["made", "slow"]);
    bench.expect(3, &["resume", "k1", "--no-wait"]);
    assert_eq!(bench.effects(), ["later", "made", "slow"]);
    bench.expect(0, &["abort", "--because", "enough"]);
    assert_eq!(bench.effects(), ["last", "later", "made", "slow"]);
    bench.expect(6, &["resume", "k1", "--no-wait"]);
    bench.expect(2, &["undo", "made", "--run", "k1", "--because", "not wanted"]);
    bench.expect(0, &["undo", "made", "--yes", "--run", "k1", "--because", "not wanted"]);
    assert_eq!(bench.effects(), ["back", "last", "later", "made", "slow"]);
    assert_eq!(bench.status("made"), Status::Undone);
}

#[test]
fn answers_given_while_nobody_executes_wait_for_the_resume() {
    let bench = Bench::new(
        "\n  - { id: ask, uses: run, needs: [], approval: { minimum: 1 }, with: { script: 'echo asked >> EFFECTS' } }\n",
    );
    let mut executor = bench.start(&[]);
    let code = bench.asked_code("ask");
    executor.kill();
    bench.expect(2, &["approve", "ask", "--code", "zzzzzz"]);
    bench.expect(0, &["approve", "ask", "--code", &code]);
    assert!(bench.effects().is_empty());
    bench.expect(0, &["resume", "k1", "--no-wait"]);
    assert_eq!(bench.effects(), ["asked"]);
}
