//! Ways of a `try`: one that did not succeed is taken back where it says how, and gives way to the next.
//!
//! The needs of the ways hold the next one back until then (`graph::expand`). A way whose undo failed stays as it is and holds the
//! rest: what it left behind may be in the way of the others, so a person decides. So does the last one, which has nothing behind it.
//! A way that is a block has come to nothing when one of its steps has and the others cannot go on: its steps are taken back
//! one by one, the last first.

use super::decide::Decision;
use super::frontier::Readiness;
use super::group;
use super::live::Live;
use super::undo;
use crate::model::record::{Event, NotDone, SkipReason};
use crate::model::{RunState, Status};
use crate::plan::{Plan, include};

/// What becomes of a way that another one stands behind.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Stays,
    /// The step of it whose turn it is.
    TakenBack(usize),
    GivesWay,
}

/// Moves on every `try` in which a way did not succeed.
pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, decision: &mut Decision) {
    if state.ending.is_some() || undo::is_on(state) || live.errand {
        return;
    }
    for try_node in live.frontier.tries().to_vec() {
        for way in plan.ways(try_node) {
            match turn(plan, state, live, way) {
                Turn::Stays => {}
                Turn::GivesWay => give_way(plan, live, way, decision),
                Turn::TakenBack(_) if live.stopping || state.paused => {}
                Turn::TakenBack(step) => undo::take_back(plan, state, live, step, decision),
            }
        }
    }
}

/// Why no way succeeded, where people or a drill left out what was left to try: then it goes on without it.
pub fn left_out(plan: &Plan, state: &RunState, node: usize) -> Option<SkipReason> {
    if !plan.is_try(node) || include::winner(plan, state, node).is_some() {
        return None;
    }
    plan.ways(node).find_map(|way| match state.step(plan.address(way)).skipped {
        Some(SkipReason::Person) => Some(SkipReason::Person),
        Some(SkipReason::Drill(_)) => Some(SkipReason::Drill(NotDone::Lacks(plan.address(way).clone()))),
        _ => None,
    })
}

/// Whether a failure of the step is no failure of the run: another way stands behind the one it lies in, and begins once this one
/// gave way. Not where it could not be taken back, which keeps the others from beginning.
pub fn is_excused(plan: &Plan, state: &RunState, node: usize) -> bool {
    let mut around = plan.graph.groups(node).chain([node]);
    state.step(plan.address(node)).undo.is_none() && around.any(|way| may_give_way(plan, state, way))
}

/// Whether it is a way of a `try` with another one behind it. One of several steps that succeeded is the one that was taken,
/// whatever is done with its steps since.
fn may_give_way(plan: &Plan, state: &RunState, way: usize) -> bool {
    let has_one_behind = plan.try_of(way).is_some_and(|of| plan.ways(of).last() != Some(way));
    has_one_behind && !(plan.is_group(way) && state.status(plan.address(way)) == Status::Succeeded)
}

/// Whether it is a way of several steps that a person may give up: begun, and come to nothing.
pub fn can_be_given_up(plan: &Plan, state: &RunState, way: usize) -> bool {
    let statuses = || steps_of(plan, way).map(|step| state.status(plan.address(step)));
    let failed = |status: Status| matches!(status, Status::Failed | Status::Unproven | Status::Undone);
    let goes_on = |status: Status| {
        status.is_in_flight() || matches!(status, Status::Verifying | Status::Waiting | Status::Unknown)
    };
    plan.try_of(way).is_some() && statuses().any(failed) && !statuses().any(goes_on)
}

