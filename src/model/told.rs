//! What somebody outside may be told of, and what they were told: part of the fold of the run.

use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::ids::Seq;
use super::record::{Event, SkipReason};
use super::time::Moment;

/// What `tell` names under `when`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// A person is asked, or has to settle what nobody can tell.
    Waiting,
    /// A step failed, or could not be proven.
    Failed,
    Late,
    /// A hold was not released.
    HoldKept,
    Ended,
}

impl Matter {
    pub const ALL: &'static [(&'static str, Matter)] = &[
        ("waiting", Matter::Waiting),
        ("failed", Matter::Failed),
        ("late", Matter::Late),
        ("hold_kept", Matter::HoldKept),
        ("ended", Matter::Ended),
    ];

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, one)| *one == self).map_or("", |(word, _)| word)
    }

    /// What a record makes news of.
    pub fn of(event: &Event) -> Option<Self> {
        match event {
            Event::StepAsked { .. } | Event::AskEscalated { .. } | Event::StepDoubted { .. } => Some(Matter::Waiting),
            Event::StepFailed { .. } | Event::StepUnproven { .. } | Event::UndoFailed { .. } => Some(Matter::Failed),
            Event::StepLate { .. } => Some(Matter::Late),
            Event::StepSkipped { why: SkipReason::Kept, .. } => Some(Matter::HoldKept),
            Event::RunEnded { .. } => Some(Matter::Ended),
            _ => None,
        }
    }
}

/// What one entry of `tell` has come to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Its place in the runbook, from 0.
    pub entry: usize,
    /// Whom, in words that give no secret away.
    pub to: String,
    /// All that was so by that record was told.
    pub upto: Seq,
    /// When they were told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Moment>,
    /// They cannot be told, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing: Option<Failing>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failing {
    pub since: Moment,
    pub fault: Fault,
}

impl Told {
    pub fn new(entry: usize) -> Self {
        Self { entry, to: String::new(), upto: Seq(0), at: None, failing: None }
    }

    /// Takes note of one try: told up to `upto`, or not.
    pub fn tried(&mut self, to: &str, upto: Seq, fault: Option<&Fault>, moment: &Moment) {
        self.to = to.to_string();
        match fault {
            None => (self.upto, self.at, self.failing) = (upto, Some(moment.clone()), None),
            Some(fault) => self.failing = Some(Failing { since: moment.clone(), fault: fault.clone() }),
        }
    }
}
