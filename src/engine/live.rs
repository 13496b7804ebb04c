//! What only this executor knows: gone with it, and never needed to understand a run.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::kind::Prepared;
use crate::model::RunState;
use crate::plan::Plan;

use super::frontier::Frontier;
use super::late;
use super::tell::Messages;

#[derive(Debug)]
pub struct Live {
    /// Nodes with a command under way.
    pub busy: BTreeSet<usize>,
    /// What a person asked to be taken away is being taken away.
    pub cleaning: bool,
    pub prepared: BTreeMap<usize, Prepared<Value>>,
    /// What `find` said of an intent without outcome.
    pub known: BTreeMap<usize, Known>,
    /// How often in a row an intent without outcome was looked for.
    pub looked: BTreeMap<usize, u32>,
    pub frontier: Frontier,
    /// Nodes that may be late.
    pub timed: Vec<usize>,
    pub messages: Messages,
    /// Which boot of the machine this is.
    pub boot: String,
    /// Does what was asked for and leaves: the run itself does not move.
    pub errand: bool,
    /// Nothing new is started any more.
    pub stopping: bool,
    /// There was no room for what a process would leave: nothing more is started.
    pub full: bool,
    /// Whether the journal has room for the records of one more step.
    pub has_room: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Absent,
    Running,
}

impl Live {
    pub fn new(plan: &Plan, state: &RunState, boot: &str) -> Self {
        Self {
            busy: BTreeSet::new(),
            cleaning: false,
            prepared: BTreeMap::new(),
            known: BTreeMap::new(),
            looked: BTreeMap::new(),
            frontier: Frontier::new(&plan.outline, state),
            timed: late::timed(plan),
            messages: Messages::default(),
            boot: boot.to_string(),
            errand: false,
            stopping: false,
            full: false,
            has_room: true,
        }
    }

    /// The graph has grown: `place` says where each node is now.
    pub fn moved(&mut self, plan: &Plan, state: &RunState, place: &[usize]) {
        let there = |node: usize| place[node];
        self.busy = self.busy.iter().copied().map(there).collect();
        self.prepared = std::mem::take(&mut self.prepared).into_iter().map(|(node, it)| (there(node), it)).collect();
        self.known = self.known.iter().map(|(node, it)| (there(*node), *it)).collect();
        self.looked = self.looked.iter().map(|(node, it)| (there(*node), *it)).collect();
        self.frontier = Frontier::new(&plan.outline, state);
        self.timed = late::timed(plan);
    }

    /// Nothing is under way for this executor.
    pub fn is_idle(&self) -> bool {
        self.busy.is_empty() && !self.cleaning
    }

    /// How many steps take one of the places that `--concurrency` gives.
    pub fn working(&self) -> usize {
        self.busy.len()
    }
}
