//! Judges what people say: accepted answers become records, refused ones get a reason that says what to do instead.
//!
//! Pure, so that a command can judge its own answer where nobody executes the run.

use std::ops::Range;

use serde_json::{Map, Value};

use super::decide::reopened;
use super::{group, holds, late, people, repairs, time, tries, undo};
use crate::kind::Role;
use crate::model::answer::Refusal;
use crate::model::record::{AskKind, End, Event, Record, SkipReason, StepSucceeded};
use crate::model::text::is_blank;
use crate::model::{Address, Answer, Fault, RunState, Status, Verb};
use crate::plan::Plan;
use crate::runbook::holds::Part;
use crate::runbook::suggest;

type Judgement = Result<Vec<Event>, String>;

/// The records an answer leads to, without the one that says it was accepted.
pub fn judge(plan: &Plan, state: &RunState, answer: &Answer) -> Result<Vec<Event>, Refusal> {
    if let Some(step) = answer.verb.step() {
        node_of(plan, step).map_err(|why| Refusal::new("RG8001", why))?;
    }
    people::admit(plan, state, answer)?;
    Ok(weigh(plan, state, answer)?)
}

/// What somebody says who may say it.
fn weigh(plan: &Plan, state: &RunState, answer: &Answer) -> Judgement {
    let because = answer.because.as_deref().filter(|text| !is_blank(text)).unwrap_or("").trim();
    if needs_reason(&answer.verb) && because.is_empty() {
        return Err(format!("`{}` needs a reason: --because TEXT", answer.verb.word()));
    }
    let also_after =
        matches!(answer.verb, Verb::Undo { .. } | Verb::Release { .. } | Verb::Cleanup | Verb::Note { .. });
    if state.ended.is_some() && !also_after {
        return Err("the run has ended".into());
    }
    if let Verb::Done { step, .. } | Verb::Skip { step } | Verb::Retry { step: Some(step) } | Verb::Rerun { step } =
        &answer.verb
    {
        repairs::refuse_idle(plan, state, node_of(plan, step)?, answer.verb.word())?;
    }
    match &answer.verb {
        Verb::Approve { step, code } => approve(plan, state, answer, step, code),
        Verb::Reject { step } => reject(plan, state, answer, step, because),
        Verb::Done { step, outputs, unverified } => done(plan, state, step, outputs, *unverified),
        Verb::Skip { step } => skip(plan, state, step),
        Verb::Retry { step: Some(step) } => retry(plan, state, step, because),
        Verb::Retry { step: None } => retry_all(plan, state),
        Verb::Rerun { step } => rerun(plan, state, step),
        Verb::Start { step } => time::start(plan, state, node_of(plan, step)?),
        Verb::Extend { step, by_ms } => extend(plan, state, step, *by_ms),
        Verb::Pause if state.paused => Err("the run is paused already".into()),
        Verb::Pause => Ok(vec![Event::RunPaused]),
        Verb::Resume if state.paused => Ok(vec![Event::RunUnpaused]),
        // Somebody was quicker: what was wanted is so.
        Verb::Resume => Ok(Vec::new()),
        Verb::Abort { .. } if state.ending.is_some() => Err("the run is ending already".into()),
        Verb::Abort { release } => {
            let kept = holds::kept(plan, state, release);
            Ok(kept.chain([Event::EndingBegan { how: End::Aborted }]).collect())
        }
        Verb::Release { hold } => holds::release(plan, state, hold),
        Verb::Undo { step } => take_back(plan, state, step.as_ref()),
        // One that was cut short is finished, not begun again.
        Verb::Cleanup if state.is_cleaning_up() => Ok(Vec::new()),
        Verb::Cleanup => Ok(vec![Event::CleanupBegan]),
        Verb::Note { text } if is_blank(text) => Err("the note is empty".into()),
        Verb::Note { text } => Ok(vec![Event::NoteAdded { text: text.clone(), who: answer.who.clone() }]),
    }
}

