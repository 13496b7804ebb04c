use serde_json::json;

use super::testing::{self, Golden};
use super::*;
use crate::model::record::{End, Event};

fn as_json(view: &RunView) -> serde_json::Value {
    serde_json::to_value(super::json::Status(view)).unwrap()
}

fn statuses(view: &RunView) -> Vec<(&str, &str)> {
    view.steps.iter().map(|step| (step.address.as_str(), step.status.word())).collect()
}

#[test]
fn a_run_that_asks_waits() {
    let view = testing::waiting().view();
    assert_eq!(view.status, RunStatus::Waiting);
    assert_eq!(
        statuses(&view),
        [("copy", "succeeded"), ("load", "waiting"), ("tell", "pending"), ("clean", "pending")]
    );
    assert!(view.is_abandoned());
    assert_eq!(view.elapsed_seconds(), Some(232));
    // Ninety minutes, counted from the outage ten minutes before the start.
    assert_eq!(view.rto_left_seconds(), Some(5400 - 600 - 232));
    assert_eq!(view.expected_end(), None);
}

#[test]
fn a_failure_pauses_the_run_and_blocks_what_needs_it() {
    let view = testing::failed().view();
    assert_eq!(view.status, RunStatus::Paused);
    assert_eq!(statuses(&view)[..3], [("copy", "failed"), ("load", "blocked"), ("tell", "blocked")]);
    assert_eq!(view.steps[1].blocked_by, Some(testing::at("copy")));
}

#[test]
fn an_unknown_step_waits_for_a_person() {
    assert_eq!(testing::unknown().view().status, RunStatus::Waiting);
}

#[test]
fn a_run_that_was_aborted_in_time_has_met_no_objective() {
    let mut run = Golden::new(testing::rescue());
    run.starts("copy").ends(End::Aborted);
    let said = run.view().clock_line();
    assert!(said.ends_with("RTO 1h30m: not recovered"), "{said}");
}

#[test]
fn nothing_is_said_to_be_next_where_records_are_lost() {
    let view = testing::damaged().view();
    assert_eq!(view.count(Status::Queued), 0, "{:?}", statuses(&view));
}

#[test]
fn a_step_that_may_start_is_queued_and_a_retry_is_not() {
    let run = Golden::new(testing::rescue());
    assert_eq!(statuses(&run.view())[0], ("copy", "queued"));
    let mut run = Golden::new(testing::rescue());
    run.starts("copy");
    run.add(Event::RetryScheduled { step: testing::at("copy"), fault: testing::fault(), delay_ms: 2000 });
    let view = run.view();
    assert_eq!(statuses(&view)[0], ("copy", "pending"));
    assert_eq!(view.status, RunStatus::Running);
}

#[test]
fn the_executor_of_a_live_run_is_seen_and_the_end_is_foreseen() {
    let mut run = Golden::new(testing::rescue());
    run.starts("copy").wait(100);
    let lease = lease::Lease::take(&run.dir.path).unwrap();
    let view = run.view();
    assert!(view.alive && !view.is_abandoned());
    // Three steps of ten minutes each, one of them 100 s old.
    let left = view.expected_end().unwrap().duration_since(view.now).as_secs();
    assert_eq!(left, 1800 - 100);
    let op = run.state.step(&testing::at("copy")).intent.as_ref().unwrap().op.clone();
    let pulse = json!({"done": 50, "total": 100, "unit": "files"});
    let files = JobFiles::named(&run.dir.work(), &op, 1, "");
    std::fs::write(files.pulse(), pulse.to_string()).unwrap();
    let job = std::fs::File::create(files.job()).unwrap();
    assert!(!run.view().steps[0].survives);
    job.lock().unwrap();
    let view = run.view();
    assert!(view.steps[0].survives);
    assert_eq!(view.steps[0].pulse.as_ref().map(|pulse| pulse.done), Some(50));
    assert_eq!(view.expected_end().unwrap().duration_since(view.now).as_secs(), 100 + 1200);
    drop(lease);
}

