use std::os::unix::fs::PermissionsExt;

use jiff::SignedDuration;

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
fn an_open_question_is_still_counted() {
    let mut run = testing::waiting();
    run.wait(60);
    assert_eq!(postmortem(&run).times.hours.human_ms, 60_000);
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
    assert_eq!(texts(&testing::undone())[0], "RTO 1h30m: not recovered, MISSED");
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
            "- From outage to end: 20m29s\n- Before the run was started: 10m00s\n- Machines worked: 5m24s\n- Waited for people: 5m00s\n- Idle: 5.0s\n",
            "| `enrolments` | `load` | 412 | 3 | 409 | 0 |",
            "| `copy` | succeeded | 3m12s | Restore the whole backup beside the live cluster |  |",
            "approved by ben with code `k3m9q2`; proven: `select count(*)` is 412, at least 412 |",
            "| `tell` | skipped |  |  | its `if` is false |",
            "- 2026-11-24 10:08:52Z ben: `approve load`\n",
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
            "- 2026-11-24 10:00:00Z to 2026-11-24 10:10:00Z: the executor was gone without a word; resumed by ana\n",
            "- 2026-11-24 10:10:00Z to now: the executor was gone without a word\n",
            "- `copy` (unknown)\n  - nobody can tell whether it happened: its supervisor is gone and left no result\n",
        ],
    );
}

#[test]
fn what_was_done_by_hand_stands_with_who_and_why() {
    let mut run = testing::failed();
    let verb = crate::model::Verb::Done { step: testing::at("copy"), outputs: Default::default(), unverified: false };
    run.answered(verb, Some("restored from the console"));
    let crate::model::Event::StepSucceeded(mut done) = testing::succeeded("copy", serde_json::json!({})) else {
        panic!()
    };
    done.by_hand = true;
    run.add(crate::model::Event::StepSucceeded(done));
    let text = written(&postmortem(&run), Format::Markdown);
    assert_has(&text, &["2 attempts; by hand; `done copy` by ben, because restored from the console |"]);
}

#[test]
fn every_golden_run_has_a_report_in_every_format() {
    let goldens: [fn() -> Golden; 8] = [
        testing::ok,
        testing::waiting,
        testing::failed,
        testing::unknown,
        testing::undone,
        testing::torn,
        testing::damaged,
        testing::from_the_future,
    ];
    for golden in goldens {
        let report = postmortem(&golden());
        for format in Format::ALL {
            let text = written(&report, format);
            assert_has(&text, &["7qk2", "Bring back one table"]);
        }
        let json: serde_json::Value = serde_json::from_str(&written(&report, Format::Json)).unwrap();
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
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
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
