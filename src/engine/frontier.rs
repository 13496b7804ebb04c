//! Which steps can move, kept up to date as records come in.
//!
//! Two statuses are never in the journal: a step is *blocked* for as long as a need has ended badly, and a retry of that need
//! lifts it again. [`Frontier`] works them out along the needs, so that deciding costs what has changed and not the whole
//! graph.

use std::collections::BTreeSet;

use crate::model::{Address, RunState, Status};
use crate::plan::outline::Outline;
use crate::runbook::ast::Ended;

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
    /// Nodes that something may be done about.
    movable: BTreeSet<usize>,
    /// Nodes that have neither ended nor are blocked.
    open: usize,
    open_finally: usize,
}

impl Frontier {
    pub fn new(outline: &Outline, state: &RunState) -> Self {
        let statuses = vec![Status::Pending; outline.len()];
        let finally = (0..outline.len()).filter(|node| outline.steps[*node].finally).count();
        let mut frontier =
            Self { statuses, movable: BTreeSet::new(), open: outline.len() - finally, open_finally: finally };
        for &node in &outline.order {
            frontier.touch(outline, state, node);
        }
        frontier
    }

    /// Takes note that records of `node` came in.
    pub fn touch(&mut self, outline: &Outline, state: &RunState, node: usize) {
        let mut queue = vec![node];
        while let Some(node) = queue.pop() {
            let before = self.statuses[node];
            let recorded = state.status(&outline.steps[node].address);
            let readiness = if recorded == Status::Pending { self.readiness(outline, node) } else { Readiness::Ready };
            let now = if matches!(readiness, Readiness::Blocked(_)) { Status::Blocked } else { recorded };
            self.statuses[node] = now;
            self.count(outline, node, before, now);
            if now.is_settled() || readiness == Readiness::Waits {
                self.movable.remove(&node);
            } else {
                self.movable.insert(node);
            }
            if now != before {
                queue.extend(&outline.steps[node].dependents);
            }
        }
    }

    fn count(&mut self, outline: &Outline, node: usize, before: Status, now: Status) {
        let open = if outline.steps[node].finally { &mut self.open_finally } else { &mut self.open };
        match (before.is_settled(), now.is_settled()) {
            (false, true) => *open -= 1,
            (true, false) => *open += 1,
            _ => {}
        }
    }

    pub fn movable(&self) -> Vec<usize> {
        self.movable.iter().copied().collect()
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
        for need in &outline.steps[node].needs {
            let needed = &outline.steps[need.step];
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

enum Verdict {
    Satisfied,
    Open,
    Skip,
    Blocked,
}

fn verdict(status: Status, when: Option<&[Ended]>, allow_failure: bool) -> Verdict {
    let ended = match status {
        Status::Succeeded | Status::Superseded => Ended::Succeeded,
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
    let well = matches!(ended, Ended::Succeeded | Ended::Skipped);
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