#[test]
fn what_is_damaged_is_shown_as_far_as_it_goes() {
    let view = testing::damaged().view();
    assert!(view.state.seq.0 >= 2, "nothing was read");
    assert!(view.troubles[0].message.contains("`journal.000001` is damaged at byte"), "{:?}", view.troubles);
    assert!(view.troubles[0].message.contains("as of record"));
    let view = testing::from_the_future().view();
    assert!(view.troubles[0].message.contains("newer regrow"), "{:?}", view.troubles);
    assert_eq!(view.status, RunStatus::Waiting);
    let view = testing::torn().view();
    assert!(view.troubles[0].message.contains("cut by a crash"), "{:?}", view.troubles);
    assert_eq!(statuses(&view)[1], ("load", "running"));
}

#[test]
fn a_damaged_head_of_a_segment_hides_only_that_segment() {
    let mut run = testing::waiting();
    run.resume().wait(5).fails("load");
    run.spoil(|bytes| bytes[200] ^= 1);
    let view = run.view();
    assert_eq!(view.status, RunStatus::Waiting, "{:?}", view.troubles);
    assert!(view.troubles[0].message.contains("`journal.000002`"), "{:?}", view.troubles);
}

#[test]
fn a_run_without_plan_or_journal_still_has_a_view() {
    let run = testing::waiting();
    std::fs::remove_file(run.dir.plan()).unwrap();
    let view = run.view();
    assert_eq!(statuses(&view), [("copy", "succeeded"), ("load", "waiting")]);
    assert!(view.troubles[0].message.contains("plan.json"));
    std::fs::remove_file(run.segment()).unwrap();
    let view = run.view();
    assert_eq!(view.troubles.len(), 2);
    assert!(view.steps.is_empty());
    let shown = as_json(&view);
    assert_eq!(shown["run"], "7qk2");
}

#[test]
fn status_json_has_every_field_of_the_contract() {
    let shown = as_json(&testing::waiting().view());
    for field in [
        "run",
        "head",
        "runbook",
        "title",
        "severity",
        "mode",
        "state",
        "started_at",
        "ended_at",
        "outage_began",
        "objectives",
        "elapsed_seconds",
        "expected_end",
        "rto_left_seconds",
        "executor",
        "steps",
        "holds",
        "ledger",
    ] {
        assert!(shown.get(field).is_some(), "`{field}` is missing");
    }
    assert_eq!(shown["state"], "waiting");
    assert_eq!(shown["executor"], json!({"alive": false, "host": "ops1", "pid": 4242}));
    let load = &shown["steps"][1];
    for field in [
        "id",
        "name",
        "kind",
        "state",
        "attempts",
        "started_at",
        "ended_at",
        "by_hand",
        "adopted",
        "progress",
        "asks",
        "outputs",
        "fault",
    ] {
        assert!(load.get(field).is_some(), "`{field}` of a step is missing");
    }
    assert_eq!(load["asks"]["command"], "regrow approve load --code k3m9q2 --run 7qk2");
    assert_eq!(load["asks"]["who"], "firefighter");
    assert_eq!(shown["ledger"][0]["keep_until"], "2026-11-25T10:00:00Z");
    assert_eq!(shown["ledger"][0]["remove"], "regrow cleanup 7qk2");
    let failed = as_json(&testing::failed().view());
    let fault = &failed["steps"][0]["fault"];
    assert_eq!(fault["causes"], json!(["canceling statement due to lock timeout"]));
    assert_eq!(fault["retry"], "never");
}

