//! `status [RUN]`: where a run stands, what is asked, and what to type next.

use super::context::Context;
use super::failure::Failure;
use super::holds;
use super::looking::{self, print, print_json};
use crate::model::step::StepState;
use crate::model::{RunStatus, Status};
use crate::view::back::undo_failed;
use crate::view::commands::{who_now, whom};
use crate::view::drill::Rehearsed;
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::tell::{paused, restarted, why_skipped};
use crate::view::words::{clock, count, grouped, stamp};
use crate::view::{RunView, StepView, json};

/// More steps than this are not listed one by one unless asked for with `-v`: only those that are about something.
const MOST_LISTED: usize = 60;

pub fn status(context: &Context, run: Option<&str>, line: bool) -> Result<(), Failure> {
    let view = looking::view(context, run)?;
    if context.json {
        return print_json(&json::Status(&view));
    }
    if line {
        let mut sentence = Page::new();
        sentence.line(view.sentence());
        return print(sentence);
    }
    print(text(&view, looking::paint(context), context.verbose))
}

/// The page for people.
pub fn text(view: &RunView, paint: Paint, all: bool) -> Page {
    let mut out = Page::new();
    head(view, paint, &mut out);
    troubles(view, paint, &mut out);
    steps(view, paint, all, &mut out);
    holds::on_page(view, paint, &mut out);
    todos(view, paint, &mut out);
    recorded(view, &mut out);
    told(view, paint, &mut out);
    ledger(view, &mut out);
    next(view, paint, &mut out);
    out
}

fn head(view: &RunView, paint: Paint, out: &mut Page) {
    let drill = if view.is_drill() { "  DRILL" } else { "" };
    out.line(format_args!("{}  {}{drill}", paint.bold(view.id.as_str()), view.called()));
    if view.is_abandoned() {
        out.line(format_args!("{}", paint.alarm("NOBODY EXECUTES THIS RUN")));
    }
    let as_of = if view.is_whole { String::new() } else { format!(", as of record {}", view.state.seq) };
    out.line(format_args!("state     {}, {}{as_of}", paint.run_status(view.status, 0), view.done_of_all()));
    view.remarks().iter().for_each(|remark| out.line(format_args!("          {}", paint.alarm(remark))));
    if let (Some(how), None) = (paused(&view.state), view.state.ended) {
        out.line(format_args!("          {how}"));
    }
    out.line(format_args!("time      {}", view.clock_line()));
    if let Some(rehearsed) = view.rehearsed() {
        out.line(format_args!("drill     {rehearsed}"));
    }
    if let Some(at) = view.expected_end() {
        out.line(format_args!("ends      about {}", stamp(at)));
    }
    if let Some(at) = view.outage_began() {
        out.line(format_args!("outage    {}", stamp(at)));
    }
    if let Some(at) = view.started_at() {
        let who = view.state.started().map(|it| format!(" by {}", it.who.name)).unwrap_or_default();
        out.line(format_args!("started   {}{who}", stamp(at)));
    }
    if let Some(at) = view.state.ended_at {
        out.line(format_args!("ended     {}", stamp(at)));
    }
    if let Some(started) = view.state.started() {
        out.line(format_args!("runbook   {} ({})", started.runbook, started.severity));
    }
    if let (Some(executor), true) = (&view.state.executor, view.alive) {
        out.line(format_args!("executor  process {} on {}", executor.pid, executor.host));
    }
    if !view.state.head.is_empty() {
        out.line(format_args!("head      {} at record {}", view.state.head, view.state.seq));
    }
}

fn troubles(view: &RunView, paint: Paint, out: &mut Page) {
    for trouble in &view.troubles {
        out.gap();
        out.line(format_args!("{} {}", paint.alarm("note:"), trouble.message));
        out.line(format_args!("  hint: {}", trouble.hint));
    }
}

