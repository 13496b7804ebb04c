//! How far a piece of work is. The latest value wins; a pulse is never written to the journal.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    pub done: u64,
    /// Absent while nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// `rows`, `bytes`, `files`.
    pub unit: String,
    /// What is being done, in three words: `copying enrolments`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doing: String,
}
