//! What becomes of a plan that was changed after its run began: an edited runbook that was accepted, the time of the outage
//! that was said later.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Person;
use super::ids::Address;

/// Replaces what [`super::record::RunStarted`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amendment {
    pub who: Person,
    /// Of the whole plan, see [`super::record::RunStarted::digest`].
    pub digest: String,
    pub runbook: String,
    pub title: String,
    pub severity: String,
    pub objectives: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage_began: Option<Timestamp>,
    pub params: Map<String, Value>,
    /// Steps that differ or are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<Address>,
}
