//! Why something did not work, in a form that can be written down, shown and acted upon.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Whether trying again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryClass {
    /// At once: a connection was cut, a lock was not had.
    Now,
    /// After a while: throttled, a server still starting.
    Later,
    /// Not before somebody changed something.
    Never,
    /// Only as another operation, by `rerun`: this one has come to its end, and another attempt of it finds the same end.
    Anew,
    /// It cannot be told whether the effect happened. Never tried again by itself.
    Unknown,
}

impl RetryClass {
    pub fn is_transient(self) -> bool {
        matches!(self, RetryClass::Now | RetryClass::Later)
    }
}

/// A failure of a step or a provider: what happened, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Stable name, as in `retry.when` and `explain`: `RG2104`.
    pub code: String,
    /// One sentence, present tense, without a final dot.
    pub message: String,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    pub retry: RetryClass,
    /// What lies underneath, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl Fault {
    /// A fault that will not go away by itself.
    pub fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, retry: RetryClass::Never, causes: vec![] }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn retry(mut self, class: RetryClass) -> Self {
        self.retry = class;
        self
    }

    /// Adds `error` and everything beneath it to the causes.
    pub fn caused_by(mut self, error: &(dyn std::error::Error + '_)) -> Self {
        add_causes(&mut self.causes, error);
        self
    }
}

/// Adds `error` and everything beneath it; what only repeats the line above is left out.
pub fn add_causes(causes: &mut Vec<String>, error: &(dyn std::error::Error + '_)) {
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if causes.last() != Some(&text) {
            causes.push(text);
        }
        next = error.source();
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.message)
    }
}

impl std::error::Error for Fault {}
