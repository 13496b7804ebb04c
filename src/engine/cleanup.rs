//! What is taken away from the ledger: by a step `ledger.cleanup`, or because a person asked for it.

use super::command::{Command, Removal};
use super::decide::Decision;
use super::live::Live;
use crate::model::ledger::LedgerEntry;
use crate::model::{Address, RunState};
use crate::plan::Plan;

/// For a step: it knows by its needs when it is time.
pub fn of_step(state: &RunState, step: &Address, only_temporary: bool) -> Command {
    let wanted = state.ledger.iter().filter(|entry| match only_temporary {
        true => is_temporary(state, entry),
        false => !entry.put_aside,
    });
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

/// What a step made on its way is of no use to anybody if the step came to nothing. Not while it is taken back, nor where that
/// failed: what an undo had put aside by then is nowhere else.
fn is_temporary(state: &RunState, entry: &LedgerEntry) -> bool {
    if !entry.scratch {
        return entry.temporary;
    }
    let came_to_nothing = !state.status(&entry.made_by).satisfies();
    (entry.temporary || came_to_nothing) && state.step(&entry.made_by).undo.is_none()
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::Status;
    use crate::model::step::StepState;

    #[test]
    fn what_an_undo_put_aside_stays_whatever_is_cleaned_up() {
        let made_by = Address::top("load");
        let entry = LedgerEntry {
            kind: "postgres schema".into(),
            id: "regrow_1a2b3c4d".into(),
            made_by: made_by.clone(),
            temporary: true,
            scratch: true,
            put_aside: false,
            keep_until: None,
            keep_for_ms: None,
            remover: "postgres.dump_and_load".into(),
            details: Value::Null,
        };
        let removed = |entry: &LedgerEntry, status: Status, undo: Option<&str>| {
            let mut state = RunState { ledger: vec![entry.clone()], ..RunState::default() };
            let step = StepState { status, undo: undo.map(str::to_owned), ..StepState::pending() };
            state.steps.insert(made_by.clone(), Box::new(step));
            let by_step = |only| match of_step(&state, &Address::top("clean"), only) {
                Command::Cleanup { entries, .. } => entries.len(),
                other => panic!("{other:?}"),
            };
            (wanted(&state).count(), by_step(true), by_step(false))
        };
        assert_eq!(removed(&entry, Status::Failed, None), (1, 1, 1));
        // Cut short or failed: nobody can tell what it had put aside by then.
        assert_eq!(removed(&entry, Status::Undoing, Some("swap_back")).0, 0);
        assert_eq!(removed(&entry, Status::Failed, Some("swap_back")), (0, 0, 1));
        // Also once the step is done again, and fails.
        assert_eq!(removed(&entry.left_by_undo(), Status::Failed, None), (0, 0, 0));
    }
}
