//! A plan that changed under a run that has begun (G13): what may change, and what the journal says of it.
//!
//! The changed plan lies in the run's folder first; that it is there is what was decided. The next executor writes it down
//! before all else, so a crash in between is made up for.

use super::doubt::{self, Lost};
use crate::journal::Recovered;
use crate::model::record::{AskKind, Event};
use crate::model::{Address, RunState, Status};
use crate::plan::Plan;

/// Those of `steps` that are begun, or may be: the end of a damaged journal can hide it. `plan` is the one before the change.
pub fn begun<'a>(plan: &Plan, recovered: &Recovered, steps: impl Iterator<Item = &'a Address>) -> Vec<&'a Address> {
    let mut state = recovered.state.clone();
    if let Some(lost) = Lost::behind(&recovered.tail) {
        doubt::mark(plan, &mut state, "", lost);
    }
    steps.filter(|step| state.step(step).is_begun()).collect()
}

/// The records of a change that the journal does not know yet. Approvals that wait are void: they are bound to the plan.
pub fn records(plan: &Plan, state: &RunState) -> Vec<Event> {
    let known = state.started().is_none_or(|started| started.digest == plan.digest);
    let Some(amendment) = plan.amendment.as_ref().filter(|_| !known) else { return Vec::new() };
    let is_void = |address: &Address| {
        let step = state.step(address);
        let approval = step.ask.as_ref().is_some_and(|asked| asked.ask.what == AskKind::Approval);
        let open = step.status == Status::Waiting && step.ask.is_some() && !step.is_begun();
        open && (approval || amendment.changed.contains(address)) && !amendment.gone.contains(address)
    };
    let void = state.steps.keys().filter(|step| is_void(step));
    let void = void.map(|step| Event::ApprovalVoided { step: step.clone() });
    std::iter::once(Event::PlanChanged(Box::new(amendment.clone()))).chain(void).collect()
}
