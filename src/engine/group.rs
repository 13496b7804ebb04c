//! Steps that others do: with `foreach` one for every item, of an include those of its file. Opened once for all of them, ended
//! when the last of them has.

use serde_json::{Value, json};

use super::ask;
use super::decide::{Decision, done_at_once};
use crate::model::record::Event;
use crate::model::{RunState, Status};
use crate::plan::{Plan, include};

/// How the members of a group stand, by number.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub opened: bool,
    /// Neither ended nor blocked.
    moving: usize,
    /// Not proven: a person proves it again, or does it again.
    unproven: usize,
    /// Failed, and not allowed to.
    failed: usize,
    /// Failed, and allowed to: the others go on, and the step stays failed.
    allowed: usize,
    blocked: usize,
    undone: usize,
}

impl Tally {
    pub fn new(members: usize) -> Self {
        Self { moving: members, ..Self::default() }
    }

    /// Notes that a member went from one status to another. True where that may stop or release the others.
    pub fn count(&mut self, before: Status, now: Status, may_fail: bool) -> bool {
        let before_that = (self.failed > 0, self.unproven > 0);
        if let Some(number) = self.number(before, may_fail) {
            *number -= 1;
        }
        if let Some(number) = self.number(now, may_fail) {
            *number += 1;
        }
        (self.failed > 0, self.unproven > 0) != before_that
    }

    fn number(&mut self, status: Status, may_fail: bool) -> Option<&mut usize> {
        match status {
            Status::Failed if may_fail => Some(&mut self.allowed),
            Status::Failed => Some(&mut self.failed),
            Status::Unproven => Some(&mut self.unproven),
            Status::Blocked => Some(&mut self.blocked),
            Status::Undone => Some(&mut self.undone),
            Status::Succeeded | Status::Skipped | Status::Superseded => None,
            Status::Pending
            | Status::Queued
            | Status::Running
            | Status::Verifying
            | Status::Waiting
            | Status::Late
            | Status::Unknown
            | Status::Undoing => Some(&mut self.moving),
        }
    }

    /// What becomes of the others where one that does not come out well stops them.
    pub fn stop(&self) -> Stop {
        match (self.failed, self.unproven) {
            (0, 0) => Stop::No,
            (0, _) => Stop::Waits,
            _ => Stop::Blocked,
        }
    }

    /// Whether every member has ended well.
    pub fn is_done(&self) -> bool {
        self.moving + self.unproven + self.failed + self.allowed + self.blocked + self.undone == 0
    }

    /// Where an open group stands.
    pub fn status(&self, recorded: Status) -> Status {
        match (self.moving + self.unproven, self.failed + self.allowed + self.blocked, self.undone) {
            (0, 0, 0) => recorded,
            (0, 0, _) => Status::Undone,
            (0, ..) => Status::Failed,
            _ => Status::Running,
        }
    }
}

/// Whether the failure of one member keeps the others from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    No,
    Waits,
    Blocked,
}

/// A group whose needs are satisfied: asks first, if somebody has to agree to the whole list.
pub fn consider(plan: &Plan, state: &RunState, node: usize, decision: &mut Decision) {
    if ask::is_wanted(plan, node, "") {
        decision.events.push(question(plan, state, node));
    } else {
        open(plan, node, decision);
    }
}

/// Enough people agreed. What was shown cannot have changed: the items of a run are fixed.
pub fn open(plan: &Plan, node: usize, decision: &mut Decision) {
    let step = plan.address(node).clone();
    decision.events.push(Event::StepOpened { step, items: plan.graph.members(node).count() });
}

/// An open group whose members have all ended well.
pub fn close(plan: &Plan, state: &RunState, node: usize, decision: &mut Decision) {
    decision.events.push(match include::outputs(plan, state, node) {
        Ok(outputs) => done_at_once(plan, node, outputs),
        Err(fault) => Event::StepFailed { step: plan.address(node).clone(), fault },
    });
}

fn question(plan: &Plan, state: &RunState, node: usize) -> Event {
    let address = plan.address(node);
    if let Some(part) = plan.step(node).part() {
        let mut shown = vec![format!("start `{address}`, the steps of `{}`:", part.key)];
        shown.extend(plan.graph.members(node).map(|member| {
            format!("  {} ({}): {}", plan.address(member), plan.kinds[member].name(), plan.outline.steps[member].name)
        }));
        return ask::approval_of(plan, state, node, "", &plan.step(node).with.written(), shown);
    }
    let items = &plan.items[address];
    let mut shown = vec![format!("start `{address}` ({}) for {} items:", plan.kinds[node].name(), items.len())];
    shown.extend(items.iter().map(|item| match &item.item {
        Value::String(text) if *text == item.key => format!("  {}", item.key),
        value => format!("  {}: {value}", item.key),
    }));
    ask::approval_of(plan, state, node, "", &json!(items), shown)
}

/// The nodes under a group.
pub fn members(plan: &Plan, node: usize) -> std::ops::Range<usize> {
    plan.graph.nodes[node].members.clone().unwrap_or_default()
}
