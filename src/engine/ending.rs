//! When a run ends, and what still happens then.

use super::decide::Decision;
use super::holds;
use super::live::Live;
use super::tries;
use crate::model::record::{End, Event, OnFailure};
use crate::model::{RunState, Status};
use crate::plan::Plan;

/// Whether steps of that part of the runbook may move at this point of the run.
pub fn is_turn(plan: &Plan, state: &RunState, live: &Live, node: usize) -> bool {
    // A group is under way only in its members.
    let in_flight = |node: usize| {
        let status = live.frontier.statuses[node];
        (!plan.is_group(node) && status.is_in_flight()) || status == Status::Verifying
    };
    let others_go_on =
        || (0..plan.len()).any(|other| !plan.is_finally(other) && !holds::is_release(plan, other) && in_flight(other));
    match (plan.is_finally(node), state.ending) {
        (false, None) => true,
        (false, Some(_)) if holds::is_release(plan, node) => !others_go_on(),
        // What is under way is seen to its end, with the list whose last item it was; nothing else begins.
        (false, Some(_)) => in_flight(node) || matches!(live.frontier.statuses[node], Status::Running | Status::Late),
        (true, None) => false,
        (true, Some(_)) => !others_go_on() && holds::are_back(plan, live),
    }
}

/// A failure that ends the run at once, under `--on-failure abort`.
pub fn forced(plan: &Plan, state: &RunState, live: &Live) -> Option<End> {
    if plan.on_failure != OnFailure::Abort || state.ending.is_some() || live.stopping {
        return None;
    }
    let failed = |node: usize| match live.frontier.statuses[node] {
        Status::Failed => !plan.may_fail(node) && !tries::is_excused(plan, state, node),
        Status::Unproven => !tries::is_excused(plan, state, node),
        _ => false,
    };
    (0..plan.len()).any(|node| !plan.is_finally(node) && failed(node)).then_some(End::Failed)
}

/// Called when nothing else follows.
pub fn decide(plan: &Plan, state: &RunState, live: &Live, decision: &mut Decision) {
    if !live.is_idle() || live.stopping {
        return;
    }
    match state.ending {
        None if !state.paused => {
            if let Some(how) = ending_of(plan, live) {
                decision.events.push(Event::EndingBegan { how });
            }
        }
        None => {}
        Some(how) if live.frontier.is_finally_settled() && holds::are_settled(plan, live) => {
            let state = if failed_finally(plan, live) && how == End::Succeeded { End::Failed } else { how };
            decision.events.push(Event::RunEnded { state });
        }
        Some(_) => {}
    }
}

fn ending_of(plan: &Plan, live: &Live) -> Option<End> {
    if !live.frontier.is_settled() {
        return None;
    }
    let well = |node: usize| match live.frontier.statuses[node] {
        Status::Succeeded | Status::Skipped | Status::Superseded => true,
        Status::Failed => plan.may_fail(node),
        // Blocked for good where only a failure that is allowed, and not repaired, stands behind it.
        Status::Blocked => blocked_for_good(plan, live, node),
        _ => false,
    };
    (0..plan.len()).filter(|node| !plan.is_finally(*node)).all(well).then_some(End::Succeeded)
}

/// Blocked by nothing but failures that the runbook allows: nobody will come to lift it.
pub(super) fn blocked_for_good(plan: &Plan, live: &Live, node: usize) -> bool {
    plan.graph.nodes[node].needs.iter().all(|(need, _)| match live.frontier.statuses[*need] {
        Status::Failed => plan.may_fail(*need),
        Status::Blocked => blocked_for_good(plan, live, *need),
        Status::Undone => false,
        _ => true,
    })
}

/// Whether the clean-up failed, or a hold could not be given back: the run's code is 1 then, however it ended.
fn failed_finally(plan: &Plan, live: &Live) -> bool {
    let is_bad = |status: Status| matches!(status, Status::Failed | Status::Unproven);
    let at_end = |node: &usize| plan.is_finally(*node) || holds::is_release(plan, *node);
    (0..plan.len()).filter(at_end).any(|node| is_bad(live.frontier.statuses[node]) && !plan.may_fail(node))
}
