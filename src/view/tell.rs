//! One sentence for each record, the same in `events`, in plain lines and in the report's timeline.
//!
//! Present tense, one fact, literals in backticks, readable without colour. One small function a kind of record.

use super::back::{step_undone, undo_began, undo_failed, undo_intended, undo_withheld};
use super::book::Book;
use super::commands::{who as asked_of, who_now};
use super::drill::not_done;
use super::words::{clock, grouped, key_outputs, span, stamp};
use crate::model::ledger::{Kept, LedgerEntry};
use crate::model::record::{
    Ask, AskKind, Check, End, Event, Mode, Record, RunStarted, SkipReason, StepIntended, StepSucceeded, StopReason,
};
use crate::model::run::Pause;
use crate::model::{Address, Amendment, Answer, Fault, Person, RunState, Seq, Verb};

/// The record as one line: the step it is about, then what happened. `state` is the fold with the record in it.
pub fn line(record: &Record, state: &RunState, book: &Book) -> String {
    let text = sentence(record, state, book);
    match record.event.step() {
        Some(step) => format!("`{step}` {text}"),
        None => text,
    }
}

/// What happened, without the step it is about.
pub fn sentence(record: &Record, state: &RunState, book: &Book) -> String {
    match &record.event {
        Event::RunStarted(it) => run_started(it),
        Event::SegmentOpened { state } => segment_opened(state.seq),
        Event::TailDoubted { segment, offset, kept_as } => tail_doubted(segment, *offset, kept_as),
        Event::PlanChanged(it) => plan_changed(it),
        Event::ExecutorStarted { host, pid, who } => executor_started(host, *pid, who),
        Event::ExecutorStopped { reason } => executor_stopped(*reason),
        Event::StepIntended(it) => step_intended(it, state, book),
        Event::StepOpened { items, .. } => step_opened(*items),
        Event::StepAdopted { .. } => step_adopted(),
        Event::StepRestarted { .. } => step_restarted(),
        Event::PhaseReached { phase, .. } => phase_reached(phase),
        Event::StepAsked { ask, .. } => step_asked(ask),
        Event::AskEscalated { step } => ask_escalated(step, state),
        Event::ApprovalGiven { who, code, .. } => approval_given(who, code),
        Event::ApprovalVoided { .. } => approval_voided(),
        Event::StepSucceeded(it) => step_succeeded(it, state, book),
        Event::StepVerified { checks, .. } => step_verified(checks),
        Event::StepUnproven { checks, fault, .. } => step_unproven(checks, fault),
        Event::StepFailed { step, fault } => step_failed(step, fault, state, book),
        Event::RetryScheduled { fault, delay_ms, .. } => retry_scheduled(fault, *delay_ms),
        Event::RepairBegan { fault, by, .. } => repair_began(fault, by),
        Event::WaitBegan { wait, .. } => format!("waits {wait}"),
        Event::WaitEnded { early, .. } => wait_ended(*early),
        Event::StepLate { deadline, .. } => step_late(*deadline),
        Event::StepExtended { by_ms, .. } => step_extended(*by_ms),
        Event::StepDoubted { evidence, .. } => step_doubted(evidence),
        Event::StepSkipped { step, why } => format!("is skipped: {}", why_skipped(step, why)),
        Event::StepSuperseded { .. } => "gives way to the next".into(),
        Event::StepReopened { generation, .. } => step_reopened(*generation),
        Event::UndoIntended { undo, .. } => undo_intended(undo),
        Event::StepUndone { facts, .. } => step_undone(facts),
        Event::UndoFailed { fault, .. } => undo_failed(fault),
        Event::UndoWithheld { by, .. } => undo_withheld(by),
        Event::UndoBegan { steps, all } => undo_began(steps, *all),
        Event::LedgerAdded { entry } => ledger_added(entry),
        Event::LedgerRemoved { entry_kind, id, by_undo } => ledger_removed(entry_kind, id, *by_undo),
        Event::CleanupBegan => cleanup_began(),
        Event::CleanupEnded { kept, failed } => cleanup_ended(kept, failed),
        Event::Told { to, fault, .. } => told(to, fault.as_ref()),
        Event::AnswerAccepted { answer } => answer_accepted(answer),
        Event::AnswerRefused { answer, reason, .. } => answer_refused(answer, reason),
        Event::RunPaused => run_paused(),
        Event::RunUnpaused => run_unpaused(),
        Event::NoteAdded { text, who } => note_added(text, who),
        Event::EndingBegan { how } => ending_began(*how),
        Event::RunEnded { state: how } => run_ended(*how, state),
    }
}

