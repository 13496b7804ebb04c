//! What people call the steps of a run, kept apart from its state.

use std::collections::HashMap;

use crate::model::Address;
use crate::model::record::StepSucceeded;
use crate::plan::outline::{Outline, OutlineStep};
use crate::runbook::holds::Part;

/// Names and kinds of the steps, for sentences that say more than an address.
#[derive(Clone, Debug, Default)]
pub struct Book {
    steps: HashMap<Address, Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    name: String,
    kind: String,
    allow_failure: bool,
    /// What later steps read of it and cannot do without.
    read: Vec<String>,
    /// The hold that it gives back.
    releases: Option<String>,
}

impl Book {
    pub fn of(outline: &Outline) -> Self {
        let entry = |step: &OutlineStep| {
            let held = step.held.as_ref().filter(|held| held.part == Part::Release);
            let entry = Entry {
                name: step.name.clone(),
                kind: step.kind.clone(),
                allow_failure: step.allow_failure,
                read: step.read.clone(),
                releases: held.map(|held| held.hold.clone()),
            };
            (step.address.clone(), entry)
        };
        Self { steps: outline.steps.iter().map(entry).collect() }
    }

    /// What people call the step; nothing where that is its address.
    pub fn name(&self, step: &Address) -> Option<&str> {
        let name = &self.steps.get(step)?.name;
        (name != step.as_str()).then_some(name)
    }

    /// A failure of it is nobody's business.
    pub fn may_fail(&self, step: &Address) -> bool {
        self.steps.get(step).is_some_and(|entry| entry.allow_failure)
    }

    /// What later steps read of it and is not among what it put out.
    pub fn lacking(&self, done: &StepSucceeded) -> Vec<&str> {
        let read = self.steps.get(&done.step).map_or(&[][..], |entry| &entry.read);
        read.iter().map(String::as_str).filter(|name| !done.outputs.contains_key(*name)).collect()
    }

    /// The hold that the step gives back.
    pub fn releases(&self, step: &Address) -> Option<&str> {
        self.steps.get(step)?.releases.as_deref()
    }

    pub fn kind(&self, step: &Address) -> Option<&str> {
        self.steps.get(step).map(|entry| entry.kind.as_str())
    }
}
