//! What is taken away from the ledger: by a step `ledger.cleanup`, or because a person asked for it.

use super::command::{Command, Removal};
use super::decide::Decision;
use super::live::Live;
use crate::model::ledger::LedgerEntry;
use crate::model::{Address, RunState};
use crate::plan::Plan;

/// For a step: it knows by its needs when it is time.
pub fn of_step(state: &RunState, step: &Address, only_temporary: bool) -> Command {
    let wanted = state.ledger.iter().filter(|entry| !only_temporary || is_temporary(state, entry));
    let entries = wanted.map(|entry| removal(state, entry, None)).collect();
    Command::Cleanup { step: Some(step.clone()), entries }
}

/// Moves on a clean-up that a person asked for. It may be done again from its beginning: what is gone is not in the ledger.
pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, decision: &mut Decision) {
    if !state.is_cleaning_up() || live.cleaning || live.stopping {
        return;
    }
    let wanted = wanted(state);
    let entries = wanted.map(|entry| removal(state, entry, needed_by(plan, state, entry))).collect();
    live.cleaning = true;
    decision.commands.push(Command::Cleanup { step: None, entries });
}

/// What a clean-up that a person asks for looks at.
pub fn wanted(state: &RunState) -> impl Iterator<Item = &LedgerEntry> {
    state.ledger.iter().filter(|entry| is_temporary(state, entry))
}

/// What a step made on its way is of no use to anybody if the step came to nothing.
fn is_temporary(state: &RunState, entry: &LedgerEntry) -> bool {
    entry.temporary || (entry.scratch && !state.status(&entry.made_by).satisfies())
}

fn removal(state: &RunState, entry: &LedgerEntry, needed_by: Option<Address>) -> Removal {
    let intent = state.step(&entry.made_by).intent.as_ref();
    Removal { entry: entry.clone(), with: intent.map(|intent| intent.inputs.clone()).unwrap_or_default(), needed_by }
}

/// The step of an unfinished run for which a thing must stay: the one that is making it, or one behind it that has not ended
/// well.
fn needed_by(plan: &Plan, state: &RunState, entry: &LedgerEntry) -> Option<Address> {
    let maker = plan.find(&entry.made_by).filter(|_| state.ended.is_none())?;
    let open = |node: &usize| !state.status(plan.address(*node)).satisfies();
    std::iter::once(maker).chain(plan.graph.descendants(maker)).find(open).map(|node| plan.address(node).clone())
}
