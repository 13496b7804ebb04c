//! The steps of a run without what is in them: enough to say where it stands. Kept in the run's folder, so that a view needs
//! neither the runbook nor the kinds.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::reads::Reads;
use super::schedule;
use crate::graph::{Graph, Role};
use crate::model::{Address, Effect};
use crate::runbook::ast::{Ended, OnItemFailure, Runbook, TRY};
use crate::runbook::catalog::Shape;
use crate::runbook::drill::Way;
use crate::runbook::holds::{Held, Part, id};

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outline {
    pub steps: Vec<OutlineStep>,
    /// Every step behind all that it needs.
    pub order: Vec<usize>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OutlineStep {
    pub address: Address,
    /// As written for people; the address where nothing is.
    pub name: String,
    pub kind: String,
    pub effect: Effect,
    pub needs: Vec<OutlineNeed>,
    /// The steps that need this one.
    pub dependents: Vec<usize>,
    /// The group it is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<usize>,
    /// The members of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<Range<usize>>,
    /// Its members are items of one step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub list: bool,
    /// A failure of one member keeps the others from starting.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stops: bool,
    /// Never side by side with another step under the same lock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub finally: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_failure: bool,
    /// What it lies in may fail.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub covered: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate_seconds: Option<u64>,
    /// From its start to the end of all that waits for it, by estimate.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub remaining_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Which part of a hold it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The step beside against whose faults it is done, where it is a repair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mends: Option<usize>,
    /// The takes of the holds that it, or what it lies in, is under.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub under: Vec<usize>,
    /// What its author says of drills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drill: Option<Way>,
    /// What is said of a change whose old state cannot be had back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_place: Option<String>,
    /// Outputs that others read and cannot do without: who does it by hand has to say them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<String>,
    /// Those of them that are secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secret: Vec<String>,
}

impl OutlineStep {
    pub fn part_of_hold(&self) -> Option<Part> {
        self.held.as_ref().map(|held| held.part)
    }

    /// Whether one of the steps in it has to succeed. One of a list is a list of those.
    pub fn tries(&self) -> bool {
        self.kind == TRY && !self.list
    }

    /// Whether its failure keeps the run from nothing: it may fail, or what it lies in may.
    pub fn may_fail(&self) -> bool {
        self.allow_failure || self.covered
    }
}

fn under(runbook: &Runbook, graph: &Graph, node: usize) -> Vec<usize> {
    let top = graph.groups(node).last().unwrap_or(node);
    let holds = &graph.step(runbook, top).under;
    holds.iter().filter_map(|name| graph.find(&id(&name.text, Part::Take))).collect()
}

fn is_zero(seconds: &u64) -> bool {
    *seconds == 0
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutlineNeed {
    pub step: usize,
    /// The ends that satisfy; absent: succeeded or skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Vec<Ended>>,
}

impl Outline {
    /// `name` and `estimate` give the rendered texts, `puts_out` what the text of a step tells of its outputs.
    pub fn of(
        runbook: &Runbook,
        graph: &Graph,
        effects: &[Effect],
        name: impl Fn(usize) -> Option<String>,
        estimate: impl Fn(usize) -> Option<u64>,
        puts_out: impl Fn(usize) -> Shape,
    ) -> Self {
        let reads = Reads::of(runbook, graph);
        let steps = graph.nodes.iter().enumerate().map(|(node, at)| {
            let step = graph.step(runbook, node);
            let read = reads.of_step(graph.book(runbook, node), step);
            // Asked only of steps that somebody reads: it costs a walk over all that the step says.
            let shape = if read.is_empty() { Shape::Open } else { puts_out(node) };
            let secret = read.iter().filter(|name| shape.is_secret(name)).cloned().collect();
            let needs = at.needs.iter().map(|(step, when)| OutlineNeed { step: *step, when: when.clone() });
            OutlineStep {
                address: at.address.clone(),
                name: name(node).unwrap_or_else(|| at.address.to_string()),
                kind: step.kind.clone(),
                effect: effects[node],
                needs: needs.collect(),
                dependents: at.dependents.clone(),
                group: at.group.map(|member| member.of),
                members: at.members.clone(),
                list: at.role == Role::List,
                stops: at.role == Role::List
                    && step.foreach.as_ref().is_some_and(|foreach| foreach.on_item_failure == OnItemFailure::Stop),
                finally: at.finally,
                allow_failure: step.allow_failure,
                covered: graph.groups(node).any(|group| graph.step(runbook, group).allow_failure),
                lock: step.lock.clone(),
                estimate_seconds: estimate(node),
                remaining_seconds: 0,
                owner: step.owner.clone(),
                held: step.held.as_deref().cloned(),
                mends: graph.mends(runbook, node),
                under: under(runbook, graph, node),
                drill: step.in_drill().filter(|way| *way != Way::Untaken),
                in_place: step.in_place.as_ref().map(|said| said.words()),
                read,
                secret,
            }
        });
        let mut outline = Self { steps: steps.collect(), order: graph.order().to_vec() };
        outline.rank();
        outline
    }

    /// Works out what comes first among the ready.
    pub fn rank(&mut self) {
        let remaining = schedule::remaining(self);
        self.steps.iter_mut().zip(remaining).for_each(|(step, seconds)| step.remaining_seconds = seconds);
    }

    pub fn len(&self) -> usize {
        self.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}
