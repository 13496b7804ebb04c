//! Steps that others do: with `foreach` one for every item, of a block those in it, of an include those of its file. Opened once
//! for all of them, ended when the last of them has.

use std::borrow::Cow;

use serde_json::{Value, json};

use super::ask;
use super::decide::{Decision, done_at_once, skip};
use super::tries;
use crate::kind::Outputs;
use crate::model::record::Event;
use crate::model::step::Asked;
use crate::model::{Fault, Item, RunState, Status};
use crate::plan::{Plan, include, items};
use crate::runbook::expect::same;

/// How the members of a group stand, by number.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub opened: bool,
    /// Of steps, not of items: what is allowed to fail in it, and what that blocks, is no failure of the whole.
    forgives: bool,
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
    pub fn new(members: usize, forgives: bool) -> Self {
        Self { moving: members, forgives, ..Self::default() }
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
        self.moving + self.unproven + self.undone + self.bad() == 0
    }

    /// Members for which the whole has failed. Where none has failed that may not, nobody comes to lift what is blocked.
    fn bad(&self) -> usize {
        match self.forgives && self.failed == 0 {
            true => 0,
            false => self.failed + self.allowed + self.blocked,
        }
    }

    /// Where an open group stands.
    pub fn status(&self, recorded: Status) -> Status {
        match (self.moving + self.unproven, self.bad(), self.undone) {
            (0, 0, 0) => recorded,
            (0, 0, _) => Status::Undone,
            (0, ..) => Status::Failed,
            _ if recorded == Status::Late => Status::Late,
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

/// A list whose needs are satisfied: asks first, if somebody has to agree to the whole of it.
pub fn consider_list(plan: &Plan, state: &RunState, node: usize, decision: &mut Decision) {
    match items::at_opening(plan, state, node) {
        Err(fault) => decision.fail(plan, node, fault),
        Ok(items) if ask::is_wanted(plan, node, "") => decision.events.push(about_list(plan, state, node, &items)),
        Ok(items) => open_list(plan, node, items, decision),
    }
}

/// A block or include whose turn it is.
pub fn consider_body(plan: &Plan, state: &RunState, node: usize, decision: &mut Decision) {
    if ask::is_wanted(plan, node, "") {
        decision.events.push(about_body(plan, state, node));
    } else {
        open_body(plan, node, decision);
    }
}

/// Enough people agreed: to the steps of a body, which are fixed, or to a list, which may be another one by now.
pub fn agreed(plan: &Plan, state: &RunState, node: usize, asked: &Asked, decision: &mut Decision) {
    if plan.is_body(node) {
        return open_body(plan, node, decision);
    }
    let items = match items::at_opening(plan, state, node) {
        Ok(items) => items,
        Err(fault) => return decision.fail(plan, node, fault),
    };
    match about_list(plan, state, node, &items) {
        Event::StepAsked { ask, .. } if ask.code == asked.ask.code => open_list(plan, node, items, decision),
        _ => decision.events.push(Event::ApprovalVoided { step: plan.address(node).clone() }),
    }
}

fn open_list(plan: &Plan, node: usize, items: Cow<'_, [Item]>, decision: &mut Decision) {
    let step = plan.address(node).clone();
    let (count, known) = (items.len(), plan.items.contains_key(&step));
    let list = (!known).then(|| items.into_owned());
    decision.events.push(Event::StepOpened { step, items: count, list });
}

fn open_body(plan: &Plan, node: usize, decision: &mut Decision) {
    let step = plan.address(node).clone();
    decision.opening.insert(node);
    decision.events.push(Event::StepOpened { step, items: plan.graph.members(node).count(), list: None });
}

/// An open group whose members have all ended well.
pub fn close(plan: &Plan, state: &RunState, node: usize, decision: &mut Decision) {
    if let Some(fault) = differing(plan, state, node) {
        let step = plan.address(node).clone();
        return decision.events.push(Event::StepUnproven { step, checks: Vec::new(), fault });
    }
    if let Some(why) = tries::left_out(plan, state, node) {
        return skip(plan, node, why, decision);
    }
    let outputs = if plan.is_body(node) { include::outputs(plan, state, node) } else { Ok(Outputs::new()) };
    match outputs {
        Ok(outputs) => decision.events.push(done_at_once(plan, node, outputs)),
        Err(fault) => decision.fail(plan, node, fault),
    }
}

/// What the proofs of the items found that is not the same over all of them, though it has to be.
fn differing(plan: &Plan, state: &RunState, node: usize) -> Option<Fault> {
    let proofs = plan.step(node).verify.iter().enumerate();
    for (at, proof) in proofs.filter(|(_, proof)| plan.is_list(node) && proof.expect.is_across_items()) {
        let found = compared(plan, state, node, at);
        for name in found.first().into_iter().flat_map(|(_, first)| first.keys()) {
            let values: Vec<(&str, &Value)> =
                found.iter().map(|(key, found)| (*key, found.get(name).unwrap_or(&Value::Null))).collect();
            if values.windows(2).all(|two| same(two[0].1, two[1].1)) {
                continue;
            }
            let fault = Fault::new("RG5015", format!("the items differ in `{name}` of `{}`", proof.probe));
            let mut fault = fault
                .hint("correct the items that differ, then `regrow retry` of this step looks at all of them again");
            fault.causes = values.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            return Some(fault);
        }
    }
    None
}

/// Of each item, what its proof of that number found.
fn compared<'a>(plan: &'a Plan, state: &'a RunState, node: usize, proof: usize) -> Vec<(&'a str, &'a Outputs)> {
    let found = |item: usize| Some(&state.step(plan.address(item)).checks.get(proof)?.compared);
    plan.graph.members(node).filter_map(|item| Some((plan.item(item)?.key.as_str(), found(item)?))).collect()
}

/// The steps of a body, one line each.
fn about_body(plan: &Plan, state: &RunState, node: usize) -> Event {
    let address = plan.address(node);
    let whose = match plan.step(node).part() {
        Some(part) => format!("the steps of `{}`", part.key),
        None => "these steps".into(),
    };
    let mut shown = vec![format!("start `{address}`, {whose}:")];
    shown.extend(plan.graph.members(node).map(|member| {
        format!("  {} ({}): {}", plan.address(member), plan.step(member).kind, plan.outline.steps[member].name)
    }));
    ask::approval_of(plan, state, node, "", &plan.step(node).with.written(), shown)
}

fn about_list(plan: &Plan, state: &RunState, node: usize, items: &[Item]) -> Event {
    let address = plan.address(node);
    let mut shown = vec![format!("start `{address}` ({}) for {} items:", plan.step(node).kind, items.len())];
    shown.extend(items.iter().map(|item| match &item.item {
        Value::String(text) if *text == item.key => format!("  {}", item.key),
        value => format!("  {}: {value}", item.key),
    }));
    ask::approval_of(plan, state, node, "", &json!(items), shown)
}

/// All nodes under a group.
pub fn members(plan: &Plan, node: usize) -> std::ops::Range<usize> {
    plan.graph.nodes[node].members.clone().unwrap_or_default()
}
