//! What a proof found.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One proof under `verify`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub probe: String,
    pub passed: bool,
    /// What was expected and what was seen, or why it was not asked.
    pub text: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub left_out: bool,
    /// What has to be the same over all items of the step, by name.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub compared: Map<String, Value>,
}

impl Check {
    pub fn has_failed(&self) -> bool {
        !self.passed && !self.left_out
    }
}
