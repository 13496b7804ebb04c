//! What a person is asked, and who may answer.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a person is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub what: AskKind,
    /// Typed with `approve`: stands for the digest of what is shown.
    pub code: String,
    /// One fact a line.
    pub shown: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Those who may answer, where a people file says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Contact>,
    pub minimum: u32,
    pub by_starter: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation: Option<Escalation>,
    /// Fields a `manual.task` wants filled in.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub form: Value,
    /// Before which phase.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phase: String,
}

/// Who may answer besides, if nobody else did in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Escalation {
    pub after_ms: u64,
    /// Roles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Contact>,
}

/// Somebody, and how to reach them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<String>,
}

/// `ana, +49 170 1`.
impl fmt::Display for Contact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.reach.iter().try_for_each(|reach| write!(f, ", {reach}"))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AskKind {
    Approval,
    Task,
    Acknowledge,
}
