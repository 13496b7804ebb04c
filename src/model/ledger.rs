//! The ledger: what a run made and somebody must take away.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ids::Address;

/// A thing that a step is going to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// In words: `postgres server`, `table`.
    pub kind: String,
    pub id: String,
    /// Of no use unless the step succeeds: then `ledger.cleanup` takes it away whatever it is told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scratch: bool,
    /// What `remove` needs to find it and to know it as ours. No secrets.
    pub details: Value,
}

/// A thing that a run made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LedgerEntry {
    pub kind: String,
    pub id: String,
    pub made_by: Address,
    pub temporary: bool,
    /// See [`Made::scratch`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scratch: bool,
    /// An undo left it, so it may hold what nobody else has: only a person takes it away, by its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub put_aside: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_until: Option<Timestamp>,
    /// How long it stays after it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_for_ms: Option<u64>,
    /// The step kind that can take it away, and what that kind needs to do so.
    pub remover: String,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub details: Value,
}

impl LedgerEntry {
    /// In words: `postgres server /var/lib/copy`.
    pub fn what(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }

    /// The same thing once the step that made it was taken back and left it where it is.
    pub fn left_by_undo(&self) -> Self {
        let kept = Self { scratch: false, temporary: false, put_aside: true, ..self.clone() };
        Self { keep_for_ms: None, keep_until: None, ..kept }
    }
}

/// A thing that a clean-up left where it is, and why: it is too young, or a step may still need it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_by: Option<Address>,
}

/// The newest clean-up that a person asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cleanup {
    pub removed: Vec<String>,
    pub kept: Vec<Kept>,
    pub failed: Vec<String>,
    pub ended: bool,
}
