//! Every mapping of the language: its keys, what may stand behind them, what they are for. The reader takes the keys from
//! here, and the JSON schema for editors is made of it.

mod drill;
mod holds;
mod of_step;
mod repair;
mod tables;
mod times;

pub use drill::{DRILL, DRILL_OF_STEP};
pub use holds::{HOLD, HOLD_STEP};
pub use repair::{REPAIR, REPAIR_STEP};
pub use tables::{
    APPROVAL, CREATES, DEFAULTS, ESCALATION, IN_PLACE, ITEMS, NEED, NOT_ON_WAY, OBJECTIVES, ON_BLOCK, ON_INCLUDE,
    ON_TRY, PARAM, PART, PERSON, PROOF, REQUIREMENT, RESPONDER, RETRY, SECRET, SECRET_LATER, STEP, TEMPORARY, TOP,
};
pub use times::{TELL, WINDOW};

use super::ast::{Backoff, Ended, Minimum, OnItemFailure, Order, RunbookSeverity};
use super::drill::Way;
use super::holds::OnAbort;

/// What may stand in a mapping.
pub struct Keys {
    /// In words, for messages: `a step`.
    pub of: &'static str,
    pub known: &'static [Key],
    /// Keys of the language that this version does not have.
    pub later: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub struct Key {
    pub name: &'static str,
    pub required: bool,
    pub form: Form,
    /// What an editor shows beside it.
    pub about: &'static str,
}

/// The form of a value, as far as it can be told without the rest of the runbook.
#[derive(Clone, Copy)]
pub enum Form {
    Version,
    /// One line of text.
    Title,
    Text,
    TemplatedText,
    /// One expression.
    Template,
    Id,
    /// An id, or the `release` of a hold.
    Needed,
    Boolean,
    /// A whole number from 1.
    Count,
    Factor,
    Duration,
    DurationOrZero,
    /// A duration or a template that gives one.
    Estimate,
    /// A timestamp or a template that gives one.
    Moment,
    /// The time of a clock; `24:00` is the end of a day.
    Clock,
    /// One boolean expression.
    Condition,
    RetryOn,
    Words(fn() -> Vec<&'static str>),
    /// A program and its arguments.
    Argv,
    TemplatedArgv,
    /// Text for a shell, with no template in it; `\\{{` is text.
    Script,
    Any,
    /// Anything without templates.
    Plain,
    /// A mapping that the kind knows more of.
    With,
    Kind,
    Probe,
    ProbeWith,
    Expect,
    Fields(&'static Keys),
    /// The path of a file with these keys.
    File(&'static Keys),
    Step,
    /// A step body of a hold.
    HoldStep,
    /// A step body of a repair.
    RepairStep,
    Proof,
    Param,
    Secret,
    /// A mapping from names.
    Named(&'static Form),
    /// A mapping from any text.
    Map(&'static Form),
    List(&'static Form),
    /// A list with something in it.
    Filled(&'static Form),
    /// A list, or one alone.
    OneOrList(&'static Form),
    Either(&'static [Form]),
}

impl Keys {
    pub fn knows(&self, name: &str) -> bool {
        self.names().any(|known| known == name)
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.known.iter().map(|key| key.name)
    }
}

pub const ORDERS: &[(&str, Order)] = &[("serial", Order::Serial), ("parallel", Order::Parallel)];

pub const ON_ITEM_FAILURE: &[(&str, OnItemFailure)] =
    &[("stop", OnItemFailure::Stop), ("isolate", OnItemFailure::Isolate)];

pub const ON_ABORT: &[(&str, OnAbort)] =
    &[("release", OnAbort::Release), ("keep", OnAbort::Keep), ("ask", OnAbort::Ask)];

pub const WAYS: &[(&str, Way)] = &[("real", Way::Real), ("plan", Way::Plan), ("stub", Way::Stub), ("skip", Way::Skip)];

pub const SEVERITIES: &[(&str, RunbookSeverity)] = &[
    ("complete", RunbookSeverity::Complete),
    ("partial", RunbookSeverity::Partial),
    ("restore-only", RunbookSeverity::RestoreOnly),
];

pub const ENDS: &[(&str, Ended)] = &[
    ("succeeded", Ended::Succeeded),
    ("skipped", Ended::Skipped),
    ("failed", Ended::Failed),
    ("blocked", Ended::Blocked),
    ("undone", Ended::Undone),
];

pub const BACKOFFS: &[(&str, Backoff)] = &[
    ("constant", Backoff::Constant),
    ("none", Backoff::Constant),
    ("linear", Backoff::Linear),
    ("exponential", Backoff::Factor(2.0)),
];

/// What `retry.when` takes beside the codes of faults.
pub const RETRY_ON: &[&str] = &["transient", "failed", "timeout"];

pub const MINIMUMS: &[(&str, Minimum)] = &[("all", Minimum::All)];

pub const SUCCEEDS_IF: &[(&str, bool)] = &[("verify", true)];

/// Where a secret is read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSource {
    Env,
    File,
    Command,
    /// Not in this version.
    Kubernetes,
}

impl SecretSource {
    /// The field that says where exactly; none in this version.
    pub fn field(self) -> Option<&'static str> {
        match self {
            SecretSource::Env => Some("key"),
            SecretSource::File => Some("path"),
            SecretSource::Command => Some("command"),
            SecretSource::Kubernetes => None,
        }
    }
}

pub const SECRET_SOURCES: &[(&str, SecretSource)] = &[
    ("env", SecretSource::Env),
    ("file", SecretSource::File),
    ("command", SecretSource::Command),
    ("kubernetes", SecretSource::Kubernetes),
];
