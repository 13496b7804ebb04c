//! Which steps are in doubt after a tail that is no clean cut (G10).
//!
//! The lost records were one write at most: outcomes of what was in flight, answers, and the intents of what those released.
//! Every step that may have had an intent among them is looked for before it starts, by what the boot of that time left.
//! Without a probe a person decides.

use std::collections::BTreeSet;

use super::group;
use crate::graph::Edge;
use crate::journal::Tail;
use crate::kind::Role;
use crate::model::{RunState, Status};
use crate::plan::Plan;
use crate::runbook::ast::Ended;

/// How much was lost at the most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    OneWrite,
    /// Any number of writes: nobody knows how far the run had come.
    Segment,
}

impl Lost {
    /// What the tail of a journal leaves in doubt; nothing where it is whole, or a write was cut.
    pub fn behind(tail: &Tail) -> Option<Self> {
        match tail {
            Tail::Clean | Tail::Torn { .. } => None,
            Tail::Doubtful { .. } => Some(Self::OneWrite),
            Tail::Lost { .. } => Some(Self::Segment),
        }
    }
}

/// Marks what may have begun, so that the doubt stands in the head of the next segment.
pub fn mark(plan: &Plan, state: &mut RunState, tail: &str, lost: Lost) {
    let boot = state.last_at.as_ref().map(|moment| moment.boot.clone()).unwrap_or_default();
    let reached = match lost {
        Lost::OneWrite => frontier(plan, state),
        Lost::Segment => (0..plan.len()).collect(),
    };
    for node in reached {
        // What opens once cannot have opened unseen.
        if state.step(plan.address(node)).opened {
            continue;
        }
        let step = state.step_mut(plan.address(node));
        step.in_doubt = Some(boot.clone());
    }
    if !state.doubts.iter().any(|known| known == tail) {
        state.doubts.push(tail.to_string());
    }
}

/// A list was in doubt when it opened, so its items are that may have begun: they were not in the graph before. True if any is.
pub fn hand_down(plan: &Plan, state: &mut RunState) -> bool {
    let doubted = |node: &usize| {
        let step = state.step(plan.address(*node));
        plan.is_list(*node) && step.list.is_some() && step.in_doubt.is_some()
    };
    let lists: Vec<usize> = (0..plan.len()).filter(doubted).collect();
    if lists.is_empty() {
        return false;
    }
    let reached: BTreeSet<usize> = frontier(plan, state).into_iter().collect();
    for list in lists {
        let boot = state.steps.get_mut(plan.address(list)).and_then(|step| step.in_doubt.take());
        for node in group::members(plan, list).filter(|node| reached.contains(node)) {
            let step = state.step_mut(plan.address(node));
            if !step.opened && step.attempts == 0 {
                step.in_doubt.clone_from(&boot);
            }
        }
    }
    true
}

/// Every step but those behind a need that cannot have ended within one write.
fn frontier(plan: &Plan, state: &RunState) -> Vec<usize> {
    let mut reach = Reach { plan, state, starts: vec![false; plan.len()], blocks: vec![false; plan.len()] };
    plan.graph.order().iter().for_each(|node| reach.visit(*node));
    (0..plan.len()).filter(|node| reach.starts[*node]).collect()
}

/// What can have become of the nodes within one write.
struct Reach<'a> {
    plan: &'a Plan,
    state: &'a RunState,
    /// May have had an intent.
    starts: Vec<bool>,
    /// May have been blocked, which is never recorded and releases who waits for it.
    blocks: Vec<bool>,
}

impl Reach<'_> {
    fn visit(&mut self, node: usize) {
        let at = &self.plan.graph.nodes[node];
        // A group opens with the very records that release it, and a failure of one item may block the others.
        let opens = at.group.is_none_or(|member| self.starts[member.of]);
        let stopped = at.group.is_some_and(|member| self.plan.outline.steps[member.of].stops);
        // A repair may begin with the very record that its step has failed.
        let called = self.plan.outline.steps[node].mends.is_some_and(|of| self.starts[of]);
        self.starts[node] = opens && (called || at.needs.iter().all(|need| self.releases(need)));
        self.blocks[node] = stopped || at.needs.iter().any(|(need, _)| self.ends(*need) || self.blocks[*need]);
    }

    fn releases(&self, (need, when): &Edge) -> bool {
        let by_block = when.as_ref().is_some_and(|when| when.contains(&Ended::Blocked));
        self.ends(*need) || (by_block && self.blocks[*need])
    }

    fn ends(&self, node: usize) -> bool {
        let status = self.state.status(self.plan.address(node));
        if self.plan.is_group(node) {
            let inside = || self.plan.graph.members(node).all(|member| self.ends(member) || self.blocks[member]);
            let open = self.starts[node] && (ends_at_once(self.plan, node) || inside());
            return status.is_settled() || open;
        }
        let begun = status != Status::Pending;
        begun || (self.starts[node] && ends_at_once(self.plan, node))
    }
}

/// Whether a step can end with the very records that release it.
fn ends_at_once(plan: &Plan, node: usize) -> bool {
    let skipped = plan.graph.groups(node).chain([node]).any(|node| may_be_skipped(plan, node));
    let fails = !plan.step(node).require.is_empty() && !plan.is_list(node);
    skipped || fails || plan.kinds[node].role() == Role::Intrinsic
}

/// By its condition, on request, because a need ended outside its `when`, or because a drill does not do it.
fn may_be_skipped(plan: &Plan, node: usize) -> bool {
    let by_need = plan.graph.nodes[node].needs.iter().any(|(_, when)| when.is_some());
    by_need || plan.step(node).condition.is_some() || plan.is_left_out(node) || plan.is_drill()
}
