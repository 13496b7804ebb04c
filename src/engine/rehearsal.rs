//! What the engine does with a step of a drill that is not done: see [`crate::plan::rehearsal`], which says which.

use serde_json::Value;

use super::live::Live;
use crate::kind::Outputs;
use crate::model::record::{Event, NotDone, Planned, SkipReason, StepSucceeded};
use crate::model::{Fault, RunState};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::catalog::Late;
use crate::runbook::drill::Way;

/// Stands above whatever a person is asked: nobody should take a drill for the real thing.
const MARK: &str = "DRILL: nothing in production may be changed for this; say what you would do";

/// What becomes of a step whose turn it is, in the place of its work.
pub fn instead(plan: &Plan, state: &RunState, node: usize) -> Option<Event> {
    if !plan.is_drill() {
        return None;
    }
    let skipped = |why| Event::StepSkipped { step: plan.address(node).clone(), why: SkipReason::Drill(why) };
    let why = plan.left_out_of_drill(node).or_else(|| plan.lacks(state, node).map(NotDone::Lacks));
    match (why, plan.way(node)) {
        (Some(why), _) => Some(skipped(why)),
        // Of a list each item is one.
        (None, Some(Way::Stub)) if !plan.is_group(node) => Some(stubbed(plan, state, node)),
        (None, _) => None,
    }
}

/// Done, as its author says; there is nothing to prove.
fn stubbed(plan: &Plan, state: &RunState, node: usize) -> Event {
    let step = plan.address(node).clone();
    match outputs_of_stub(plan, state, node) {
        Ok(outputs) => Event::StepSucceeded(Box::new(StepSucceeded::new(step, outputs))),
        Err(fault) => Event::StepFailed { step, fault },
    }
}

fn outputs_of_stub(plan: &Plan, state: &RunState, node: usize) -> Result<Outputs, Fault> {
    let said = plan.step(node).drill.as_ref().and_then(|drill| drill.outputs.as_ref());
    match said.map(|said| said.render(&RunScope::of(plan, state, node))).transpose()? {
        Some(Value::Object(outputs)) => Ok(outputs),
        _ => Ok(Outputs::new()),
    }
}

/// In the place of the intent of a step that is only planned: what was found that it would change.
pub fn planned(plan: &Plan, state: &RunState, live: &mut Live, node: usize, inputs: &Value) -> Option<Event> {
    if !plan.is_only_planned(node, inputs, &state.ledger) {
        return None;
    }
    let changes = live.prepared.remove(&node).map(|prepared| prepared.changes).unwrap_or_default();
    let outputs = plan.kinds[node].foresee(&Late { value: inputs }).outputs;
    let why = SkipReason::Drill(NotDone::Planned(Box::new(Planned { changes, outputs })));
    Some(Event::StepSkipped { step: plan.address(node).clone(), why })
}

/// Marks what a person is shown.
pub fn mark(plan: &Plan, shown: &mut Vec<String>) {
    if plan.is_drill() {
        shown.insert(0, MARK.into());
    }
}
