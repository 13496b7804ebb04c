//! Why a step was not done.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::Address;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `if` is false.
    Condition,
    /// A need ended outside `when`.
    Need(Address),
    Person,
    /// A hold that stays when a person aborts.
    Kept,
    /// Of a hold that nothing under it needs, or that was not taken.
    NotNeeded,
    /// Of a repair: its step did not come to need it.
    NoFault,
    /// A drill does not do it.
    Drill(NotDone),
}

/// Why a drill does not do a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotDone {
    /// Its kind only looked at what it would change.
    Planned(Box<Planned>),
    /// The runbook says so.
    Said,
    /// Its kind is left out of drills, for that reason.
    Kind(String),
    /// It is of a hold, and holds are not taken.
    Hold,
    /// It reads what this step would have put out, which was not done either.
    Lacks(Address),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    /// What would change, one fact a line.
    pub changes: Vec<String>,
    /// What it would put out, as far as that is known without doing it.
    pub outputs: Map<String, Value>,
}

impl SkipReason {
    /// What a step that a drill only planned would change.
    pub fn planned(&self) -> Option<&Planned> {
        match self {
            SkipReason::Drill(NotDone::Planned(planned)) => Some(planned),
            _ => None,
        }
    }
}
