mod pages;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use jiff::SignedDuration;
use serde_json::Value;

use super::*;
use crate::view::testing::{self, Golden};

fn postmortem(run: &Golden) -> Postmortem {
    Postmortem::gather(&run.dir, run.now.at)
}

fn written(report: &Postmortem, format: Format) -> String {
    let mut bytes = Vec::new();
    write(report, format, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

const GOLDENS: [fn() -> Golden; 8] = [
    testing::ok,
    testing::waiting,
    testing::failed,
    testing::unknown,
    testing::undone,
    testing::torn,
    testing::damaged,
    testing::from_the_future,
];

/// A step that failed and was done by hand two minutes later, unproven.
fn by_hand() -> Golden {
    let mut run = testing::failed();
    run.wait(120);
    let verb = crate::model::Verb::Done { step: testing::at("copy"), outputs: Default::default(), unverified: true };
    run.answered(verb, Some("restored from the console"));
    let crate::model::Event::StepSucceeded(mut done) = testing::succeeded("copy", serde_json::json!({})) else {
        panic!()
    };
    done.by_hand = true;
    run.add(crate::model::Event::StepSucceeded(done));
    run
}

fn assert_has(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.contains(line), "`{line}` is missing in\n{text}");
    }
}

#[test]
fn the_time_is_split_between_machines_people_and_nobody() {
    let report = postmortem(&testing::ok());
    let hours = report.times.hours;
    // Copy 192 s, load 40 s before and 90 + 2 s after the question; 300 s for the answer; 5 s for nobody.
    assert_eq!((hours.machine_ms, hours.human_ms, hours.idle_ms), (324_000, 300_000, 5_000));
    assert_eq!(report.times.total_ms, Some(600_000 + 629_000));
    assert_eq!(report.times.before_ms, Some(600_000));
}

#[test]
fn the_parts_of_the_time_are_all_of_it() {
    for golden in GOLDENS {
        let mut run = golden();
        run.wait(17);
        let report = postmortem(&run);
        let times = &report.times;
        assert_eq!(times.hours.total_ms(), times.elapsed_ms);
        let Some(from) = report.started_at else { continue };
        let to = report.ended_at.unwrap_or(report.written_at);
        assert_eq!(times.elapsed_ms, crate::view::words::between(from, to));
        let bands = &report.steps.diary().bands;
        assert_eq!(bands.last().map_or(0, |band| band.to_ms), times.elapsed_ms);
        assert!(bands.windows(2).all(|pair| pair[0].to_ms == pair[1].from_ms && pair[0].whose != pair[1].whose));
    }
}

#[test]
fn an_open_question_is_still_counted() {
    let mut run = testing::waiting();
    run.wait(60);
    // Nobody executes the run of a test, unless somebody holds its lock.
    let hours = postmortem(&run).times.hours;
    assert_eq!((hours.human_ms, hours.unattended_ms), (0, 60_000));
    let lease = crate::journal::lease::Lease::take(&run.dir.path).unwrap().unwrap();
    let hours = postmortem(&run).times.hours;
    assert_eq!((hours.human_ms, hours.unattended_ms), (60_000, 0));
    drop(lease);
}

#[test]
fn who_waited_for_whom() {
    let waits = postmortem(&testing::ok()).waits;
    let [wait] = &waits[..] else { panic!("{waits:?}") };
    assert_eq!(
        (wait.step.clone(), wait.why, wait.asked.as_deref()),
        (Some(testing::at("load")), "approval", Some("firefighter"))
    );
    assert_eq!((wait.waited_ms, &wait.by[..]), (300_000, &["ben".to_string()][..]));
    let mut run = by_hand();
    run.wait(5).ends(crate::model::record::End::Aborted);
    let waits = postmortem(&run).waits;
    let [wait] = &waits[..] else { panic!("{waits:?}") };
    assert_eq!((wait.why, wait.waited_ms, &wait.by[..]), ("failed", 120_000, &["ben".to_string()][..]));
}

#[test]
fn an_executor_that_left_to_wait_for_people_is_told_from_one_that_died() {
    let mut run = testing::waiting();
    run.add(crate::model::Event::ExecutorStopped { reason: crate::model::record::StopReason::Waiting })
        .wait(100)
        .resume();
    let times = postmortem(&run).times;
    assert_eq!((times.hours.unattended_ms, times.left_waiting_ms), (100_000, 100_000));
    run.wait(7).resume();
    let times = postmortem(&run).times;
    assert_eq!((times.hours.unattended_ms, times.left_waiting_ms), (107_000, 100_000));
}

