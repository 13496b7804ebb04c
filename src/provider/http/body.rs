//! What is sent along: text, or a value that is sent as JSON.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Headers;
use crate::model::secret::Secret;

/// Any value; it may hold secrets, so it is not shown.
#[derive(Clone)]
pub struct Body(Value);

impl Body {
    pub fn json(value: Value) -> Self {
        Self(value)
    }

    fn is_json(&self) -> bool {
        !self.0.is_string()
    }

    /// Says in the headers that it is JSON, unless they say what it is.
    pub fn name_type(&self, headers: &mut Headers) {
        let is_said = headers.keys().any(|name| name.eq_ignore_ascii_case("content-type"));
        if self.is_json() && !is_said {
            headers.insert("Content-Type".to_owned(), Secret::new("application/json"));
        }
    }

    pub fn text(&self) -> Secret {
        Secret::new(self.0.as_str().map_or_else(|| self.0.to_string(), str::to_owned))
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Value::deserialize(from).map(Body)
    }
}

impl JsonSchema for Body {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Body".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "text, or a mapping or list that is sent as JSON",
            "type": ["string", "object", "array"],
            "x-regrow-secret": true
        })
    }
}
