//! Which steps can move, kept up to date as records come in.
//!
//! Two things are never in the journal: a step is *blocked* for as long as a need has ended badly, and a retry of that need
//! lifts it again; an open group stands as its members do. [`Frontier`] works them out along the needs, so that deciding costs
//! what has changed and not the whole graph.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};

use super::group::{Stop, Tally};

use crate::model::{Address, Effect, RunState, Status};
use crate::plan::outline::{Outline, OutlineStep};
use crate::runbook::ast::Ended;
use crate::runbook::holds::Part;

/// What the needs of a pending step say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    Ready,
    Waits,
    /// A need ended outside `when`, and well.
    Skip(Address),
    /// A need ended badly.
    Blocked(Address),
}

#[derive(Debug)]
pub struct Frontier {
    /// The status of every node, `blocked` worked out.
    pub statuses: Vec<Status>,
    /// Nodes that something may be done about: the longest way first, then in the order of the file.
    movable: BTreeSet<(Reverse<u64>, usize)>,
    /// Nodes that keep others under their lock from starting.
    holders: BTreeSet<usize>,
    groups: HashMap<usize, Tally>,
    /// Those of them in which one way has to succeed.
    tries: Vec<usize>,
    /// What is done against the faults of others.
    repairs: Vec<usize>,
    /// The members of each group that are groups themselves, open and not at their end.
    begun: HashMap<usize, BTreeSet<usize>>,
    /// Nodes that have neither ended nor are blocked.
    open: usize,
    open_finally: usize,
}

impl Frontier {
    pub fn new(outline: &Outline, state: &RunState) -> Self {
        let statuses = vec![Status::Pending; outline.len()];
        let finally = (0..outline.len()).filter(|node| outline.steps[*node].finally).count();
        let mut members: HashMap<usize, usize> = HashMap::new();
        outline.steps.iter().filter_map(|step| step.group).for_each(|group| *members.entry(group).or_default() += 1);
        let groups = outline.steps.iter().enumerate().filter(|(_, step)| step.members.is_some());
        let tries = (0..outline.len()).filter(|node| outline.steps[*node].tries()).collect();
        let tally = |node: usize, list: bool| Tally::new(members.get(&node).copied().unwrap_or(0), !list);
        let groups = groups.map(|(node, step)| (node, tally(node, step.list)));
        let mut frontier = Self {
            statuses,
            movable: BTreeSet::new(),
            holders: BTreeSet::new(),
            groups: groups.collect(),
            tries,
            repairs: (0..outline.len()).filter(|node| outline.steps[*node].mends.is_some()).collect(),
            begun: HashMap::new(),
            open: outline.len() - finally,
            open_finally: finally,
        };
        for &node in &outline.order {
            frontier.touch(outline, state, node);
        }
        frontier
    }

    /// Takes note that records of `node` came in.
    pub fn touch(&mut self, outline: &Outline, state: &RunState, node: usize) {
        let mut queue = vec![node];
        while let Some(node) = queue.pop() {
            let step = &outline.steps[node];
            let before = self.statuses[node];
            let opens = self.opens(state, &step.address, node);
            let (now, moves) = self.standing(outline, state, node);
            self.statuses[node] = now;
            self.count(outline, node, before, now);
            let place = (Reverse(step.remaining_seconds), node);
            if moves {
                self.movable.insert(place);
            } else {
                self.movable.remove(&place);
            }
            self.hold(step, state, node);
            self.begin(step, node);
            if state.step(&step.address).mending.is_some() {
                queue.extend(step.dependents.iter().filter(|other| outline.steps[**other].mends == Some(node)));
            }
            if now != before || opens {
                queue.extend(&step.dependents);
                if step.part_of_hold() == Some(Part::Take) {
                    let under = step.dependents.iter().filter_map(|node| outline.steps[*node].members.clone());
                    queue.extend(under.flatten());
                }
                queue.extend(step.members.clone().into_iter().flatten());
            }
            if now != before
                && let Some(group) = step.group
            {
                queue.push(group);
                let tally = self.groups.entry(group).or_default();
                if tally.count(before, now, step.allow_failure) && outline.steps[group].stops {
                    queue.extend(outline.steps[group].members.clone().into_iter().flatten());
                }
            }
        }
    }

