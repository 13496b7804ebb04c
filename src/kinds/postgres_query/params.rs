//! What a question is made of.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::provider::postgres::Connection;
use crate::runbook::catalog::{Complaint, Known, Late};

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
    let Known::Known(Value::String(sql)) = with.get(&["sql"]) else { return vec![] };
    let complaint = |message: &str, help: &str| Complaint {
        path: vec!["sql".to_owned()],
        code: "RG2301",
        message: message.to_owned(),
        help: Some(help.to_owned()),
    };
    if sql.trim().trim_end_matches(';').trim().is_empty() {
        return vec![complaint("the statement is empty", "for example `select count(*) from orders`")];
    }
    let Known::Known(Value::Array(values)) = with.get(&["values"]) else { return vec![] };
    let used = highest_placeholder(sql);
    if used > values.len() {
        let message = format!("the statement uses `${used}`, and `values` holds {}", values.len());
        return vec![complaint(&message, "give one value for each of `$1`, `$2`, …")];
    }
    vec![]
}

/// The highest `$N`, a rough reading that the server corrects at run time.
fn highest_placeholder(sql: &str) -> usize {
    let number = |rest: &str| -> String { rest.chars().take_while(char::is_ascii_digit).collect() };
    sql.split('$').skip(1).filter_map(|rest| number(rest).parse().ok()).max().unwrap_or(0)
}