/// The state once `recorded` answers, which wait in the inbox for an executor, are folded. Refused ones change nothing.
pub fn foresee(plan: &Plan, state: &RunState, recorded: &[Answer]) -> RunState {
    let mut foreseen = state.clone();
    for answer in recorded {
        for event in judge(plan, &foreseen, answer).unwrap_or_default() {
            let record = Record {
                seq: foreseen.seq,
                at: answer.at,
                event,
                epoch: foreseen.epoch,
                boot: String::new(),
                mono: 0,
                prev: String::new(),
            };
            foreseen.apply(&record, "");
        }
    }
    foreseen
}

fn needs_reason(verb: &Verb) -> bool {
    match verb {
        Verb::Reject { .. }
        | Verb::Done { .. }
        | Verb::Skip { .. }
        | Verb::Rerun { .. }
        | Verb::Start { .. }
        | Verb::Pause
        | Verb::Abort { .. }
        | Verb::Release { .. }
        | Verb::Undo { .. } => true,
        Verb::Approve { .. }
        | Verb::Retry { .. }
        | Verb::Extend { .. }
        | Verb::Resume
        | Verb::Cleanup
        | Verb::Note { .. } => false,
    }
}

fn node_of(plan: &Plan, step: &Address) -> Result<usize, String> {
    plan.find(step).ok_or_else(|| {
        let known = (0..plan.len()).map(|node| plan.address(node).as_str());
        let near = suggest::help(step.as_str(), known).map(|near| format!("; {near}")).unwrap_or_default();
        format!("there is no step `{step}` in this run{near}")
    })
}

fn approve(plan: &Plan, state: &RunState, answer: &Answer, step: &Address, code: &str) -> Judgement {
    node_of(plan, step)?;
    let asked = state
        .step(step)
        .ask
        .as_ref()
        .ok_or_else(|| format!("`{step}` asks for no approval now; its status is {}", state.status(step).word()))?;
    match asked.ask.what {
        AskKind::Approval => {}
        AskKind::Task | AskKind::Acknowledge => return Err(format!("`{step}` is answered with `regrow done {step}`")),
    }
    if !asked.ask.code.eq_ignore_ascii_case(code) {
        let hint = format!("`regrow show {step}` prints what is asked now and its code");
        return Err(format!("the code does not stand for what `{step}` shows now; {hint}"));
    }
    let name = &answer.who.name;
    if state.step(step).approved_by.contains(name) {
        return Err(format!("`{name}` approved `{step}` already; {} people are needed", asked.ask.minimum));
    }
    let (who, code) = (answer.who.clone(), asked.ask.code.clone());
    Ok(vec![Event::ApprovalGiven { step: step.clone(), who, code }])
}

fn reject(plan: &Plan, state: &RunState, answer: &Answer, step: &Address, because: &str) -> Judgement {
    node_of(plan, step)?;
    if state.step(step).ask.is_none() {
        return Err(format!("`{step}` asks nothing now"));
    }
    let fault = Fault::new("RG5003", format!("rejected by {}: {because}", answer.who.name));
    Ok(vec![Event::StepFailed { step: step.clone(), fault }])
}

fn done(plan: &Plan, state: &RunState, step: &Address, outputs: &Map<String, Value>, unverified: bool) -> Judgement {
    let node = node_of(plan, step)?;
    refuse_group(plan, state, node, "done")?;
    let asked = state.step(step).ask.as_ref().map(|asked| asked.ask.what);
    if asked == Some(AskKind::Approval) && plan.kinds[node].role() == Role::Intrinsic {
        return Err(format!("`{step}` is an approval: answer it with `regrow approve` or `regrow reject`"));
    }
    match state.status(step) {
        Status::Pending | Status::Waiting | Status::Failed | Status::Unknown | Status::Unproven | Status::Undone => {}
        status => {
            return Err(format!("`{step}` is {}; only what has not succeeded can be said to be done", status.word()));
        }
    }
    holds::refuse_done(plan, state, node)?;
    super::by_hand::check(plan, node, state, outputs)?;
    let verify = !plan.step(node).verify.is_empty() && !unverified;
    let succeeded = StepSucceeded { by_hand: true, verify, ..StepSucceeded::new(step.clone(), outputs.clone()) };
    Ok(vec![Event::StepSucceeded(Box::new(succeeded))])
}