fn run_started(it: &RunStarted) -> String {
    let drill = if it.mode == Mode::Drill { ", a DRILL beside production," } else { "" };
    let title = if it.title.is_empty() { String::new() } else { format!(": {}", it.title) };
    format!("run `{}` of `{}`{drill} is started by {}{title}", it.run, it.runbook, it.who.name)
}

fn segment_opened(seq: Seq) -> String {
    format!("the journal goes on in a new segment after record {seq}")
}

fn tail_doubted(segment: &str, offset: u64, kept_as: &str) -> String {
    format!("the end of `{segment}` is damaged at byte {offset} and kept as `{kept_as}`; steps in flight are in doubt")
}

fn plan_changed(it: &Amendment) -> String {
    let names = |steps: &[Address]| steps.iter().map(|step| format!("`{step}`")).collect::<Vec<_>>().join(", ");
    let mut what = Vec::new();
    if !it.changed.is_empty() {
        what.push(format!("changed or new: {}", names(&it.changed)));
    }
    if !it.gone.is_empty() {
        what.push(format!("gone: {}", names(&it.gone)));
    }
    what.extend(it.outage_began.map(|at| format!("the outage began at {}", stamp(at))));
    what.push(format!("its digest is {} now", it.digest.get(..12).unwrap_or(&it.digest)));
    format!("the plan is changed by {}; {}", it.who.name, what.join("; "))
}

fn executor_started(host: &str, pid: u32, who: &Person) -> String {
    format!("process {pid} on `{host}` executes the run, for {}", who.name)
}

fn executor_stopped(reason: StopReason) -> String {
    let why = match reason {
        StopReason::Requested => " on request; the run can be resumed",
        StopReason::Detached => ", and what is under way goes on by itself; the run can be resumed",
        StopReason::Paused => " because the run is paused",
        StopReason::Waiting => " because the run waits for a person",
        StopReason::Full => " because no room is left for the journal",
    };
    format!("the executor leaves{why}")
}

fn step_intended(it: &StepIntended, state: &RunState, book: &Book) -> String {
    let attempt = if it.attempt > 1 { format!(", attempt {}", it.attempt) } else { String::new() };
    if !it.phase.is_empty() {
        return format!("goes on with `{}`{attempt}", it.phase);
    }
    if let Some(told) = notice(it, state, book) {
        return told;
    }
    let kind = book.kind(&it.step).map(|kind| format!(" ({kind})")).unwrap_or_default();
    let name = book.name(&it.step).map(|name| format!(": {name}")).unwrap_or_default();
    format!("starts{attempt}{kind}{name}")
}

/// Its words are all that it does. One that has to be read is a question, which shows them.
fn notice(it: &StepIntended, state: &RunState, book: &Book) -> Option<String> {
    let wants_answer = it.inputs["acknowledge"] == true;
    book.kind(&it.step).filter(|kind| *kind == "manual.notice" && !wants_answer)?;
    let text = |field: &str| it.inputs[field].as_str();
    let drill = if state.is_drill() { "DRILL: " } else { "" };
    Some(format!("tells {}: {drill}{}", text("audience")?, text("message")?.trim()))
}

fn step_opened(members: usize) -> String {
    format!("begins: {}", super::words::count(members, "step"))
}

fn step_adopted() -> String {
    "was going on while nobody executed the run, and is watched again".into()
}

fn step_restarted() -> String {
    "was begun and left no result; it may be done again, and is started again".into()
}

/// `left no result and was started again`.
pub fn restarted(times: u32) -> String {
    let often = if times > 1 { format!(", {times} times") } else { String::new() };
    format!("left no result and was started again{often}")
}

fn phase_reached(phase: &str) -> String {
    format!("is ready for `{phase}`")
}

fn step_asked(ask: &Ask) -> String {
    let wants = match ask.what {
        AskKind::Approval => format!("waits for approval, code `{}`", ask.code),
        AskKind::Task => "waits for something that people do".into(),
        AskKind::Acknowledge => "waits until it was read".into(),
    };
    format!("{wants}; asked: {}", asked_of(ask))
}