#[test]
fn a_failure_that_was_dealt_with_is_not_forgotten() {
    let text = written(&postmortem(&by_hand()), Format::Markdown);
    let failed =
        "- dealt with since: `copy` 2026-11-24 10:00:42Z failed: `RG2104` the lock on `enrolments` was not had: ";
    assert_has(&text, &["`copy` 2026-11-24 10:00:30Z retried: `RG2104`", failed]);
}

#[test]
fn a_failure_waits_for_nobody_once_the_run_ends() {
    let mut run = testing::failed();
    run.wait(30).answered(crate::model::Verb::Abort { release: Vec::new() }, Some("the region is back"));
    run.add(crate::model::Event::EndingBegan { how: crate::model::record::End::Aborted }).wait(9);
    run.add(crate::model::Event::RunEnded { state: crate::model::record::End::Aborted });
    let report = postmortem(&run);
    let hours = report.times.hours;
    // Two seconds between the attempts, nine in the end.
    assert_eq!((hours.machine_ms, hours.human_ms, hours.idle_ms), (40_000, 30_000, 11_000));
    assert_eq!(report.waits[0].by, ["ben"]);
    let text = written(&report, Format::Markdown);
    let said =
        "- **Is it back?** No: the run was aborted at 2026-11-24 10:01:21Z. ben said `abort`: the region is back\n";
    assert_has(&text, &[said, "- `copy` is failed: RG2104"]);
}

#[test]
fn the_first_screen_says_who_has_the_run() {
    let answer = |run: &Golden| glance::answers(&postmortem(run)).remove(0).answer;
    assert_eq!(answer(&testing::waiting()), "Not yet: NOBODY EXECUTES THIS RUN. As of 2026-11-24 10:03:52Z.");
    let run = testing::waiting();
    let lease = crate::journal::lease::Lease::take(&run.dir.path).unwrap().unwrap();
    assert_eq!(answer(&run), "Not yet: the run waits for people. As of 2026-11-24 10:03:52Z.");
    drop(lease);
    let mut run = testing::failed();
    run.add(crate::model::Event::EndingBegan { how: crate::model::record::End::Aborted });
    assert_eq!(answer(&run), "No: the run comes to its end as aborted. As of 2026-11-24 10:00:42Z.");
    let undone = postmortem(&testing::undone());
    assert!(undone.open.is_empty(), "{:?}", undone.open);
}

#[test]
fn objectives_are_met_missed_or_open() {
    let texts = |run: &Golden| postmortem(run).objectives.iter().map(|it| it.text()).collect::<Vec<_>>();
    assert_eq!(texts(&testing::ok()), ["RTO 1h30m: 20m29s, met", "RPO 1d00h: 5m00s, met"]);
    assert_eq!(texts(&testing::waiting()), ["RTO 1h30m: 13m52s so far", "RPO 1d00h: 5m00s so far"]);
    let mut late = testing::waiting();
    late.wait(7200);
    assert_eq!(texts(&late)[0], "RTO 1h30m: 2h13m, MISSED");
    assert_eq!(texts(&testing::failed())[1], "RPO 1d00h: not measured");
    assert_eq!(texts(&testing::undone())[0], "RTO 1h30m: not recovered");
}

#[test]
fn the_report_of_a_rescue_in_markdown() {
    let run = testing::ok();
    let text = written(&postmortem(&run), Format::Markdown);
    let head = format!("Head of the journal: `{}`", run.state.head);
    assert_has(
        &text,
        &[
            "# Recovery `7qk2`: Bring back one table\n",
            "**The recovery succeeded 20m29s after the outage began: 2 succeeded, 1 skipped, 1 pending.**",
            "| Started by | ana |",
            "| Parameter | `table` = enrolments |",
            "- **Is it back?** Yes, since 2026-11-24 10:10:29Z. 1 check proved it.\n",
            "- **What was lost?** What was written in the 5m00s before the outage began. `copy` restored to 2026-11-24 09:45:00Z.",
            "- From outage to end: 20m29s\n- Before the run was started: 10m00s\n- Steps worked: 5m24s\n",
            "- Only people were waited for: 5m00s\n- Nothing ran: 5.0s\n- No executor, and no sign of work: 0ms\n",
            "| 2026-11-24 10:08:52Z | ben | approves `load` with code `k3m9q2` | 412 rows come back; 3 rows are only in live and stay |",
            "| `load` | approval | firefighter | 2026-11-24 10:03:52Z | 5m00s | ben |",
            "Longest way as it went: `copy` 3m12s → `load` 7m12s\n",
            "| `enrolments` | `load` | 412 | 3 | 409 | 0 |",
            "| `copy` | succeeded | 10m00s | 3m12s | 3m12s | 10:00:00Z | 10:03:12Z | 6m48s early | Restore the whole backup beside the live cluster |  |",
            "| `load` | succeeded | 10m00s | 7m12s | 2m12s | 10:03:12Z | 10:10:24Z | 9m36s early | Put enrolments back |",
            "approved by ben with code `k3m9q2`; proven: `select count(*)` is 412, at least 412 |",
            "| `tell` | skipped | 10m00s |  |  | 10:10:24Z | 10:10:24Z |  |  | its `if` is false |",
            "- 2026-11-24 10:10:24Z cleo: customers were told\n",
            "| postgres cluster | `/var/lib/regrow/7qk2` | `copy` | 2026-11-25 10:00:00Z | `regrow cleanup 7qk2` |",
            "- 2026-11-24 10:03:12Z `copy` succeeded in 3m12s",
            &head,
        ],
    );
}

