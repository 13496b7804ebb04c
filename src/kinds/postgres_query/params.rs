//! What a question is made of.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::postgres::{Connection, statements};
use crate::runbook::catalog::{Complaint, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The server.
    pub connection: Connection,
    /// Where the connection names none, or another one than it names.
    #[serde(default)]
    pub database: Option<String>,
    /// One statement that reads.
    pub sql: String,
    /// What `$1`, `$2`, … stand for.
    #[serde(default)]
    pub values: Vec<Value>,
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    statements::check(with, &[]).into_iter().collect()
}
