//! `status [RUN]`: where a run stands, what is asked, and what to type next.

use std::fmt::Write;

use super::context::Context;
use super::failure::Failure;
use super::looking::{self, print, print_json};
use crate::model::record::Mode;
use crate::model::{RunStatus, Status};
use crate::view::commands::{who_now, whom};
use crate::view::paint::Paint;
use crate::view::tell::paused;
use crate::view::words::{clock, count, grouped, stamp};
use crate::view::{RunView, StepView, clean, json};

/// More steps than this are not listed one by one unless asked for with `-v`: only those that are about something.
const MOST_LISTED: usize = 60;

pub fn status(context: &Context, run: Option<&str>, line: bool) -> Result<(), Failure> {
    let view = looking::view(context, run)?;
    if context.json {
        return print_json(&json::Status(&view));
    }
    if line {
        return print(&format!("{}\n", clean::word(&view.sentence())));
    }
    print(&text(&view, looking::paint(context), context.verbose))
}

/// The page for people.
pub fn text(view: &RunView, paint: Paint, all: bool) -> String {
    let mut out = String::new();
    head(view, paint, &mut out);
    troubles(view, paint, &mut out);
    steps(view, paint, all, &mut out);
    todos(view, paint, &mut out);
    recorded(view, &mut out);
    ledger(view, &mut out);
    next(view, paint, &mut out);
    out
}

fn head(view: &RunView, paint: Paint, out: &mut String) {
    let drill = if view.mode() == Some(Mode::Drill) { "  DRILL" } else { "" };
    let _ = writeln!(out, "{}  {}{drill}", paint.bold(view.id.as_str()), clean::word(view.called()));
    if view.is_abandoned() {
        let _ = writeln!(out, "{}", paint.alarm("NOBODY EXECUTES THIS RUN"));
    }
    let as_of = if view.is_whole { String::new() } else { format!(", as of record {}", view.state.seq) };
    let _ = writeln!(out, "state     {}, {}{as_of}", paint.run_status(view.status, 0), view.done_of_all());
    if let (Some(how), None) = (paused(&view.state), view.state.ended) {
        let _ = writeln!(out, "          {how}");
    }
    let _ = writeln!(out, "time      {}", view.clock_line());
    if let Some(at) = view.expected_end() {
        let _ = writeln!(out, "ends      about {}", stamp(at));
    }
    if let Some(at) = view.outage_began() {
        let _ = writeln!(out, "outage    {}", stamp(at));
    }
    if let Some(at) = view.started_at() {
        let who = view.state.started().map(|it| format!(" by {}", clean::word(&it.who.name))).unwrap_or_default();
        let _ = writeln!(out, "started   {}{who}", stamp(at));
    }
    if let Some(at) = view.state.ended_at {
        let _ = writeln!(out, "ended     {}", stamp(at));
    }
    if let Some(started) = view.state.started() {
        let _ = writeln!(out, "runbook   {} ({})", clean::word(&started.runbook), started.severity);
    }
    if let (Some(executor), true) = (&view.state.executor, view.alive) {
        let _ = writeln!(out, "executor  process {} on {}", executor.pid, executor.host);
    }
    if !view.state.head.is_empty() {
        let _ = writeln!(out, "head      {} at record {}", view.state.head, view.state.seq);
    }
}

fn troubles(view: &RunView, paint: Paint, out: &mut String) {
    for trouble in &view.troubles {
        let _ = writeln!(
            out,
            "\n{} {}\n  hint: {}",
            paint.alarm("note:"),
            clean::word(&trouble.message),
            clean::word(&trouble.hint)
        );
    }
}

