//! The first record of a run: what it is, and how it goes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Person;
use super::ids::{Address, RunId};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    pub run: RunId,
    pub runbook: String,
    pub title: String,
    pub severity: String,
    pub mode: Mode,
    /// Of the resolved plan: runbook, parameters, choices (G13).
    pub digest: String,
    pub params: Map<String, Value>,
    pub objectives: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage_began: Option<Timestamp>,
    pub on_failure: OnFailure,
    pub concurrency: usize,
    pub who: Person,
    /// Left out on request, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Address>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Release that wrote it.
    pub regrow: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Real,
    Drill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    Pause,
    Abort,
}
