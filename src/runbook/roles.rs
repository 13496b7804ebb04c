//! Who is wanted and who is asked: the part of a runbook that is about people.

use std::time::Duration;

use serde_json::Value;

use super::source::Span;
use super::tree::Name;

/// How many distinct people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Minimum {
    Count(u32),
    All,
}

/// A role that has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Responder {
    pub minimum: Minimum,
    /// The name of the role.
    pub span: Span,
    /// What says how many, or the role.
    pub minimum_span: Span,
}

/// One of the people file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Somebody {
    pub roles: Vec<String>,
    /// How to reach them: a number, a channel.
    pub reach: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Roles; empty: anybody.
    pub from: Vec<Name>,
    pub minimum: Minimum,
    /// What says how many, or the key `approval`.
    pub minimum_span: Span,
    /// Whether who started the run may approve.
    pub by_starter: bool,
    pub escalation: Option<Escalation>,
}

/// What becomes of a question that is not answered in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub after: Duration,
    /// Roles that may answer from then on, too. Empty: it is only said louder.
    pub to: Vec<Name>,
}

impl Approval {
    /// Roles that are asked only if nobody answers in time.
    pub fn asked_later(&self) -> &[Name] {
        self.escalation.as_ref().map(|it| it.to.as_slice()).unwrap_or_default()
    }
}

impl Somebody {
    /// Whether one of the roles is theirs; where none is named, anybody will do.
    pub fn has_any(&self, roles: &[String]) -> bool {
        roles.is_empty() || self.roles.iter().any(|own| roles.contains(own))
    }
}

impl Minimum {
    /// As `manual.approval` has it: a number or `all`; one unless said.
    pub fn said(value: &Value) -> Self {
        match value {
            Value::String(_) => Minimum::All,
            count => Minimum::Count(count.as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(1)),
        }
    }

    /// How many that is where so many could be asked.
    pub fn of(self, people: usize) -> u32 {
        match self {
            Minimum::Count(count) => count.max(1),
            Minimum::All => u32::try_from(people).unwrap_or(u32::MAX).max(1),
        }
    }
}