fn steps(view: &RunView, paint: Paint, all: bool, out: &mut String) {
    if view.steps.is_empty() {
        return;
    }
    let listed = |step: &&StepView| all || view.steps.len() <= MOST_LISTED || is_about_something(step.status);
    let shown: Vec<&StepView> = view.steps.iter().filter(listed).collect();
    let width = shown.iter().map(|step| step.address.as_str().chars().count()).max().unwrap_or(0).min(40);
    let _ = writeln!(out, "\n{}: {}", count(view.steps.len(), "step"), view.counts());
    for step in &shown {
        let line = format!(
            "  {}  {:width$}  {}",
            paint.status(step.status, 9),
            step.address.as_str(),
            clean::word(&remark(view, step))
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    if shown.len() < view.steps.len() {
        let hidden = grouped((view.steps.len() - shown.len()) as u64);
        let _ = writeln!(out, "  … {hidden} more that are done or have not begun: `regrow -v status {}`", view.id);
    }
}

fn is_about_something(status: Status) -> bool {
    !matches!(status, Status::Succeeded | Status::Skipped | Status::Pending | Status::Queued | Status::Blocked)
}

/// What there is to say of a step on one line.
fn remark(view: &RunView, step: &StepView) -> String {
    let state = view.state_of(step);
    let mut parts: Vec<String> = Vec::new();
    parts.extend(view.duration_of(step).filter(|_| step.status != Status::Skipped));
    parts.extend(step.pulse.as_ref().map(progress));
    if state.attempts > 1 {
        parts.push(format!("{} attempts", state.attempts));
    }
    if view.is_abandoned() && step.status.is_in_flight() {
        let word = if step.survives { "goes on without an executor" } else { "no process of ours works on it" };
        parts.push(word.into());
    }
    parts.extend(state.by_hand.then(|| "by hand".into()));
    parts.extend(state.adopted.then(|| "adopted".into()));
    parts.extend(step.blocked_by.as_ref().map(|need| format!("by `{need}`")));
    parts.extend(state.fault.as_ref().map(|fault| fault.to_string()));
    parts.extend((step.name != step.address.as_str()).then(|| step.name.clone()));
    parts.join(", ")
}

/// `40 % of 1,000 rows, copying enrolments`.
pub fn progress(pulse: &crate::model::Pulse) -> String {
    let doing = if pulse.doing.is_empty() { String::new() } else { format!(", {}", pulse.doing) };
    match pulse.total {
        Some(total) if total > 0 => {
            let percent = (pulse.done.min(total) as f64 / total as f64 * 100.0) as u64;
            format!("{percent} % of {} {}{doing}", grouped(total), pulse.unit)
        }
        _ => format!("{} {}{doing}", grouped(pulse.done), pulse.unit),
    }
}

fn todos(view: &RunView, paint: Paint, out: &mut String) {
    for todo in view.todos() {
        let state = view.state_of(todo.step);
        let _ =
            writeln!(out, "\n{} `{}` {}", paint.bold("?"), todo.step.address, clean::word(&question(view, todo.step)));
        let whom = state.ask.iter().filter_map(|asked| whom(asked));
        whom.for_each(|whom| out.push_str(&format!("    {}\n", clean::word(&whom))));
        let asked = state.ask.iter().flat_map(|asked| asked.ask.shown.iter());
        for fact in asked.chain(state.evidence.iter()) {
            clean::each_line(fact).for_each(|line| out.push_str(&format!("    {line}\n")));
        }
        let hint = state.fault.as_ref().and_then(|fault| fault.hint.as_ref());
        hint.into_iter().for_each(|hint| out.push_str(&format!("    hint: {}\n", clean::word(hint))));
        for line in view.recorded_of(todo.step) {
            let _ = writeln!(out, "    {}", clean::word(&line));
        }
        let width = todo.ways.iter().map(|way| way.means.len()).max().unwrap_or(0) + 1;
        for way in &todo.ways {
            let _ = writeln!(out, "  {:width$} {}", format!("{}:", way.means), way.command);
        }
    }
}

/// What somebody said about the run while nobody executed it.
fn recorded(view: &RunView, out: &mut String) {
    let lines = view.recorded_of_run();
    if !lines.is_empty() {
        let _ = writeln!(out, "\n{}", lines.iter().map(|line| clean::word(line)).collect::<Vec<_>>().join("\n"));
    }
}

fn question(view: &RunView, step: &StepView) -> String {
    let state = view.state_of(step);
    match (&state.ask, step.status) {
        (Some(asked), Status::Waiting) => {
            let approved = if state.approved_by.is_empty() {
                String::new()
            } else {
                format!(", approved so far by {}", state.approved_by.join(", "))
            };
            format!("asks {}, since {}{approved}", who_now(asked), clock(asked.since.at))
        }
        (_, Status::Unknown) => "is unknown: did it happen?".into(),
        (_, Status::Unproven) => "is not proven".into(),
        (_, Status::Undone) => "was taken back".into(),
        _ => match &state.fault {
            Some(fault) => format!("failed: {fault}"),
            None => "failed".into(),
        },
    }
}

fn ledger(view: &RunView, out: &mut String) {
    if view.state.ledger.is_empty() {
        return;
    }
    let _ = writeln!(out, "\nmade by this run and still there");
    let overdue: Vec<_> = view.overdue().map(|entry| (&entry.kind, &entry.id)).collect();
    for entry in &view.state.ledger {
        let until = entry.keep_until.map(|until| format!(", kept until {}", stamp(until))).unwrap_or_default();
        let late = if overdue.contains(&(&entry.kind, &entry.id)) { ", OVERDUE" } else { "" };
        let _ = writeln!(
            out,
            "  {} {} (by `{}`{until}{late})",
            clean::word(&entry.kind),
            clean::word(&entry.id),
            entry.made_by
        );
        if !late.is_empty() {
            let _ = writeln!(out, "    take it away: {}", clean::word(&json::removal(&view.commands, entry)));
        }
    }
}

fn next(view: &RunView, paint: Paint, out: &mut String) {
    let command = match view.status {
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Aborted | RunStatus::Undone => view.commands.report(),
        _ if (view.is_abandoned() || view.state.paused) && view.is_whole => view.commands.resume(),
        _ => return,
    };
    let _ = writeln!(out, "\n{} {command}", paint.bold("next:"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn page(run: &testing::Golden) -> String {
        text(&run.view(), Paint::default(), false)
    }

    #[test]
    fn a_waiting_run_says_what_is_asked_and_what_to_type() {
        let run = testing::waiting();
        let head = run.state.head.clone();
        let expected = format!(
            "\
7qk2  Bring back one table
NOBODY EXECUTES THIS RUN
state     waiting, 1 of 3 steps done
time      3m52s since the start, 1h16m left of RTO 1h30m
outage    2026-11-24 09:50:00Z
started   2026-11-24 10:00:00Z by ana
runbook   restore-only (restore-only)
head      {head} at record 7

4 steps: 1 succeeded, 1 waiting, 2 pending
  succeeded  copy   3m12s, Restore the whole backup beside the live cluster
  waiting    load   40s, Put enrolments back
  pending    tell
  pending    clean

? `load` asks firefighter, since 10:03:52Z
    412 rows come back
    3 rows are only in live and stay
  yes: regrow approve load --code k3m9q2 --run 7qk2
  no:  regrow reject load --because TEXT --run 7qk2

made by this run and still there
  postgres cluster /var/lib/regrow/7qk2 (by `copy`, kept until 2026-11-25 10:00:00Z)

next: regrow resume 7qk2
"
        );
        assert_eq!(page(&run), expected);
    }

    #[test]
    fn a_failed_step_shows_its_fault_and_the_ways_on() {
        let page = page(&testing::failed());
        for line in [
            "state     paused, 0 of 3 steps done",
            "  failed     copy   42s, 2 attempts, RG2104 the lock on `enrolments` was not had, Restore",
            "  blocked    load   by `copy`, Put enrolments back",
            "? `copy` failed: RG2104 the lock on `enrolments` was not had",
            "    hint: end process 412 of `lms`, then retry",
            "  try again:        regrow retry copy --run 7qk2",
            "  go on without it: regrow skip copy --because TEXT --run 7qk2",
        ] {
            assert!(page.contains(line), "`{line}` is missing in\n{page}");
        }
    }

    #[test]
    fn every_golden_run_has_a_page() {
        for (run, line) in [
            (testing::ok(), "state     succeeded, 3 of 3 steps done"),
            (testing::unknown(), "  it happened:              regrow done copy --because TEXT --run 7qk2"),
            (testing::undone(), "state     undone"),
            (testing::torn(), "note: the journal's last line was cut by a crash"),
            (testing::damaged(), "state     running, 0 of 3 steps done, as of record 3"),
            (testing::damaged(), "note: `journal.000001` is damaged at byte"),
            (testing::from_the_future(), "note: `journal.000001` was written by a newer regrow"),
        ] {
            let page = page(&run);
            assert!(page.contains(line), "`{line}` is missing in\n{page}");
        }
    }

    #[test]
    fn one_sentence_for_customers_names_nothing_of_the_inside() {
        let sentence = testing::waiting().view().sentence();
        let expected = "Bring back one table: the recovery waits for a decision of the team, 1 of 3 steps done (as of \
                         2026-11-24 10:03:52Z).";
        assert_eq!(sentence, expected);
        let sentence = testing::ok().view().sentence();
        assert_eq!(sentence, "Bring back one table: recovered and verified at 2026-11-24 10:10:29Z, after 20m29s.");
    }
}
