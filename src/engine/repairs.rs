//! Repairs: what is done against a fault that the runbook knows, before the step is tried again.
//!
//! The failure of the attempt and the repair that follows are one record, so that nobody ever sees the step failed. The repair is
//! a step of the graph and moves like one, from its intent to its outcome; only when it begins its needs do not say: when its
//! step waits for it. If it does not succeed, the step has failed with the fault that it had.

use super::decide::{Decision, skip, start};
use super::frontier::{Readiness, is_called};
use super::live::Live;
use super::undo;
use crate::model::record::{Event, SkipReason};
use crate::model::time::Moment;
use crate::model::{Address, Fault, RetryClass, RunState, Status};
use crate::plan::Plan;
use crate::runbook::repair::Repair;

/// What follows from a fault.
pub enum Answer {
    /// The step waits for its repair.
    Begun(Event),
    /// None is against it; the fault says so where one was, and has done what it may.
    None(Fault),
}

/// The first repair of a step that is against the fault, and may still be begun.
pub fn answer(plan: &Plan, state: &RunState, node: usize, mut fault: Fault) -> Answer {
    let step = plan.address(node);
    if is_over(plan, state, node) || undo::is_on(state) || fault.retry == RetryClass::Unknown {
        return Answer::None(fault);
    }
    let against: Vec<&Repair> = plan.step(node).repairs.iter().filter(|repair| repair.when.is_of(&fault)).collect();
    for repair in against {
        let Some(by) = plan.repair(node, &repair.by).filter(|by| !plan.is_never_done(*by)) else { continue };
        let by = plan.address(by);
        if let Some(done) = state.step(step).repaired(by).filter(|done| done.times >= repair.attempts) {
            fault.causes.push(format!("`{by}` was done against it {}, as often as it may be", done.often()));
            continue;
        }
        let was_done = !matches!(state.status(by), Status::Pending | Status::Skipped);
        let generation = state.step(by).generation + u32::from(was_done);
        return Answer::Begun(Event::RepairBegan { step: step.clone(), fault, by: by.clone(), generation });
    }
    Answer::None(fault)
}

/// How many attempts repairs have brought: they come on top of those of `retry`.
pub fn attempts(state: &RunState, plan: &Plan, node: usize) -> u32 {
    state.step(plan.address(node)).repairs.iter().map(|repaired| repaired.times).sum()
}

/// Whether it is a repair that its step waits for; `None` where it is no repair.
pub fn is_wanted(plan: &Plan, state: &RunState, node: usize) -> Option<bool> {
    plan.outline.steps[node].mends.map(|_| is_called(&plan.outline, state, node))
}

/// A repair that has not begun.
pub fn consider(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, node: usize, decision: &mut Decision) {
    if is_wanted(plan, state, node) == Some(true) {
        return start(plan, state, live, now, node, decision);
    }
    match live.frontier.readiness(&plan.outline, node) {
        Readiness::Ready | Readiness::Skip(_) => skip(plan, node, SkipReason::NoFault, decision),
        Readiness::Waits | Readiness::Blocked(_) => {}
    }
}

/// Whether a step may be tried again as far as its repairs go.
pub fn are_done(plan: &Plan, state: &RunState, node: usize) -> bool {
    // An edit may have taken away the repair that it waits for.
    let awaited = state.step(plan.address(node)).mending.as_deref().filter(|by| plan.find(by).is_some());
    // Left out by a person, who goes on without it.
    awaited.is_none_or(|by| state.status(by).satisfies())
}

/// A step has failed whose repair did not succeed.
pub fn decide(plan: &Plan, state: &RunState, live: &Live, decision: &mut Decision) {
    if undo::is_on(state) || live.errand {
        return;
    }
    for by in live.frontier.repairs() {
        let Some(node) = plan.outline.steps[*by].mends.filter(|_| is_called(&plan.outline, state, *by)) else {
            continue;
        };
        let repair = state.step(plan.address(*by));
        let failed = matches!(repair.status, Status::Failed | Status::Unproven | Status::Undone);
        let fault = state.step(plan.address(node)).fault.as_deref().filter(|_| failed && !is_over(plan, state, node));
        if let Some(fault) = fault {
            decision.fail(plan, node, in_vain(fault, plan.address(*by), repair.fault.as_deref()));
        }
    }
}

/// The fault that was to be repaired, with what the repair said.
fn in_vain(fault: &Fault, by: &Address, said: Option<&Fault>) -> Fault {
    let mut fault = fault.clone();
    let words = said.map(|said| format!(": {said}")).unwrap_or_default();
    fault.causes.push(format!("`{by}` was done against it and did not succeed{words}"));
    fault.causes.extend(said.into_iter().flat_map(|said| said.causes.iter().cloned()));
    fault
}

/// Whether the run comes to its end, so that nothing of the step begins any more.
fn is_over(plan: &Plan, state: &RunState, node: usize) -> bool {
    state.ending.is_some() && !plan.is_finally(node)
}

/// Why nothing can be said of a repair that nobody waits for.
pub fn refuse_idle(plan: &Plan, state: &RunState, node: usize, verb: &str) -> Result<(), String> {
    let status = state.status(plan.address(node));
    if is_wanted(plan, state, node) != Some(false) || !(status == Status::Pending || status.is_settled()) {
        return Ok(());
    }
    let (repair, of) = (plan.address(node), plan.outline.steps[node].mends.map(|of| plan.address(of)));
    let of = of.map(ToString::to_string).unwrap_or_default();
    Err(format!("`{repair}` is done only when `{of}` has failed, and `{of}` does not wait for it; say `{verb} {of}`"))
}
