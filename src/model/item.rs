//! One item of a step with `foreach`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What tells it apart: it stands behind the colon of an address.
    pub key: String,
    pub item: Value,
}
