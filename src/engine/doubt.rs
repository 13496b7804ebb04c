//! Which steps are in doubt after a tail that is no clean cut (G10).
//!
//! The lost records were one write at most: outcomes of what was in flight, answers, and the intents of what those released.
//! Every step that may have had an intent among them is looked for before it starts, by what the boot of that time left.
//! Without a probe a person decides.

use super::group;
use crate::kind::Role;
use crate::model::step::StepState;
use crate::model::{RunState, Status};
use crate::plan::Plan;

/// Marks the frontier of `state`, so that the doubt stands in the head of the next segment.
pub fn mark(plan: &Plan, state: &mut RunState, tail: &str) {
    let boot = state.last_at.as_ref().map(|moment| moment.boot.clone()).unwrap_or_default();
    for node in frontier(plan, state) {
        let step = state.steps.entry(plan.address(node).clone()).or_insert_with(StepState::pending);
        step.in_doubt = Some(boot.clone());
    }
    if !state.doubts.iter().any(|known| known == tail) {
        state.doubts.push(tail.to_string());
    }
}

/// Every step but those behind a need that cannot have ended within one write.
fn frontier(plan: &Plan, state: &RunState) -> Vec<usize> {
    let mut within_reach = vec![false; plan.len()];
    for &node in plan.graph.order() {
        let ends = |need: usize| {
            let begun = state.status(plan.address(need)) != Status::Pending;
            (begun && !plan.is_group(need)) || (within_reach[need] && ends_at_once(plan, state, need))
        };
        // A group opens with the very records that release it.
        let opens = plan.graph.nodes[node].group.is_none_or(|member| within_reach[member.of]);
        within_reach[node] = opens && plan.graph.nodes[node].needs.iter().all(|(need, _)| ends(*need));
    }
    (0..plan.len()).filter(|node| within_reach[*node]).collect()
}

/// Whether a step can end with the very records that release it.
fn ends_at_once(plan: &Plan, state: &RunState, node: usize) -> bool {
    if plan.is_group(node) {
        let begun = |member: usize| state.status(plan.address(member)) != Status::Pending;
        return group::members(plan, node).all(|member| begun(member) || ends_at_once(plan, state, member));
    }
    let step = plan.step(node);
    let may_be_skipped =
        step.condition.is_some() || !step.require.is_empty() || plan.skipped.contains(plan.address(node));
    may_be_skipped || plan.kinds[node].role() == Role::Intrinsic
}
