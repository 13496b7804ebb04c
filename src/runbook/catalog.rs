//! What the language needs to know of a step kind, without knowing any kind.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::model::{Fault, sealed};

/// The kinds there are.
pub trait Catalog: Sync {
    fn kind(&self, name: &str) -> Option<&dyn KindFace>;

    fn names(&self) -> Vec<&'static str>;
}

/// One kind as the language sees it.
pub trait KindFace {
    fn name(&self) -> &'static str;

    /// May stand under `verify`.
    fn is_probe(&self) -> bool;

    /// May stand as a step.
    fn is_step(&self) -> bool;

    /// Whether it changes the world; such a step has to say what it needs.
    fn changes(&self, with: &Late<'_>) -> bool;

    /// JSON schema of `with`; places that take a secret carry [`crate::model::secret::TAKES_SECRET`].
    fn schema(&self) -> &Value;

    /// What the schema cannot say. Called only for a `with` that fits it.
    fn check(&self, with: &Late<'_>) -> Vec<Complaint>;

    fn outputs(&self, with: &Late<'_>) -> Shape;

    /// Whether what it replaces cannot be had back.
    fn in_place(&self, with: &Late<'_>) -> InPlace;

    /// The names that `undo` takes.
    fn undos(&self) -> &'static [&'static str];
}

/// A `with` as it is written, in which everything templated is not known yet.
#[derive(Clone, Copy, Debug)]
pub struct Late<'a> {
    pub value: &'a Value,
}

/// What is known of one place in a [`Late`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Known<'a> {
    Known(&'a Value),
    Unknown,
    Absent,
}

impl<'a> Late<'a> {
    /// Looks at a path; list items are named by their index. What lies inside of something templated is unknown.
    pub fn get(&self, path: &[&str]) -> Known<'a> {
        let mut value = self.value;
        for key in path {
            let inner = match value {
                Value::Object(map) => map.get(*key),
                Value::Array(list) => key.parse::<usize>().ok().and_then(|index| list.get(index)),
                Value::String(text) if is_templated(text) => return Known::Unknown,
                _ => None,
            };
            match inner {
                Some(inner) => value = inner,
                None => return Known::Absent,
            }
        }
        match value {
            Value::String(text) if is_templated(text) => Known::Unknown,
            Value::Null => Known::Absent,
            known => Known::Known(known),
        }
    }

    /// The text at a path, if it is there, known and text.
    pub fn text(&self, path: &[&str]) -> Option<&'a str> {
        match self.get(path) {
            Known::Known(value) => value.as_str(),
            Known::Unknown | Known::Absent => None,
        }
    }

    pub fn has(&self, path: &[&str]) -> bool {
        self.get(path) != Known::Absent
    }
}

fn is_templated(text: &str) -> bool {
    text.contains("{{")
}

/// What a kind finds wrong in a `with`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complaint {
    /// Where in `with`; empty: the kind as a whole. List items are named by their index.
    pub path: Vec<String>,
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

impl Complaint {
    /// What would go wrong in the run, said of the field that it comes from.
    pub fn of(path: &[&str], code: &'static str, fault: Fault) -> Self {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        Self { path, code, message: fault.message, help: fault.hint }
    }
}

/// Whether what a step replaces can be had back from what it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InPlace {
    /// It replaces nothing, or keeps what it replaces.
    No,
    /// What is lost, as a sentence.
    Yes(&'static str),
    /// Only the author knows, or only the run.
    CannotTell,
}

/// The outputs of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    Closed(BTreeMap<String, OutputType>),
    /// Only the run can tell.
    Open,
}

impl Shape {
    /// These outputs and no others.
    pub fn of<const N: usize>(outputs: [(&str, OutputType); N]) -> Self {
        Shape::Closed(outputs.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect())
    }

    /// Whether that output is known to be secret.
    pub fn is_secret(&self, name: &str) -> bool {
        matches!(self, Shape::Closed(outputs) if outputs.get(name) == Some(&OutputType::Secret))
    }

    /// Whether any output is known to be secret.
    pub fn has_secrets(&self) -> bool {
        matches!(self, Shape::Closed(outputs) if outputs.values().any(|output| *output == OutputType::Secret))
    }

    /// What both put out.
    pub fn common(self, other: Self) -> Self {
        match (self, other) {
            (Shape::Closed(one), Shape::Closed(other)) => {
                let common = |(name, kind): (String, OutputType)| Some((kind.common(*other.get(&name)?)?, name));
                Shape::Closed(one.into_iter().filter_map(common).map(|(kind, name)| (name, kind)).collect())
            }
            _ => Shape::Open,
        }
    }
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
    /// Of any type, and never shown.
    Secret,
}

impl OutputType {
    /// What is true of both. What a block puts out may be of any type, and is no secret.
    fn common(self, other: Self) -> Option<Self> {
        let any = |one: Self, other: Self| one == OutputType::Connection && other != OutputType::Secret;
        match self == other {
            true => Some(self),
            false => (any(self, other) || any(other, self)).then_some(OutputType::Connection),
        }
    }

    /// Whether a value that somebody gives can stand for such an output.
    pub fn takes(self, value: &Value) -> bool {
        match self {
            OutputType::Text | OutputType::Timestamp => value.is_string(),
            OutputType::Integer => value.is_i64() || value.is_u64(),
            OutputType::Number => value.is_number(),
            OutputType::Boolean => value.is_boolean(),
            OutputType::List => value.is_array(),
            OutputType::Map => value.is_object(),
            OutputType::Connection => value.is_string() || value.is_object(),
            OutputType::Secret => sealed::read(value).is_some(),
        }
    }

    pub fn what(self) -> &'static str {
        match self {
            OutputType::Text => "text",
            OutputType::Timestamp => "a timestamp",
            OutputType::Integer => "an integer",
            OutputType::Number => "a number",
            OutputType::Boolean => "true or false",
            OutputType::List => "a list",
            OutputType::Map => "a map",
            OutputType::Connection => "a connection: a URL, or `{url: …}`",
            OutputType::Secret => "given on stdin, since it is secret: --secret-output NAME",
        }
    }
}

/// A catalog without kinds, for texts that have no steps.
#[cfg(test)]
pub(crate) struct NoKinds;

#[cfg(test)]
impl Catalog for NoKinds {
    fn kind(&self, _: &str) -> Option<&dyn KindFace> {
        None
    }

    fn names(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