fn skip(plan: &Plan, state: &RunState, step: &Address) -> Judgement {
    let node = node_of(plan, step)?;
    super::by_hand::refuse_skip(plan, node)?;
    let gives_up = tries::can_be_given_up(plan, state, node);
    if state.step(step).opened && !gives_up {
        refuse_group(plan, state, node, "skip")?;
    }
    let skipped = || Ok(vec![Event::StepSkipped { step: step.clone(), why: SkipReason::Person }]);
    match state.status(step) {
        Status::Pending | Status::Waiting | Status::Failed | Status::Unproven | Status::Undone => skipped(),
        Status::Running | Status::Late if gives_up => skipped(),
        Status::Unknown => Err(format!(
            "it is not known whether `{step}` happened; say `regrow done {step}` or `regrow retry {step} --because …` first"
        )),
        status => Err(format!("`{step}` is {}; it cannot be skipped", status.word())),
    }
}

fn retry(plan: &Plan, state: &RunState, step: &Address, because: &str) -> Judgement {
    let node = node_of(plan, step)?;
    match state.status(step) {
        status if plan.is_group(node) && state.step(step).opened && !status.is_settled() => {
            retry_among(plan, state, group::members(plan, node), because)
        }
        Status::Failed | Status::Undone => Ok(tried_again(plan, state, node)),
        Status::Unproven => Ok(prove_again(plan, state, node)),
        Status::Unknown if because.is_empty() => {
            Err(format!("`retry {step}` says that it did not happen; give the reason: --because TEXT"))
        }
        Status::Unknown => Ok(vec![reopened(state, step, 0)]),
        status => Err(format!("`{step}` is {}; only a failed step can be tried again", status.word())),
    }
}

fn retry_all(plan: &Plan, state: &RunState) -> Judgement {
    retry_among(plan, state, 0..plan.len(), "")
}

/// Those of the nodes that failed; with a reason also what a person says did not happen.
fn retry_among(plan: &Plan, state: &RunState, nodes: Range<usize>, because: &str) -> Judgement {
    let events: Vec<Event> = nodes
        .flat_map(|node| match (state.status(plan.address(node)), plan.address(node)) {
            // Its step is tried again, and asks for it if it fails the same way.
            (Status::Failed, _) if plan.outline.steps[node].mends.is_some() => Vec::new(),
            (Status::Failed, _) => tried_again(plan, state, node),
            (Status::Unproven, _) => prove_again(plan, state, node),
            (Status::Unknown, step) if !because.is_empty() => vec![reopened(state, step, 0)],
            _ => Vec::new(),
        })
        .collect();
    if events.is_empty() { Err("no step has failed".into()) } else { Ok(events) }
}

/// A `try` that came to nothing begins with its first way again.
fn tried_again(plan: &Plan, state: &RunState, node: usize) -> Vec<Event> {
    let gone = |way: &usize| matches!(state.status(plan.address(*way)), Status::Superseded | Status::Skipped);
    let ways = plan.ways(node).filter(|way| plan.is_try(node) && gone(way));
    let within = |way| std::iter::once(way).chain(group::members(plan, way).filter(gone));
    ways.flat_map(within).chain([node]).map(|node| reopened(state, plan.address(node), 0)).collect()
}