    /// Where a node stands, and whether something may be done about it.
    fn standing(&self, outline: &Outline, state: &RunState, node: usize) -> (Status, bool) {
        let recorded = state.status(&outline.steps[node].address);
        let gave_way = || match recorded {
            Status::Superseded => true,
            Status::Skipped => outline.steps[node].group.is_some_and(|of| outline.steps[of].tries()),
            _ => false,
        };
        if let Some(tally) = self.groups.get(&node).filter(|tally| tally.opened && !gave_way()) {
            let now = tally.status(recorded);
            return (now, matches!(now, Status::Running | Status::Late | Status::Verifying) && tally.is_done());
        }
        if recorded != Status::Pending {
            return (recorded, !recorded.is_settled());
        }
        if matches!(outline.steps[node].part_of_hold(), Some(Part::Read | Part::Release)) {
            return (Status::Pending, true);
        }
        if is_called(outline, state, node) {
            return (Status::Pending, true);
        }
        match self.readiness(outline, node) {
            Readiness::Blocked(_) => (Status::Blocked, false),
            Readiness::Waits => (Status::Pending, false),
            Readiness::Ready | Readiness::Skip(_) => (Status::Pending, true),
        }
    }

    /// Notes whether a group is open. True if that is news.
    fn opens(&mut self, state: &RunState, address: &Address, node: usize) -> bool {
        let Some(tally) = self.groups.get_mut(&node) else { return false };
        let opened = state.step(address).opened;
        std::mem::replace(&mut tally.opened, opened) != opened
    }

    fn count(&mut self, outline: &Outline, node: usize, before: Status, now: Status) {
        let open = if outline.steps[node].finally { &mut self.open_finally } else { &mut self.open };
        match (before.is_settled(), now.is_settled()) {
            (false, true) => *open -= 1,
            (true, false) => *open += 1,
            _ => {}
        }
    }

    /// Whether a group was opened for its members.
    pub fn is_open(&self, group: usize) -> bool {
        self.groups.get(&group).is_some_and(|tally| tally.opened)
    }

    pub fn tries(&self) -> &[usize] {
        &self.tries
    }

    pub fn repairs(&self) -> &[usize] {
        &self.repairs
    }

    pub fn movable(&self) -> Vec<usize> {
        self.movable.iter().map(|(_, node)| *node).collect()
    }

    fn begin(&mut self, step: &OutlineStep, node: usize) {
        let (Some(group), Some(own)) = (step.group, self.groups.get(&node)) else { return };
        let begun = self.begun.entry(group).or_default();
        if own.opened && !self.statuses[node].is_settled() {
            begun.insert(node);
        } else {
            begun.remove(&node);
        }
    }

    /// Members of a group that are groups themselves, began, and have not ended.
    pub fn begun(&self, group: usize) -> &BTreeSet<usize> {
        static NONE: BTreeSet<usize> = BTreeSet::new();
        self.begun.get(&group).unwrap_or(&NONE)
    }

    fn hold(&mut self, step: &OutlineStep, state: &RunState, node: usize) {
        if step.lock.is_none() || step.members.is_some() {
            return;
        }
        let begun = match self.statuses[node] {
            Status::Running | Status::Verifying | Status::Late | Status::Unknown | Status::Undoing => true,
            // Somebody does it by hand, or is asked between two phases of it.
            Status::Waiting => {
                let held = state.step(&step.address);
                held.wait.is_none() && (step.effect == Effect::Human || held.reached.is_some())
            }
            _ => false,
        };
        if begun {
            self.holders.insert(node);
        } else {
            self.holders.remove(&node);
        }
    }

