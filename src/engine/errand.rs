//! What an answer that acts moves where nobody executes the run, and what of the run moves with it.

use std::collections::BTreeSet;

use super::{cleanup, holds, undo};
use crate::model::{RunState, Verb};
use crate::plan::Plan;
use crate::runbook::holds::{Part, id};

/// Whether the run itself stays where it is: it is not gone on with by somebody who only takes something away.
pub fn is_errand(verb: &Verb) -> bool {
    matches!(verb, Verb::Cleanup | Verb::Release { .. } | Verb::Undo { step: Some(_) } | Verb::Note { .. })
}

/// The steps that may be worked on until the command is done.
pub fn touched(plan: &Plan, state: &RunState, verb: &Verb) -> BTreeSet<usize> {
    match verb {
        Verb::Note { .. } => BTreeSet::new(),
        Verb::Cleanup => cleanup::wanted(state).filter_map(|entry| plan.find(&entry.made_by)).collect(),
        Verb::Release { hold } => plan.graph.find(&id(hold, Part::Release)).into_iter().collect(),
        Verb::Undo { step } => {
            let preview = undo::preview(plan, state, step.as_ref().and_then(|step| plan.find(step)));
            let taken_back = preview.steps.iter().filter_map(|step| plan.find(step));
            let also = if step.is_none() && state.ended.is_none() { ending(plan, state) } else { BTreeSet::new() };
            taken_back.chain(also).collect()
        }
        _ => ending(plan, state),
    }
}

/// The makers of what `finally` cleans up when the command ends the run: it is taken away with the fields of the step that
/// made it. An end does not wait for what they need.
pub fn makers(plan: &Plan, state: &RunState, verb: &Verb) -> BTreeSet<usize> {
    let ends = matches!(verb, Verb::Abort { .. }) || matches!(verb, Verb::Undo { step: None } if state.ended.is_none());
    let cleans_up = || (0..plan.len()).any(|node| plan.is_finally(node) && plan.kinds[node].name() == "ledger.cleanup");
    let makers = state.ledger.iter().filter(|_| ends && cleans_up());
    makers.filter_map(|entry| plan.find(&entry.made_by)).collect()
}

/// What an end still moves: work under way, whatever waits to be proven, what gives holds back, and the steps of `finally`.
fn ending(plan: &Plan, state: &RunState) -> BTreeSet<usize> {
    let is_open = |node: usize| {
        let step = state.step(plan.address(node));
        step.intent.is_some() && !step.status.is_settled()
    };
    let moved = |node: &usize| plan.is_finally(*node) || holds::is_release(plan, *node) || is_open(*node);
    (0..plan.len()).filter(moved).collect()
}
