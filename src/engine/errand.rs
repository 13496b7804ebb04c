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

/// What an end still moves: work under way, whatever waits to be proven, what gives holds back, the steps of `finally`, the makers of what they
/// clean up.
fn ending(plan: &Plan, state: &RunState) -> BTreeSet<usize> {
    let is_open = |node: usize| {
        let step = state.step(plan.address(node));
        step.intent.is_some() && !step.status.is_settled()
    };
    let moved = |node: &usize| plan.is_finally(*node) || holds::is_release(plan, *node) || is_open(*node);
    let moved: BTreeSet<usize> = (0..plan.len()).filter(moved).collect();
    // What `finally` cleans up is taken away with the fields of the step that made it.
    let cleans_up = moved.iter().any(|node| plan.kinds[*node].name() == "ledger.cleanup");
    let makers = state.ledger.iter().filter(|_| cleans_up).filter_map(|entry| plan.find(&entry.made_by));
    moved.iter().copied().chain(makers).collect()
}