fn steps(view: &RunView, paint: Paint, all: bool, out: &mut Page) {
    if view.steps.is_empty() {
        return;
    }
    let listed = |step: &&StepView| all || view.steps.len() <= MOST_LISTED || is_about_something(step.status);
    let shown: Vec<&StepView> = view.steps.iter().filter(listed).collect();
    let width = shown.iter().map(|step| step.address.as_str().chars().count()).max().unwrap_or(0).min(40);
    out.gap();
    out.line(format_args!("{}: {}", count(view.steps.len(), "step"), view.counts()));
    for step in &shown {
        let status = paint.status(step.status, 9);
        out.line(format_args!("  {status}  {:width$}  {}", step.address.as_str(), remark(view, step)));
    }
    if shown.len() < view.steps.len() {
        let hidden = grouped((view.steps.len() - shown.len()) as u64);
        out.line(format_args!("  … {hidden} more that are done or have not begun: `regrow -v status {}`", view.id));
    }
}

fn is_about_something(status: Status) -> bool {
    !matches!(status, Status::Succeeded | Status::Skipped | Status::Pending | Status::Queued | Status::Blocked)
}

/// What there is to say of a step on one line.
fn remark(view: &RunView, step: &StepView) -> String {
    let state = view.state_of(step);
    let mut parts: Vec<String> = Vec::new();
    // One that was taken back ended again when it was, however long it had taken.
    let lasted = !matches!(step.status, Status::Skipped | Status::Undone);
    parts.extend(view.duration_of(step).filter(|_| lasted));
    parts.extend(step.pulse.as_ref().map(progress));
    if state.attempts > 1 {
        parts.push(format!("{} attempts", state.attempts));
    }
    parts.extend((state.restarts > 0).then(|| restarted(state.restarts)));
    if view.is_abandoned() && step.status.is_in_flight() {
        let word = if step.survives { "goes on without an executor" } else { "no process of ours works on it" };
        parts.push(word.into());
    }
    parts.extend(view.is_overdue(step).then(|| "BEYOND ITS DEADLINE".into()));
    parts.extend(state.wait.iter().filter(|_| view.state.ended.is_none()).map(|it| format!("waits {}", it.wait)));
    parts.extend(step.drill.filter(|it| *it != Rehearsed::AsIs).map(|it| match &state.skipped {
        Some(why) => why_skipped(&step.address, why),
        None => it.word().into(),
    }));
    parts.extend(view.by_word_of(step).map(|claim| claim.done()));
    parts.extend(view.left_out_of(step).map(|claim| claim.left_out()));
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

fn todos(view: &RunView, paint: Paint, out: &mut Page) {
    for todo in view.todos() {
        let state = view.state_of(todo.step);
        out.gap();
        out.line(format_args!("{} `{}` {}", paint.bold("?"), todo.step.address, question(view, todo.step)));
        let whom = state.ask.iter().filter_map(|asked| whom(asked));
        whom.for_each(|whom| out.quote("    ", &whom));
        let asked = state.ask.iter().flat_map(|asked| asked.ask.shown.iter());
        for fact in asked.map(String::as_str).chain(state.evidence()) {
            out.quote("    ", fact);
        }
        let hint = state.fault.as_ref().and_then(|fault| fault.hint.as_ref());
        hint.into_iter().for_each(|hint| out.line(format_args!("    hint: {hint}")));
        for line in view.recorded_of(todo.step) {
            out.quote("    ", &line);
        }
        let width = todo.ways.iter().map(|way| way.means.len()).max().unwrap_or(0) + 1;
        for way in &todo.ways {
            out.command(format_args!("  {:width$} {}", format!("{}:", way.means), way.command));
        }
    }
}

/// What somebody said about the run while nobody executed it.
fn recorded(view: &RunView, out: &mut Page) {
    let lines = view.recorded_of_run();
    if !lines.is_empty() {
        out.gap();
        lines.iter().for_each(|line| out.line(line));
    }
}

pub fn question(view: &RunView, step: &StepView) -> String {
    let state = view.state_of(step);
    match (&state.ask, step.status) {
        (Some(asked), Status::Waiting) if state.wait.is_none() => {
            let approved = if state.approved_by.is_empty() {
                String::new()
            } else {
                format!(", approved so far by {}", state.approved_by.join(", "))
            };
            format!("asks {}, since {}{approved}", who_now(asked), clock(asked.since.at))
        }
        _ if state.wait.is_some() => waits(state),
        (_, Status::Unknown) => "is unknown: did it happen?".into(),
        (_, Status::Unproven) => "is not proven".into(),
        (_, Status::Undone) => "was taken back".into(),
        _ if view.is_overdue(step) => overdue(state),
        (_, Status::Late) => "is late: it goes on and is watched".into(),
        _ => match &state.fault {
            Some(fault) if view.is_stuck(step) => undo_failed(fault),
            Some(fault) => format!("failed: {fault}"),
            None => "failed".into(),
        },
    }
}

/// Those who cannot be told what goes on.
fn told(view: &RunView, paint: Paint, out: &mut Page) {
    let failing = view.state.told.iter().filter_map(|told| Some((&told.to, told.failing.as_ref()?)));
    for (to, failing) in failing {
        out.gap();
        let (note, since) = (paint.alarm("note:"), clock(failing.since.at));
        out.line(format_args!("{note} `{to}` CANNOT BE TOLD since {since}: {}", failing.fault));
        failing.fault.causes.iter().for_each(|cause| out.quote("  because: ", cause));
    }
}

fn waits(state: &StepState) -> String {
    state.wait.as_ref().map_or_else(String::new, |it| format!("waits {}", it.wait))
}

fn overdue(state: &StepState) -> String {
    let since = state.overdue.as_ref().map(|it| format!(" since {}", clock(it.at))).unwrap_or_default();
    format!("is beyond its deadline{since}; it goes on and is watched")
}

fn ledger(view: &RunView, out: &mut Page) {
    if view.state.ledger.is_empty() {
        return;
    }
    out.gap();
    out.line("made by this run and still there");
    let overdue: Vec<_> = view.overdue().map(|entry| (&entry.kind, &entry.id)).collect();
    for entry in &view.state.ledger {
        let until = entry.keep_until.map(|until| format!(", kept until {}", stamp(until))).unwrap_or_default();
        let late = if overdue.contains(&(&entry.kind, &entry.id)) { ", OVERDUE" } else { "" };
        out.line(format_args!("  {} {} (by `{}`{until}{late})", entry.kind, entry.id, entry.made_by));
        if !late.is_empty() {
            out.command(format_args!("    take it away: {}", json::removal(&view.commands, entry)));
        }
    }
}

fn next(view: &RunView, paint: Paint, out: &mut Page) {
    let command = match view.status {
        status if status.is_final() && view.is_being_taken_back() => {
            view.take_back_again().unwrap_or_else(|| view.commands.report())
        }
        RunStatus::Succeeded | RunStatus::Failed | RunStatus::Aborted | RunStatus::Undone => view.commands.report(),
        _ if (view.is_abandoned() || view.state.paused) && view.is_whole => view.commands.resume(),
        _ => return,
    };
    // Going on alone would come to the same question.
    let wants_answer = !view.status.is_final() && !view.todos().is_empty() && view.recorded.is_empty();
    let first = if wants_answer { "an answer from above, then " } else { "" };
    out.gap();
    out.command(format_args!("{} {first}{command}", paint.bold("next:")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn page(run: &testing::Golden) -> String {
        text(&run.view(), Paint::default(), false).to_string()
    }

    #[test]
    fn a_waiting_run_says_what_is_asked_and_what_to_type() {
        let run = testing::waiting();
        let head = run.state.head.clone();
        let expected = format!(
            "\
7qk2  Bring back one table
NOBODY EXECUTES THIS RUN
state     waiting, 1 of 4 steps done
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

next: an answer from above, then regrow resume 7qk2
"
        );
        assert_eq!(page(&run), expected);
    }

    #[test]
    fn a_failed_step_shows_its_fault_and_the_ways_on() {
        let page = page(&testing::failed());
        for line in [
            "state     paused, 0 of 4 steps done",
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
            (testing::ok(), "state     succeeded, 2 of 4 steps done, 1 skipped"),
            (testing::unknown(), "  it happened:              regrow done copy --because TEXT --run 7qk2"),
            (testing::undone(), "state     undone"),
            (testing::torn(), "note: the journal's last line was cut by a crash"),
            (testing::damaged(), "state     running, 0 of 4 steps done, as of record 3"),
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
        let expected = "Bring back one table: the recovery waits for a decision of the team, 1 of 4 steps done (as of \
                         2026-11-24 10:03:52Z).";
        assert_eq!(sentence, expected);
        let sentence = testing::ok().view().sentence();
        assert_eq!(sentence, "Bring back one table: recovered and verified at 2026-11-24 10:10:29Z, after 20m29s.");
    }
}
