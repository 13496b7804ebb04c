//! What a happening means: the records that follow from it.

use super::command::Happening;
use super::live::{Known, Live};
use super::{intent, repairs, retry, tell};
use crate::kind::{Found, Next, Undone};
use crate::model::record::{Event, StepSucceeded};
use crate::model::time::Moment;
use crate::model::{Fault, RetryClass, RunState, Status};
use crate::plan::Plan;
use crate::provider::process::{CANNOT_START, NO_ROOM};

/// An outcome that cannot be told is looked for this often before a person is asked.
const MOST_LOOKS: u32 = 3;

/// What an outcome meets besides the run: the hour, and a number between 0 and 1 for jitter.
pub struct Luck {
    pub now: Moment,
    pub chance: f64,
}

/// Takes note of `happening` in `live`, and says what goes to the journal. Answers are judged elsewhere.
pub fn react(plan: &Plan, state: &RunState, live: &mut Live, happening: Happening, luck: &Luck) -> Vec<Event> {
    let Some(node) = happening.step().and_then(|step| plan.find(step)) else {
        return of_the_run(plan, state, live, happening, luck);
    };
    match happening {
        Happening::Prepared { result, .. } => {
            live.busy.remove(&node);
            // Meanwhile a person may have said that it is done, or left it out: then nothing follows from it.
            let wanted = matches!(state.status(plan.address(node)), Status::Pending | Status::Waiting);
            if !wanted && guard!("overtaken") {
                return Vec::new();
            }
            match result {
                Ok(prepared) => {
                    live.prepared.insert(node, prepared);
                    Vec::new()
                }
                Err(fault) => failed(plan, state, node, fault, luck),
            }
        }
        Happening::Found { result, .. } => {
            live.busy.remove(&node);
            found(plan, state, live, node, result, luck)
        }
        Happening::Ended { result, .. } => {
            live.busy.remove(&node);
            ended(plan, state, live, node, result, false, luck)
        }
        Happening::Verified { checks, fault, .. } => {
            live.busy.remove(&node);
            let step = plan.address(node).clone();
            vec![match fault {
                None => Event::StepVerified { step, checks },
                Some(fault) => Event::StepUnproven { step, checks, fault },
            }]
        }
        Happening::Undone { result, .. } => {
            live.busy.remove(&node);
            live.prepared.remove(&node);
            live.known.remove(&node);
            let step = plan.address(node).clone();
            match result {
                Ok(Undone { facts, gone }) => {
                    let mine = state.ledger.iter().filter(|entry| entry.made_by == step && gone.contains(&entry.id));
                    let removed = mine.map(|entry| Event::LedgerRemoved {
                        entry_kind: entry.kind.clone(),
                        id: entry.id.clone(),
                        by_undo: true,
                    });
                    // What the step made on its way and its undo left may hold what was written since.
                    let left = state.ledger.iter().filter(|entry| entry.made_by == step && !gone.contains(&entry.id));
                    let kept =
                        left.filter(|entry| entry.scratch).map(|it| Event::LedgerAdded { entry: it.left_by_undo() });
                    removed.chain(kept).chain([Event::StepUndone { step: step.clone(), facts }]).collect()
                }
                Err(fault) => vec![Event::UndoFailed { step, fault }],
            }
        }
        other => of_the_run(plan, state, live, other, luck),
    }
}

fn of_the_run(plan: &Plan, state: &RunState, live: &mut Live, happening: Happening, luck: &Luck) -> Vec<Event> {
    match happening {
        Happening::Told { entry, upto, result } => tell::react(plan, state, live, entry, upto, result, &luck.now),
        Happening::CleanedUp { kept, failed } => {
            live.cleaning = false;
            vec![Event::CleanupEnded { kept, failed }]
        }
        Happening::Removed { entry } => {
            vec![Event::LedgerRemoved { entry_kind: entry.kind, id: entry.id, by_undo: false }]
        }
        Happening::StopRequested | Happening::DetachRequested => {
            live.stopping = true;
            Vec::new()
        }
        Happening::Answered(_)
        | Happening::Prepared { .. }
        | Happening::Found { .. }
        | Happening::Ended { .. }
        | Happening::Verified { .. }
        | Happening::Undone { .. } => Vec::new(),
    }
}