fn turn(plan: &Plan, state: &RunState, live: &Live, way: usize) -> Turn {
    let steps = || steps_of(plan, way);
    if matches!(live.frontier.statuses[way], Status::Superseded | Status::Skipped) && live.frontier.is_open(way) {
        // A person gave it up, or a crash cut between the record of the way and those of its steps.
        let mut under = group::members(plan, way);
        return if under.any(|node| is_left_behind(plan, live, node)) { Turn::GivesWay } else { Turn::Stays };
    }
    if !may_give_way(plan, state, way) {
        return Turn::Stays;
    }
    if let Some(step) = steps().find(|step| live.frontier.statuses[*step] == Status::Undoing) {
        return if live.busy.contains(&step) { Turn::Stays } else { Turn::TakenBack(step) };
    }
    if !has_come_to_nothing(plan, state, live, way) || cannot_be_taken_back(plan, state, way) {
        return Turn::Stays;
    }
    let stands = |step: &usize| {
        let known = state.step(plan.address(*step));
        let ended = matches!(known.status, Status::Succeeded | Status::Failed | Status::Unproven);
        let can_be = plan.step(*step).undo.is_some() && known.intent.is_some() && undo::may_have_changed(plan, *step);
        ended && can_be && known.undo.is_none()
    };
    let whole = way..group::members(plan, way).end.max(way + 1);
    let last_first = plan.graph.order().iter().rev().copied().filter(|node| whole.contains(node));
    last_first.filter(|node| !plan.is_group(*node)).find(stands).map_or(Turn::GivesWay, Turn::TakenBack)
}

/// Whether the way did not succeed, and nobody is waited for.
fn has_come_to_nothing(plan: &Plan, state: &RunState, live: &Live, way: usize) -> bool {
    let is_lost = match live.frontier.statuses[way] {
        Status::Failed | Status::Unproven | Status::Undone => true,
        Status::Running | Status::Late => waits_for_a_proof(plan, live, way),
        _ => false,
    };
    // A `try` in it goes on with its next way first.
    let gives_way = |inner: usize| {
        may_give_way(plan, state, inner)
            && has_come_to_nothing(plan, state, live, inner)
            && !cannot_be_taken_back(plan, state, inner)
    };
    is_lost && !group::members(plan, way).any(gives_way)
}

/// Whether it stands open only because a step of it is not proven, and no other can go on.
fn waits_for_a_proof(plan: &Plan, live: &Live, way: usize) -> bool {
    let statuses = &live.frontier.statuses;
    let is_open = |node: usize| plan.is_group(node) && live.frontier.is_open(node);
    let steps = || group::members(plan, way).filter(|node| !is_open(*node));
    let stands_still = |node: usize| match statuses[node] {
        Status::Pending => live.frontier.readiness(&plan.outline, node) == Readiness::Waits,
        Status::Unproven => true,
        status => status.is_settled(),
    };
    steps().any(|node| statuses[node] == Status::Unproven) && steps().all(stands_still)
}

fn cannot_be_taken_back(plan: &Plan, state: &RunState, way: usize) -> bool {
    steps_of(plan, way)
        .map(|step| state.step(plan.address(step)))
        .any(|known| matches!(known.status, Status::Failed | Status::Unproven) && known.undo.is_some())
}

/// The way, and then what of it neither came out well nor was left out.
fn give_way(plan: &Plan, live: &Live, way: usize, decision: &mut Decision) {
    let left = std::iter::once(way).chain(group::members(plan, way)).filter(|node| is_left_behind(plan, live, *node));
    decision.events.extend(left.map(|node| Event::StepSuperseded { step: plan.address(node).clone() }));
}

fn is_left_behind(plan: &Plan, live: &Live, node: usize) -> bool {
    let statuses = &live.frontier.statuses;
    // What lies in something that was left out is left out by itself.
    let left_out = |group: usize| statuses[group] == Status::Skipped && !live.frontier.is_open(group);
    let well = matches!(statuses[node], Status::Succeeded | Status::Skipped | Status::Superseded);
    !well && !plan.graph.groups(node).any(left_out)
}

/// The steps that do the way: itself, or those in it.
fn steps_of(plan: &Plan, way: usize) -> impl Iterator<Item = usize> {
    std::iter::once(way).chain(group::members(plan, way)).filter(|node| !plan.is_group(*node))
}
