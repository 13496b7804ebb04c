//! Taking steps back: those behind first, one at a time, whatever state they are in.

use std::collections::BTreeSet;

use serde_json::Value;

use super::command::Command;
use super::decide::{Decision, go_on};
use super::intent;
use super::live::{Known, Live};
use crate::kind::Outputs;
use crate::model::record::{End, Event};
use crate::model::{Address, RunState, Status};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::ast::Undo;

/// What an undo would take back, in order, and what would stay because it cannot be.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Preview {
    pub steps: Vec<Address>,
    pub stay: Vec<Address>,
}

/// `step` and all that needed it, or everything.
pub fn preview(plan: &Plan, state: &RunState, step: Option<usize>) -> Preview {
    let meant: BTreeSet<usize> = match step {
        Some(node) => std::iter::once(node).chain(plan.graph.descendants(node)).collect(),
        None => (0..plan.len()).filter(|node| !plan.is_finally(*node)).collect(),
    };
    // Each step before what it needed: the graph says so, and no clock.
    let nodes = plan.graph.order().iter().rev().copied().filter(|node| meant.contains(node));
    let mut preview = Preview::default();
    for node in nodes {
        let step = state.step(plan.address(node));
        // A way of a `try` that gave way was taken back then, if it can be.
        let is_back = match step.status {
            Status::Undone => true,
            Status::Superseded => step.undo.is_some(),
            _ => false,
        };
        // A hold is given back at every end, and not taken back.
        let is_hold = plan.step(node).held.is_some();
        if is_hold || step.intent.is_none() || is_back || !may_have_changed(plan, node) {
            continue;
        }
        let list = if plan.step(node).undo.is_some() { &mut preview.steps } else { &mut preview.stay };
        list.push(plan.address(node).clone());
    }
    preview
}

pub(super) fn may_have_changed(plan: &Plan, node: usize) -> bool {
    use crate::model::Effect;
    !matches!(plan.effects[node], Effect::Read | Effect::Human)
}

/// Whether an undo keeps everything else from going on. One of everything does so until the run ends.
pub fn is_on(state: &RunState) -> bool {
    state.undoing.as_ref().is_some_and(|undoing| undoing.all || undoing.goes_on())
}

/// Moves an undo on. True while one is under way: nothing else is decided then.
pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, decision: &mut Decision) -> bool {
    let Some(undoing) = &state.undoing else { return false };
    let left = undoing.steps.iter().find(|step| !undoing.done.contains(step));
    let Some(step) = left else {
        if undoing.all {
            let failed = undoing.steps.iter().any(|step| state.status(step) != Status::Undone);
            conclude(state, if failed { End::Failed } else { End::Undone }, decision);
        }
        // A partial undo is over; what needed the steps is blocked until somebody does them again.
        return false;
    };
    let in_flight: Vec<usize> = undoing.steps.iter().filter_map(|step| adrift(plan, state, live, step)).collect();
    if !in_flight.is_empty() && guard!("undo waits") {
        // Work of an earlier executor may still go on: it is found again and seen to its end before it is taken back.
        in_flight.into_iter().for_each(|node| go_on(plan, state, live, node, false, decision));
        return true;
    }
    if !live.busy.is_empty() {
        return true;
    }
    let Some(node) = plan.find(step) else { return false };
    // What has begun is finished, also if somebody did meanwhile what stands on it.
    let has_begun = state.status(step) == Status::Undoing;
    if let Some(by) = (!has_begun).then(|| stands_on(plan, state, &undoing.done, node)).flatten() {
        decision.events.push(Event::UndoWithheld { step: step.clone(), by });
        return true;
    }
    take_back(plan, state, live, node, decision);
    true
}

/// Undoes one step, perhaps once more after a crash.
pub(super) fn take_back(plan: &Plan, state: &RunState, live: &mut Live, node: usize, decision: &mut Decision) {
    let step = plan.address(node);
    match command(plan, state, live, node) {
        Ok((undo, command)) => {
            if state.status(step) != Status::Undoing {
                decision.events.push(Event::UndoIntended { step: step.clone(), undo: undo.to_string() });
            }
            live.busy.insert(node);
            decision.commands.push(command);
        }
        Err(fault) => decision.events.push(Event::UndoFailed { step: step.clone(), fault }),
    }
}