fn ask_escalated(step: &Address, state: &RunState) -> String {
    let Some((asked, since)) = state.step(step).ask.as_ref().and_then(|it| Some((it, it.escalated.as_ref()?))) else {
        return "is ESCALATED".into();
    };
    format!("waits since {}; asked now: {}", span(since.since(&asked.since)), who_now(asked))
}

fn approval_given(who: &Person, code: &str) -> String {
    format!("is approved by {} with code `{code}`", who.name)
}

fn approval_voided() -> String {
    "shows something else now: earlier approvals are void".into()
}

fn step_succeeded(it: &StepSucceeded, state: &RunState, book: &Book) -> String {
    let how = match (it.by_hand, it.adopted, it.verify) {
        (true, _, _) => "is done by hand",
        (_, true, _) => "was done by an earlier executor",
        (_, _, true) if it.despite.is_some() => "failed, and its proofs decide now",
        (_, _, true) => "has done its work and is proven now",
        _ => "succeeded",
    };
    let took = if it.by_hand { String::new() } else { took(&it.step, state) };
    let outputs = key_outputs(&it.outputs);
    let outputs = if outputs.is_empty() { outputs } else { format!(": {outputs}") };
    // What failed is told as a failure.
    let lacking: Vec<String> = book.lacking(it).iter().map(|name| format!("`{name}`")).collect();
    let lacking = match it.despite.is_some() || lacking.is_empty() {
        true => String::new(),
        false => format!("; it DID NOT PUT OUT {}, which later steps read", lacking.join(", ")),
    };
    let failure = it.despite.as_ref().map(|fault| format!(": {fault}")).unwrap_or_default();
    format!("{how}{took}{outputs}{lacking}{failure}")
}

/// ` in 3m12s`, from its first start to its end.
fn took(step: &Address, state: &RunState) -> String {
    let step = state.step(step);
    match (&step.started_at, &step.ended_at) {
        (Some(from), Some(to)) => format!(" in {}", span(to.since(from))),
        _ => String::new(),
    }
}

fn step_verified(checks: &[Check]) -> String {
    let proofs: Vec<&str> = checks.iter().filter(|check| check.passed).map(|check| check.text.as_str()).collect();
    let not_asked: Vec<String> =
        checks.iter().filter(|check| check.left_out).map(|check| format!("`{}`", check.probe)).collect();
    let mut told = match (proofs.is_empty(), not_asked.is_empty()) {
        (true, true) => "succeeded and is proven".to_owned(),
        (true, false) => "succeeded, and nothing proves it".to_owned(),
        (false, _) => format!("succeeded and is proven: {}", proofs.join("; ")),
    };
    if !not_asked.is_empty() {
        told.push_str(&format!("; not asked in a drill: {}", not_asked.join(", ")));
    }
    told
}

fn step_unproven(checks: &[Check], fault: &Fault) -> String {
    match checks.iter().find(|check| check.has_failed()) {
        Some(check) => format!("is not proven: {}", check.text),
        None => format!("is not proven: {fault}"),
    }
}

fn step_failed(step: &Address, fault: &Fault, state: &RunState, book: &Book) -> String {
    let allowed = if book.may_fail(step) { ", as it may" } else { "" };
    format!("failed{}{allowed}: {fault}", took(step, state))
}

fn retry_scheduled(fault: &Fault, delay_ms: u64) -> String {
    format!("is tried again in {}: {fault}", span(delay_ms))
}

fn repair_began(fault: &Fault, by: &Address) -> String {
    format!("fails: {fault}; tried again once `{by}` is done against it")
}

fn wait_ended(early: bool) -> String {
    if early { "may start before its time".into() } else { "may start: its time has come".into() }
}

fn step_late(deadline: bool) -> String {
    let time = if deadline { "deadline" } else { "timeout" };
    format!("takes longer than its {time}, goes on and is watched")
}

fn step_extended(by_ms: u64) -> String {
    format!("is given {} more, from now on", span(by_ms))
}

fn step_doubted(evidence: &str) -> String {
    format!("is unknown, nobody can tell whether it happened: {evidence}")
}