fn found(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    node: usize,
    result: Result<Found, Fault>,
    luck: &Luck,
) -> Vec<Event> {
    let doubted = |evidence: String| vec![Event::StepDoubted { step: plan.address(node).clone(), evidence }];
    match result {
        Ok(Found::Absent) => {
            live.known.insert(node, Known::Absent);
            Vec::new()
        }
        Ok(Found::Running) => {
            live.known.insert(node, Known::Running);
            Vec::new()
        }
        Ok(Found::Done(next)) => ended(plan, state, live, node, Ok(next), true, luck),
        Ok(Found::Failed(fault)) => ended(plan, state, live, node, Err(fault), true, luck),
        Ok(Found::Foreign(_)) if !guard!("foreign") => {
            ended(plan, state, live, node, Ok(Next::Done(Default::default())), true, luck)
        }
        Ok(Found::Foreign(fault)) => vec![Event::StepFailed { step: plan.address(node).clone(), fault }],
        Ok(Found::CannotTell(_)) if !guard!("unknown") => {
            live.known.insert(node, Known::Absent);
            Vec::new()
        }
        Ok(Found::CannotTell(evidence)) => doubted(evidence),
        // Looking only reads, so it is simply done again; but not for ever.
        Err(fault) if fault.retry.is_transient() && live.looked.get(&node).is_none_or(|n| *n < MOST_LOOKS) => {
            Vec::new()
        }
        Err(fault) => doubted(format!("it cannot be looked for: {fault}")),
    }
}

fn ended(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    node: usize,
    result: Result<Next, Fault>,
    adopted: bool,
    luck: &Luck,
) -> Vec<Event> {
    let step = plan.address(node).clone();
    match result {
        Ok(Next::Done(outputs)) => {
            live.looked.remove(&node);
            let verify = !plan.step(node).verify.is_empty();
            let done = StepSucceeded { adopted, verify, ..StepSucceeded::new(step, outputs) };
            vec![Event::StepSucceeded(Box::new(done))]
        }
        Ok(Next::Phase { phase, facts, shown, creates }) => {
            live.looked.remove(&node);
            vec![Event::PhaseReached { step, phase, facts, shown, creates }]
        }
        Err(fault) if fault.code == NO_ROOM => {
            // Nothing was begun: the intent stands, and whoever executes once there is room begins it.
            live.full = true;
            live.known.insert(node, Known::Absent);
            Vec::new()
        }
        Err(fault) if fault.retry == RetryClass::Unknown && guard!("unknown fault") => {
            // Nothing is recorded: the intent stands without outcome, and the next decision looks for it.
            let looks = live.looked.get(&node).copied().unwrap_or(0);
            if looks >= MOST_LOOKS && fault.code == CANNOT_START {
                return failed(plan, state, node, fault.retry(RetryClass::Never), luck);
            }
            if looks >= MOST_LOOKS {
                return vec![Event::StepDoubted { step, evidence: fault.to_string() }];
            }
            Vec::new()
        }
        Err(fault) => {
            live.looked.remove(&node);
            failed(plan, state, node, fault, luck)
        }
    }
}

/// In how many milliseconds other steps of the same system are tried again.
fn others_due(plan: &Plan, state: &RunState, node: usize, now: &Moment) -> Vec<u64> {
    let Some(system) = system(plan, node) else { return Vec::new() };
    let others = state.steps.iter().filter(|(_, other)| other.retry.is_some());
    let same =
        others.filter(|(address, _)| plan.find(address).is_some_and(|at| self::system(plan, at) == Some(system)));
    same.filter_map(|(_, other)| retry::due_in(other, now)).collect()
}

/// What a kind acts on, by the first word of its name. What a command acts on is not known.
fn system(plan: &Plan, node: usize) -> Option<&str> {
    plan.step(node).kind.split_once('.').map(|(system, _)| system)
}

/// What is known to help comes before trying again blindly.
fn failed(plan: &Plan, state: &RunState, node: usize, fault: Fault, luck: &Luck) -> Vec<Event> {
    match repairs::answer(plan, state, node, fault) {
        repairs::Answer::Begun(began) => vec![began],
        repairs::Answer::None(fault) => vec![unrepaired(plan, state, node, fault, luck)],
    }
}

fn unrepaired(plan: &Plan, state: &RunState, node: usize, fault: Fault, luck: &Luck) -> Event {
    let step = plan.address(node).clone();
    let runbook_step = plan.step(node);
    let began = matches!(state.status(&step), Status::Running | Status::Late);
    // One that could not even be prepared has no intent and counts all the same.
    let attempt = state.step(&step).attempts + u32::from(!began);
    let attempt = attempt.saturating_sub(repairs::attempts(state, plan, node));
    if let Some(delay_ms) = retry::delay(&runbook_step.retry, attempt, &fault, luck.chance) {
        let delay_ms = retry::in_turn(delay_ms, &others_due(plan, state, node, &luck.now));
        return Event::RetryScheduled { step, fault, delay_ms };
    }
    if runbook_step.succeeds_if_verified && began && intent::has_proofs(plan, state, node) {
        let despite = Some(fault);
        let done = StepSucceeded { verify: true, despite, ..StepSucceeded::new(step, Default::default()) };
        return Event::StepSucceeded(Box::new(done));
    }
    Event::StepFailed { step, fault }
}