/// What needed a step and is still there: then nothing is taken away beneath it.
fn stands_on(plan: &Plan, state: &RunState, done: &[Address], node: usize) -> Option<Address> {
    let above = plan.graph.descendants(node);
    let stays = |step: &&Address| plan.find(step).is_some_and(|node| above.contains(&node));
    done.iter().filter(|step| state.status(step) != Status::Undone).find(stays).cloned()
}

/// A step whose intent has no outcome, and which nobody of this executor looks after.
fn adrift(plan: &Plan, state: &RunState, live: &Live, step: &Address) -> Option<usize> {
    let node = plan.find(step)?;
    let open = matches!(state.status(step), Status::Running | Status::Late) && state.step(step).reached.is_none();
    let looked_after = live.busy.contains(&node) || live.known.get(&node) == Some(&Known::Absent);
    (open && !looked_after).then_some(node)
}

/// A whole run that was taken back ends so, also if it had ended otherwise before.
fn conclude(state: &RunState, how: End, decision: &mut Decision) {
    match (state.ending, state.ended) {
        (None, _) => decision.events.push(Event::EndingBegan { how }),
        (Some(_), Some(ended)) if ended != how => decision.events.push(Event::RunEnded { state: how }),
        _ => {}
    }
}

/// By what a step would be taken back: the name of the kind's undo, or a command. Nothing where that cannot be said yet.
pub fn how(plan: &Plan, state: &RunState, node: usize) -> Option<Value> {
    written(plan, state, node).ok().filter(|undo| !undo.is_null())
}

fn written(plan: &Plan, state: &RunState, node: usize) -> Result<Value, crate::model::Fault> {
    Ok(match plan.step(node).undo.as_deref() {
        Some(Undo::Named(name)) => Value::String(name.text.clone()),
        Some(Undo::Command(tree)) => tree.render(&RunScope::of(plan, state, node))?,
        None => Value::Null,
    })
}

fn command(plan: &Plan, state: &RunState, live: &Live, node: usize) -> Result<(Value, Command), crate::model::Fault> {
    let undo = written(plan, state, node)?;
    let missing = || crate::model::Fault::new("RG5002", "there is nothing to take back");
    let mut op = intent::op(plan, state, node).ok_or_else(missing)?;
    let step = state.step(plan.address(node));
    let has_begun = step.status == Status::Undoing;
    let times = step.taking_back.as_ref().map_or(u32::from(has_begun), |it| it.times) + u32::from(!has_begun);
    op.phase = phase(times);
    if !has_begun {
        op.boot.clone_from(&live.boot);
    } else if let Some(begun) = &step.taking_back {
        op.boot.clone_from(&begun.boot);
    }
    let outputs: Outputs = step.outputs.clone().unwrap_or_default();
    Ok((undo.clone(), Command::Undo { op, undo, outputs }))
}

/// One that failed and is asked for again is another one; one that a crash cut off is the same.
fn phase(times: u32) -> String {
    if times > 1 { format!("undo-{times}") } else { "undo".into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::step::StepState;
    use crate::plan::testing;

    /// A step that began so many seconds after the run, as its clock had it.
    fn began(plan: &Plan, state: &mut RunState, id: &str, seconds: u64) {
        let address: Address = id.parse().unwrap();
        let mut step = StepState { status: Status::Succeeded, ..StepState::pending() };
        step.intent = Some(Box::new(testing::intent(plan, &address, seconds)));
        step.started_at = step.intent.as_ref().map(|intent| intent.at.clone());
        state.steps.insert(address, Box::new(step));
    }

    #[test]
    fn what_needed_a_step_is_taken_back_before_it_whatever_the_clock_said() {
        let step = |id: &str, needs: &str| {
            format!("  - {{ id: {id}, uses: run, needs: [{needs}], with: {{ command: [x] }}, undo: [y] }}\n")
        };
        let plan = testing::plan(&format!("steps:\n{}{}{}", step("a", ""), step("b", "a"), step("c", "b")));
        let mut state = RunState::default();
        // The clock was set back while it ran.
        for (id, seconds) in [("a", 50), ("b", 10), ("c", 30)] {
            began(&plan, &mut state, id, seconds);
        }
        let steps: Vec<String> = preview(&plan, &state, None).steps.iter().map(ToString::to_string).collect();
        assert_eq!(steps, ["c", "b", "a"]);
    }
}