/// What a group does is done by its items.
fn refuse_group(plan: &Plan, state: &RunState, node: usize, verb: &str) -> Result<(), String> {
    let mut members = plan.graph.members(node).map(|member| plan.address(member));
    // A way that gave way takes no word any more.
    let is_open = |way: &usize| !matches!(state.status(plan.address(*way)), Status::Superseded | Status::Skipped);
    let open = plan.ways(node).filter(|_| plan.is_try(node)).find(is_open);
    let what = match (plan.is_list(node), &plan.step(node).include) {
        (true, _) => "a list of items",
        (false, Some(_)) => "an include of steps",
        (false, None) => "a block of steps",
    };
    match (plan.is_group(node), open.map(|way| plan.address(way)).or_else(|| members.next())) {
        (true, Some(first)) => Err(format!("`{}` is {what}; say it of one: regrow {verb} {first}", plan.address(node))),
        (true, None) => Err(format!("`{}` has no items", plan.address(node))),
        (false, _) => Ok(()),
    }
}

fn rerun(plan: &Plan, state: &RunState, step: &Address) -> Judgement {
    let node = node_of(plan, step)?;
    refuse_group(plan, state, node, "rerun")?;
    if plan.step(node).part_of_hold() == Some(Part::Read) && state.status(step) == Status::Succeeded {
        return Err(format!("`{step}` keeps what was there before the hold was taken for the first time"));
    }
    let status = state.status(step);
    if status.is_settled() {
        let release = holds::to_release_again(plan, state, node);
        return Ok(std::iter::once(reopened(state, step, 1)).chain(release).collect());
    }
    let instead =
        if status == Status::Unknown { format!("; say `done` or `retry` of `{step}` first") } else { String::new() };
    Err(format!("`{step}` is {}; only a step that has ended can be done again{instead}", status.word()))
}

fn extend(plan: &Plan, state: &RunState, step: &Address, by_ms: u64) -> Judgement {
    let node = node_of(plan, step)?;
    let has_deadline = plan.deadline(node).is_some();
    if late::time_of(plan, node).is_none() && !has_deadline {
        let why = "only work that lives on when its `timeout` is over, and what has a `deadline`, can be given more";
        return Err(format!("`{step}` cannot be given more time: {why}"));
    }
    let began = has_deadline && state.step(step).started_at.is_some();
    match state.status(step) {
        Status::Running | Status::Late => Ok(vec![Event::StepExtended { step: step.clone(), by_ms }]),
        status if began && !status.is_settled() => Ok(vec![Event::StepExtended { step: step.clone(), by_ms }]),
        status => Err(format!("`{step}` is {}; only what is under way can be given more time", status.word())),
    }
}

/// A list is looked at item by item, and closes anew.
fn prove_again(plan: &Plan, state: &RunState, node: usize) -> Vec<Event> {
    if !plan.is_list(node) {
        return vec![proven_anew(state, plan.address(node))];
    }
    let items = plan.graph.members(node).map(|item| plan.address(item));
    let proven = items.filter(|item| state.status(item) == Status::Succeeded).map(|item| proven_anew(state, item));
    proven.chain([reopened(state, plan.address(node), 0)]).collect()
}

/// The outcome is kept, only its proof is taken again.
fn proven_anew(state: &RunState, step: &Address) -> Event {
    let known = state.step(step);
    let outputs = known.outputs.clone().unwrap_or_default();
    let (adopted, by_hand) = (known.adopted, known.by_hand);
    let again = StepSucceeded { adopted, by_hand, verify: true, ..StepSucceeded::new(step.clone(), outputs) };
    Event::StepSucceeded(Box::new(again))
}

fn take_back(plan: &Plan, state: &RunState, step: Option<&Address>) -> Judgement {
    let node = step.map(|step| node_of(plan, step)).transpose()?;
    let preview = undo::preview(plan, state, node);
    if preview.steps.is_empty() {
        return Err("nothing of this can be taken back".into());
    }
    Ok(vec![Event::UndoBegan { steps: preview.steps, all: step.is_none() }])
}