#[test]
fn the_report_of_a_crash_names_the_interruption_and_the_unknown() {
    let mut run = testing::unknown();
    run.wait(30);
    let text = written(&postmortem(&run), Format::Markdown);
    assert_has(
        &text,
        &[
            "it is waiting, and nobody executes it, 20m30s after the outage began: `copy` (unknown).**",
            "- 2026-11-24 10:00:00Z to 2026-11-24 10:10:00Z: no sign of life of an executor; resumed by ana\n",
            "- 2026-11-24 10:10:00Z to now: no sign of life of an executor\n",
            "- `copy` (unknown)\n  - nobody can tell whether it happened: its supervisor is gone and left no result\n",
        ],
    );
}

#[test]
fn what_was_done_by_hand_stands_with_who_and_why() {
    let text = written(&postmortem(&by_hand()), Format::Markdown);
    assert_has(
        &text,
        &[
            "2 attempts; by hand; NOT VERIFIED; `done copy` by ben, because restored from the console |",
            "- `copy` done by hand, ben: restored from the console\n- `copy` NOT VERIFIED: a person says it is so, ben: ",
            "| ben | `done copy` | restored from the console |",
        ],
    );
}

#[test]
fn every_golden_run_has_a_report_in_every_format() {
    for golden in GOLDENS {
        let report = postmortem(&golden());
        for format in Format::ALL {
            let text = written(&report, format);
            assert_has(&text, &["7qk2", "Bring back one table"]);
            assert_eq!(text.contains("THIS RUN HAS NOT ENDED"), !report.ended && format != Format::Json);
        }
        pages::nested(&written(&report, Format::Html));
        let json: Value = serde_json::from_str(&written(&report, Format::Json)).unwrap();
        assert!(json["steps"].is_array() && json["times"]["machine_ms"].is_u64());
    }
    assert_has(
        &written(&postmortem(&testing::damaged()), Format::Markdown),
        &["> Not complete: `journal.000001` is damaged"],
    );
}

#[test]
fn a_page_needs_nothing_else_and_takes_no_markup_from_people() {
    let mut run = testing::waiting();
    let text = "<script>alert(1)</script> | `a<b`".to_string();
    run.add(crate::model::Event::NoteAdded { text, who: testing::person("<b>eve</b>") });
    let report = postmortem(&run);
    let page = written(&report, Format::Html);
    assert!(!page.contains("<script") && !page.contains("<b>eve"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "{page}");
    assert_has(&page, &["&lt;script&gt;", "<code>a&lt;b</code>"]);
    let markdown = written(&report, Format::Markdown);
    assert!(!markdown.contains("<script"), "{markdown}");
    assert_has(&markdown, &["&lt;script>", "`a<b`"]);
}

#[test]
fn files_are_replaced_whole_and_for_their_owner_only() {
    let run = testing::ok();
    fs::write(run.dir.path.join("report.md"), "old").unwrap();
    let files = write_all(&run.dir).unwrap();
    let names: Vec<_> = files.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
    assert_eq!(names, ["report.md", "report.html", "report.json"]);
    for path in files {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::read_to_string(path).unwrap().contains("Bring back one table"));
    }
    let left: Vec<_> = fs::read_dir(&run.dir.path).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("report.md.")), "{left:?}");
}

#[test]
fn a_ledger_that_outlived_its_time_is_overdue() {
    let run = testing::ok();
    let later = run.now.at + SignedDuration::from_hours(48);
    let report = Postmortem::gather(&run.dir, later);
    assert!(report.ledger[0].overdue);
    assert_has(&written(&report, Format::Markdown), &["(OVERDUE)"]);
}