/// Why `step` is skipped.
pub fn why_skipped(step: &Address, why: &SkipReason) -> String {
    match why {
        SkipReason::Condition => "its `if` is false".into(),
        SkipReason::Need(need) if step.is_inside_of(need) => format!("like all of `{need}`"),
        SkipReason::Need(need) => format!("it wants `{need}` to end another way"),
        SkipReason::Person => "on request".into(),
        SkipReason::Kept => "the hold is kept".into(),
        SkipReason::NotNeeded => "the hold is not needed".into(),
        SkipReason::NoFault => "there was nothing to repair".into(),
        SkipReason::Drill(why) => not_done(why),
    }
}

fn step_reopened(generation: u32) -> String {
    if generation > 1 { format!("is to be done again, generation {generation}") } else { "is to be tried again".into() }
}

fn ledger_added(entry: &LedgerEntry) -> String {
    if entry.put_aside {
        return format!("{} `{}` stays, since it may hold what the undo put aside", entry.kind, entry.id);
    }
    let temporary = if entry.temporary { ", for a while" } else { "" };
    format!("`{}` makes {} `{}`{temporary}", entry.made_by, entry.kind, entry.id)
}

fn ledger_removed(kind: &str, id: &str, by_undo: bool) -> String {
    // It may have been put back to where it came from.
    let how = if by_undo { "is there no longer, by the undo" } else { "is taken away" };
    format!("{kind} `{id}` {how}")
}

fn cleanup_began() -> String {
    "what is temporary is taken away".into()
}

fn cleanup_ended(kept: &[Kept], failed: &[String]) -> String {
    let mut text = String::from("the clean-up is over");
    kept.iter().for_each(|it| text.push_str(&format!("; {}", kept_because(it))));
    failed.iter().for_each(|it| text.push_str(&format!("; not removed: {it}")));
    text
}

/// `server /var/lib/copy stays until 2026-11-25 10:00:00Z`.
pub fn kept_because(kept: &Kept) -> String {
    let until = kept.until.map(|until| format!(" until {}", stamp(until))).unwrap_or_default();
    let needed = kept.needed_by.as_ref().map(|step| format!(", `{step}` may still need it")).unwrap_or_default();
    format!("{} stays{until}{needed}", kept.what)
}

fn told(to: &str, fault: Option<&Fault>) -> String {
    match fault {
        None => format!("`{to}` is told"),
        Some(fault) => format!("`{to}` CANNOT BE TOLD, and is tried again: {fault}"),
    }
}

fn answer_accepted(answer: &Answer) -> String {
    format!("{} says {}", answer.who.name, said(answer))
}

fn answer_refused(answer: &Answer, reason: &str) -> String {
    format!("{} says {}; refused: {reason}", answer.who.name, said(answer))
}

/// `` `skip load` because the table is empty ``.
pub fn said(answer: &Answer) -> String {
    let because = answer.because.as_deref().map(|text| format!(" because: {text}")).unwrap_or_default();
    let note = if let Verb::Note { text } = &answer.verb { format!(": {text}") } else { String::new() };
    format!("{}{because}{note}", wanted(answer))
}

/// The same without what somebody typed, in which no executor has looked for secrets yet.
pub fn wanted(answer: &Answer) -> String {
    let step = answer.verb.step().map(|step| format!(" {step}")).unwrap_or_default();
    format!("`{}{step}`", answer.verb.word())
}

fn run_paused() -> String {
    "the run is paused: nothing new starts".into()
}

/// `paused by ana since 10:03:52Z: lunch`, while it is.
pub fn paused(state: &RunState) -> Option<String> {
    let said = |it: &Pause| format!("paused by {} since {}: {}", it.who, clock(it.at), it.because);
    state.paused.then(|| state.pause.as_ref().map_or_else(|| "paused on request".into(), said))
}

fn run_unpaused() -> String {
    "the run goes on".into()
}

fn note_added(text: &str, who: &Person) -> String {
    format!("{} notes: {text}", who.name)
}

fn ending_began(how: End) -> String {
    format!("the run comes to its end as {}", end_word(how))
}

fn run_ended(how: End, state: &RunState) -> String {
    let took = match (&state.started_at, &state.last_at) {
        (Some(from), Some(to)) => format!(" after {}", span(to.since(from))),
        _ => String::new(),
    };
    format!("the run has ended{took}: {}, {} records", end_word(how), grouped(state.seq.0))
}

pub fn end_word(how: End) -> &'static str {
    match how {
        End::Succeeded => "succeeded",
        End::Failed => "failed",
        End::Aborted => "aborted",
        End::Undone => "undone",
    }
}
