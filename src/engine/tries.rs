//! Ways of a `try`: one that did not succeed is taken back where it says how, and gives way to the next.
//!
//! The needs of the ways hold the next one back until then (`graph::expand`). A way whose undo failed stays as it is and holds the
//! rest: what it left behind may be in the way of the others, so a person decides. So does the last one, which has nothing behind it.

use super::decide::Decision;
use super::live::Live;
use super::undo;
use crate::model::record::{Event, NotDone, SkipReason};
use crate::model::{RunState, Status};
use crate::plan::{Plan, include};

/// What becomes of a way that somebody waits behind.
#[derive(Debug, PartialEq, Eq)]
enum Turn {
    Stays,
    TakenBack,
    GivesWay,
}

/// Moves on every `try` in which a way did not succeed.
pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, decision: &mut Decision) {
    if state.ending.is_some() || undo::is_on(state) || live.errand {
        return;
    }
    for group in live.frontier.tries().to_vec() {
        let ways: Vec<usize> = plan.ways(group).collect();
        for way in ways.iter().rev().skip(1) {
            match turn(plan, state, live, *way) {
                Turn::Stays => {}
                Turn::GivesWay => decision.events.push(Event::StepSuperseded { step: plan.address(*way).clone() }),
                Turn::TakenBack if live.stopping || state.paused => {}
                Turn::TakenBack => undo::take_back(plan, state, live, *way, decision),
            }
        }
    }
}

/// Why no way succeeded, where people or a drill left out what was left to try: then it goes on without it.
pub fn left_out(plan: &Plan, state: &RunState, node: usize) -> Option<SkipReason> {
    let tries = plan.is_body(node) && plan.step(node).tries();
    if !tries || include::winner(plan, state, node).is_some() {
        return None;
    }
    plan.ways(node).find_map(|way| match state.step(plan.address(way)).skipped {
        Some(SkipReason::Person) => Some(SkipReason::Person),
        Some(SkipReason::Drill(_)) => Some(SkipReason::Drill(NotDone::Lacks(plan.address(way).clone()))),
        _ => None,
    })
}

fn turn(plan: &Plan, state: &RunState, live: &Live, way: usize) -> Turn {
    let step = state.step(plan.address(way));
    let can_be = plan.step(way).undo.is_some() && step.intent.is_some() && undo::may_have_changed(plan, way);
    match live.frontier.statuses[way] {
        Status::Failed | Status::Unproven if !can_be => Turn::GivesWay,
        Status::Failed | Status::Unproven if step.undo.is_none() => Turn::TakenBack,
        Status::Undoing if !live.busy.contains(&way) => Turn::TakenBack,
        Status::Undone => Turn::GivesWay,
        _ => Turn::Stays,
    }
}
