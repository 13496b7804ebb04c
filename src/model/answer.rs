//! What a person says to a run.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::Address;

/// Who said it: a statement, not authentication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    pub uid: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
}

/// One answer, from a terminal or as a file in the inbox.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Unique, so that an answer that is delivered twice counts once.
    pub id: String,
    pub at: Timestamp,
    pub who: Person,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    pub verb: Verb,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "snake_case")]
pub enum Verb {
    Approve {
        step: Address,
        code: String,
    },
    Reject {
        step: Address,
    },
    Done {
        step: Address,
        outputs: Map<String, Value>,
        unverified: bool,
    },
    Skip {
        step: Address,
    },
    /// Without a step: every failed one.
    Retry {
        step: Option<Address>,
    },
    Rerun {
        step: Address,
    },
    /// Lets a step start before its time.
    Start {
        step: Address,
    },
    /// More time for work that is not ended when its time is up, counted from now.
    Extend {
        step: Address,
        by_ms: u64,
    },
    Pause,
    /// Lifts a pause.
    Resume,
    Abort {
        /// Holds that are given back, of those that are not by themselves.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        release: Vec<String>,
    },
    /// Gives a hold back that was kept, or that could not be given back.
    Release {
        hold: String,
    },
    /// Without a step: the whole run.
    Undo {
        step: Option<Address>,
    },
    Cleanup,
    Note {
        text: String,
    },
}

/// The code of an answer that does not fit how the step or the run stands.
const UNFITTING: &str = "RG5016";

/// Why an answer does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub reason: String,
    pub code: Option<String>,
    /// What to do instead.
    pub hint: Option<String>,
}

impl Refusal {
    pub fn new(code: &str, reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), code: Some(code.into()), hint: None }
    }

    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::new(UNFITTING, reason)
    }
}

/// The option of `done` by which a person gives an output; what is secret is given on stdin.
pub fn option(name: &str, secret: bool) -> String {
    if secret { format!(" --secret-output {name}") } else { format!(" --output {name}=VALUE") }
}

impl Verb {
    /// The word as it is typed.
    pub fn word(&self) -> &'static str {
        match self {
            Verb::Approve { .. } => "approve",
            Verb::Reject { .. } => "reject",
            Verb::Done { .. } => "done",
            Verb::Skip { .. } => "skip",
            Verb::Retry { .. } => "retry",
            Verb::Rerun { .. } => "rerun",
            Verb::Start { .. } => "start",
            Verb::Extend { .. } => "extend",
            Verb::Pause => "pause",
            Verb::Resume => "resume",
            Verb::Abort { .. } => "abort",
            Verb::Release { .. } => "release",
            Verb::Undo { .. } => "undo",
            Verb::Cleanup => "cleanup",
            Verb::Note { .. } => "note",
        }
    }

    pub fn step(&self) -> Option<&Address> {
        match self {
            Verb::Approve { step, .. }
            | Verb::Reject { step }
            | Verb::Done { step, .. }
            | Verb::Skip { step }
            | Verb::Rerun { step }
            | Verb::Start { step }
            | Verb::Extend { step, .. } => Some(step),
            Verb::Retry { step } | Verb::Undo { step } => step.as_ref(),
            Verb::Pause
            | Verb::Resume
            | Verb::Abort { .. }
            | Verb::Release { .. }
            | Verb::Cleanup
            | Verb::Note { .. } => None,
        }
    }
}