    /// Whether another step has the lock of `node`. `busy` are nodes that are being worked on.
    pub fn is_locked_out<'a>(&self, outline: &Outline, node: usize, busy: impl Iterator<Item = &'a usize>) -> bool {
        let Some(lock) = &outline.steps[node].lock else { return false };
        let has_it = |other: &usize| *other != node && outline.steps[*other].lock.as_ref() == Some(lock);
        self.holders.iter().any(has_it) || busy.into_iter().any(has_it)
    }

    /// Whether every step outside `finally` has ended or is blocked.
    pub fn is_settled(&self) -> bool {
        self.open == 0
    }

    pub fn is_finally_settled(&self) -> bool {
        self.open_finally == 0
    }

    /// What the needs of `node` say about its start.
    pub fn readiness(&self, outline: &Outline, node: usize) -> Readiness {
        let mut skip = None;
        let mut waits = false;
        if let Some(group) = outline.steps[node].group {
            let address = &outline.steps[group].address;
            match self.gate(outline, group) {
                Verdict::Satisfied => {}
                Verdict::Open => waits = true,
                Verdict::Skip => skip = Some(address.clone()),
                Verdict::Blocked => return Readiness::Blocked(address.clone()),
            }
        }
        if matches!(outline.steps[node].part_of_hold(), Some(Part::Read | Part::Release)) {
            return Readiness::Waits;
        }
        // Who would start asks for its holds: they do not keep it waiting before.
        let lost = |take: &&usize| matches!(self.statuses[**take], Status::Failed | Status::Blocked | Status::Undone);
        if let Some(take) = outline.steps[node].under.iter().find(lost) {
            return Readiness::Blocked(outline.steps[*take].address.clone());
        }
        for need in &outline.steps[node].needs {
            let needed = &outline.steps[need.step];
            if needed.part_of_hold() == Some(Part::Take) && outline.steps[node].under.contains(&need.step) {
                continue;
            }
            let address = &needed.address;
            match verdict(self.statuses[need.step], need.when.as_deref(), needed.allow_failure) {
                Verdict::Satisfied => {}
                Verdict::Open => waits = true,
                Verdict::Skip => skip = Some(address.clone()),
                Verdict::Blocked => return Readiness::Blocked(address.clone()),
            }
        }
        match skip {
            _ if waits => Readiness::Waits,
            Some(address) => Readiness::Skip(address),
            None => Readiness::Ready,
        }
    }
}

impl Frontier {
    /// Whether the members of a group may start.
    fn gate(&self, outline: &Outline, group: usize) -> Verdict {
        match self.groups.get(&group) {
            Some(tally) if tally.opened => match tally.stop() {
                Stop::Blocked if outline.steps[group].stops => Verdict::Blocked,
                Stop::Waits if outline.steps[group].stops => Verdict::Open,
                _ => Verdict::Satisfied,
            },
            _ => match self.statuses[group] {
                Status::Skipped => Verdict::Skip,
                Status::Failed | Status::Blocked | Status::Undone => Verdict::Blocked,
                _ => Verdict::Open,
            },
        }
    }
}

/// Whether it is a repair that its step waits for.
pub fn is_called(outline: &Outline, state: &RunState, node: usize) -> bool {
    let awaited = |of: usize| state.step(&outline.steps[of].address).mending.as_deref();
    outline.steps[node].mends.and_then(awaited) == Some(&outline.steps[node].address)
}

enum Verdict {
    Satisfied,
    Open,
    Skip,
    Blocked,
}

fn verdict(status: Status, when: Option<&[Ended]>, allow_failure: bool) -> Verdict {
    let ended = match status {
        Status::Succeeded => Ended::Succeeded,
        Status::Superseded => Ended::Superseded,
        Status::Skipped => Ended::Skipped,
        Status::Failed => Ended::Failed,
        Status::Blocked => Ended::Blocked,
        Status::Undone => Ended::Undone,
        // Not proven is not ended: a person proves it again, or does it again.
        Status::Unproven
        | Status::Pending
        | Status::Queued
        | Status::Running
        | Status::Verifying
        | Status::Waiting
        | Status::Late
        | Status::Unknown
        | Status::Undoing => return Verdict::Open,
    };
    let well = matches!(ended, Ended::Succeeded | Ended::Skipped | Ended::Superseded);
    let satisfied = match when {
        Some(when) => when.contains(&ended),
        None => well || (allow_failure && ended == Ended::Failed),
    };
    match (satisfied, well) {
        (true, _) => Verdict::Satisfied,
        (false, true) => Verdict::Skip,
        (false, false) => Verdict::Blocked,
    }
}
