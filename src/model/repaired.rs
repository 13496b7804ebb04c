//! What was done against the faults of a step: part of the fold of that step, [`super::step::StepState`].

use serde::{Deserialize, Serialize};

use super::ids::Address;
use super::record::Event;
use super::step::StepState;

/// A repair, and how often it was begun.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repaired {
    pub by: Address,
    pub times: u32,
}

impl Repaired {
    /// How often: `once`, `3 times`.
    pub fn often(&self) -> String {
        match self.times {
            1 => "once".into(),
            times => format!("{times} times"),
        }
    }
}

impl Event {
    /// The step that is open again with it, beside the one it is about: the repair that it begins.
    pub fn opens(&self) -> Option<&Address> {
        match self {
            Event::RepairBegan { by, .. } => Some(by),
            _ => None,
        }
    }
}

impl StepState {
    /// How often that repair was begun for it, if ever.
    pub fn repaired(&self, by: &Address) -> Option<&Repaired> {
        self.repairs.iter().find(|repaired| repaired.by == *by)
    }

    pub(super) fn mended_by(&mut self, by: &Address) {
        match self.repairs.iter_mut().find(|repaired| repaired.by == *by) {
            Some(repaired) => repaired.times += 1,
            None => self.repairs.push(Repaired { by: by.clone(), times: 1 }),
        }
        self.mending = Some(Box::new(by.clone()));
    }

    /// Whether an attempt failed with it that had not even an intent.
    pub(super) fn counts(&self, event: &Event) -> bool {
        match event {
            Event::RetryScheduled { .. } | Event::RepairBegan { .. } => true,
            // Where its repair did not succeed nothing was attempted.
            Event::StepFailed { .. } => self.mending.is_none(),
            _ => false,
        }
    }
}