#[test]
fn a_follower_sees_what_comes_and_crosses_segments() {
    let mut run = Golden::new(testing::rescue());
    let mut follower = follow::Follower::after(&run.dir.path, run.state.seq);
    assert_eq!(follower.poll(), []);
    run.starts("copy");
    assert_eq!(follower.poll().len(), 1);
    run.wait(5).resume().fails("copy");
    let kinds: Vec<Event> = follower.poll().into_iter().map(|(record, _)| record.event).collect();
    assert!(matches!(
        kinds[..],
        [Event::SegmentOpened { .. }, Event::ExecutorStarted { .. }, Event::StepFailed { .. }]
    ));
    assert_eq!(follower.poll(), []);
}

#[test]
fn a_second_commander_is_shown_what_comes_until_nobody_executes_the_run() {
    struct Seen(Vec<u64>, std::sync::mpsc::Sender<()>);
    impl Observer for Seen {
        fn observe(&mut self, records: &[Record], state: &RunState) {
            let _ = self.1.send(());
            self.0.extend(records.iter().map(|record| record.seq.0));
            assert!(records.last().is_none_or(|last| last.seq == state.seq));
        }
    }
    let mut run = Golden::new(testing::rescue());
    let lease = lease::Lease::take(&run.dir.path).unwrap();
    let dir = run.dir.clone();
    let (attending, attends) = std::sync::mpsc::channel();
    let second = std::thread::spawn(move || {
        let mut seen = Seen(Vec::new(), attending);
        let state = follow::attend(&dir, &mut seen, |_| true);
        (seen.0, state)
    });
    attends.recv().unwrap();
    run.starts("copy").fails("copy");
    drop(lease);
    let (seen, state) = second.join().unwrap();
    assert_eq!(seen, [3, 4]);
    assert_eq!(state, run.state);
}

#[test]
fn ten_thousand_steps_are_seen_at_a_glance() {
    let ids: Vec<String> = (0..10_000).map(|n| format!("step-{n:05}")).collect();
    let needs: Vec<Vec<&str>> =
        (0..ids.len()).map(|n| if n < 50 { vec![] } else { vec![ids[n - 50].as_str()] }).collect();
    let mut outline = testing::outline(&[]);
    for (n, id) in ids.iter().enumerate() {
        let mut one = testing::outline(&[(id, "run", id, &[])]);
        let mut step = one.steps.remove(0);
        step.needs = needs[n].iter().map(|_| crate::plan::outline::OutlineNeed { step: n - 50, when: None }).collect();
        step.dependents = if n + 50 < ids.len() { vec![n + 50] } else { vec![] };
        outline.steps.push(step);
    }
    outline.order = (0..ids.len()).collect();
    let mut run = Golden::new(outline);
    for id in &ids {
        let intended = run.intended(id);
        run.add_unsynced(intended);
        run.add_unsynced(testing::succeeded(id, json!({"exit_code": 0, "seconds": 12})));
    }
    run.sync();
    let began = std::time::Instant::now();
    let view = run.view();
    let shown = serde_json::to_string(&super::json::Status(&view)).unwrap();
    let took = began.elapsed();
    assert_eq!(view.count(Status::Succeeded), 10_000);
    assert!(shown.len() > 1_000_000);
    // Measured on two shared cores: 1.1 s and 47 MiB in a debug build, 0.28 s and 45 MiB with optimisation. One second is
    // promised of a release build.
    assert!(took.as_secs() < 5, "{took:?}");
}

#[test]
fn what_an_undo_moves_back_is_not_said_to_be_taken_away() {
    let removed = |by_undo| Event::LedgerRemoved { entry_kind: "table".into(), id: "public.x__old_1".into(), by_undo };
    let told = |run: &Golden| {
        let (record, book) = (run.records.last().unwrap(), super::book::Book::of(&run.outline));
        super::tell::line(record, &run.state, &book)
    };
    let mut run = Golden::new(testing::rescue());
    run.add(removed(false));
    assert_eq!(told(&run), "table `public.x__old_1` is taken away");
    run.add(removed(true));
    assert_eq!(told(&run), "table `public.x__old_1` is there no longer, by the undo");
}
