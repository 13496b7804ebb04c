//! What the language needs to know of a step kind, without knowing any kind.

use std::collections::BTreeMap;

use serde_json::Value;

/// A `with` whose templated parts are not known yet.
pub struct Late<'a> {
    pub value: &'a Value,
}

/// What is known of one place in a [`Late`].
pub enum Known<'a> {
    Known(&'a Value),
    Unknown,
    Absent,
}

impl<'a> Late<'a> {
    pub fn get(&self, path: &[&str]) -> Known<'a> {
        let mut value = self.value;
        for key in path {
            match value.get(key) {
                Some(inner) => value = inner,
                None => return Known::Absent,
            }
        }
        match value {
            Value::String(text) if text.contains("{{") => Known::Unknown,
            known => Known::Known(known),
        }
    }
}

/// What a kind finds wrong in a `with`.
pub struct Complaint {
    pub path: Vec<String>,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

/// The outputs of a step.
pub enum Shape {
    Closed(BTreeMap<String, OutputType>),
    /// Only the run can tell.
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputType {
    Text,
    Integer,
    Number,
    Boolean,
    Timestamp,
    List,
    Map,
    /// A connection to a server.
    Connection,
}
