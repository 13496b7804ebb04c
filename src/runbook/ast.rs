//! A runbook as typed data: what [`super::read`] makes of the tree and the engine executes.
//!
//! Shapes are judged while reading; whether names, kinds and references exist is judged by [`super::check`].

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use super::drill::{self, Drill};
use super::expect::Expect;
use super::holds::{Held, Hold};
use super::repair::{Mends, Repair};
use super::source::Span;
use super::tell::Tell;
use super::template::Condition;
use super::tree::{Name, Tree};
use super::window::Window;

pub use super::foreach::{Foreach, OnItemFailure, Order};
pub use super::objectives::{Objectives, Rpo};
pub use super::roles::{Approval, Escalation, Minimum, Responder, Somebody};

#[derive(Clone, Debug, PartialEq)]
pub struct Runbook {
    pub name: String,
    pub title: Option<String>,
    pub description: Option<String>,
    pub severity: RunbookSeverity,
    pub objectives: Objectives,
    /// Who has to be there, by role.
    pub responders: IndexMap<String, Responder>,
    /// The file that says who they are, as it is written.
    pub people_file: Option<Name>,
    /// What stands in it.
    pub people: IndexMap<String, Somebody>,
    pub params: IndexMap<String, ParamSpec>,
    pub secrets: IndexMap<String, SecretSpec>,
    /// Who is told of what.
    pub tell: Vec<Tell>,
    /// See [`super::vars::resolve`].
    pub vars: IndexMap<String, Tree>,
    pub holds: IndexMap<String, Hold>,
    /// What has another value in a drill.
    pub drill: drill::Values,
    /// In the order of the file.
    pub steps: Vec<Step>,
    pub finally: Vec<Step>,
    /// What a file that is included, or a block, shows to the outside; a runbook has none.
    pub outputs: IndexMap<String, Tree>,
}

/// A file that steps include: a runbook of `params`, `steps` and `outputs` alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its path as seen from the runbook's folder.
    pub key: String,
    pub book: Runbook,
}

/// `include:` of a step.
#[derive(Clone, Debug, PartialEq)]
pub struct Include {
    /// As it is written, relative to the file it stands in.
    pub path: Name,
    /// Absent where the file cannot be read, which is a problem of its own.
    pub part: Option<Arc<Part>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunbookSeverity {
    Complete,
    Partial,
    RestoreOnly,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ParamSpec {
    pub kind: ParamType,
    /// Without one the parameter is required.
    pub default: Option<Value>,
    /// Required only if this is so, a condition over other parameters; else it may be left out.
    pub required_if: Option<Box<Condition>>,
    /// The allowed values; empty: any.
    pub choices: Vec<Value>,
    /// A regular expression the whole of a text has to match as far as it is anchored.
    pub pattern: Option<String>,
    /// Type of the items of a list or of the values of a map.
    pub items: Option<ParamType>,
    pub example: Option<Value>,
    pub description: Option<String>,
    pub span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamType {
    String,
    Integer,
    Number,
    Boolean,
    Timestamp,
    Duration,
    List,
    Map,
    Url,
}

/// Where a secret is read from, each time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSpec {
    Env { key: String },
    File { path: String },
    Command { command: Vec<String> },
}

/// What few steps have stands in a box: ten thousand are held at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    pub id: String,
    pub name: Option<Box<Tree>>,
    /// The word after `uses:`; `run` for `run: |`; `include` for an include, `block` for a block, `try` for a `try`.
    pub kind: String,
    /// A map; null if it could not be read, which is a problem of its own.
    pub with: Tree,
    /// `None`: nothing is said, so the step starts at once; in `finally`, after the one above.
    pub needs: Option<Vec<Need>>,
    pub condition: Option<Box<Condition>>,
    /// Done once an item.
    pub foreach: Option<Box<Foreach>>,
    /// Done by the steps of another file.
    pub include: Option<Box<Include>>,
    /// Done by the steps that are written in it: a runbook of `steps` and `outputs` alone.
    pub block: Option<Box<Runbook>>,
    pub require: Vec<Requirement>,
    pub retry: Retry,
    /// Covers one attempt.
    pub timeout: Option<Duration>,
    /// From its start to its end, with all attempts, and all of a list or body.
    pub deadline: Option<Duration>,
    /// A time, or an expression that gives one: it does not start before.
    pub not_before: Option<Box<Tree>>,
    /// It starts only in one of these; empty: at any time.
    pub window: Vec<Window>,
    pub approval: Option<Box<Approval>>,
    pub verify: Vec<Proof>,
    /// `succeeds_if: verify`: the call's own failure does not count.
    pub succeeds_if_verified: bool,
    pub undo: Option<Box<Undo>>,
    pub temporary: Option<Temporary>,
    pub allow_failure: bool,
    /// A duration, perhaps a template.
    pub estimate: Option<Box<Tree>>,
    pub owner: Option<String>,
    /// Never side by side with another step under the same lock.
    pub lock: Option<String>,
    pub instructions: Option<Box<Tree>>,
    pub creates: Vec<Creates>,
    pub in_place: Option<Box<InPlaceSaid>>,
    /// The holds that are taken before it starts.
    pub under: Vec<Name>,
    /// Which part of a hold it is.
    pub held: Option<Box<Held>>,
    /// What is done against its faults.
    pub repairs: Vec<Repair>,
    /// The step beside whose fault it is done against: it is one of its repairs.
    pub mends: Option<Box<Mends>>,
    /// What it says of drills.
    pub drill: Option<Box<Drill>>,
    /// The id.
    pub span: Span,
    /// The word that names the kind.
    pub kind_span: Span,
    /// The key `needs`, if it is there, else the id.
    pub needs_span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    pub step: String,
    /// The ends that satisfy; `None`: succeeded or skipped.
    pub when: Option<Vec<Ended>>,
    pub span: Span,
}

/// The kind of a step whose steps are ways to the same thing.
pub const TRY: &str = "try";

/// How a step that is needed can have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Succeeded,
    Skipped,
    Failed,
    Blocked,
    Undone,
    /// A way of a `try` that did not succeed and gave way to the next.
    Superseded,
}

impl Ended {
    /// Of a need that is only an order.
    pub const ANY: &[Self] = &[Self::Succeeded, Self::Skipped, Self::Failed, Self::Blocked, Self::Undone];
}

#[derive(Clone, Debug, PartialEq)]
pub struct Requirement {
    pub that: Condition,
    /// Advice for the person who reads the failure.
    pub otherwise: Tree,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// All attempts together; 1: no retry.
    pub attempts: u32,
    pub delay: Duration,
    pub backoff: Backoff,
    pub when: Cow<'static, [RetryOn]>,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 1,
            delay: Duration::from_secs(5),
            backoff: Backoff::Factor(2.0),
            when: Cow::Borrowed(&[RetryOn::Transient]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Backoff {
    Constant,
    /// One more `delay` each time.
    Linear,
    /// `delay` times this, each time again. `exponential` is 2.
    Factor(f64),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RetryOn {
    Transient,
    Failed,
    Timeout,
    /// A fault's code.
    Code(String),
}

/// One proof that what the step did is so.
#[derive(Clone, Debug, PartialEq)]
pub struct Proof {
    pub probe: String,
    pub with: Tree,
    pub expect: Expect,
    /// Waits this long for it.
    pub within: Option<Duration>,
    /// Wants it held this long.
    pub stable_for: Option<Duration>,
    /// The word that names the probe.
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Undo {
    /// One that the kind offers.
    Named(Name),
    /// An argv, for `run`: a list of texts that may be templates.
    Command(Tree),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Temporary {
    pub keep_for: Option<Duration>,
}

/// What the author says of a change whose old state cannot be had back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InPlaceSaid {
    pub because: String,
    /// Where what is replaced can be had all the same.
    pub safety_copy: String,
    /// The key `in_place`.
    pub span: Span,
}

impl InPlaceSaid {
    pub fn words(&self) -> String {
        format!("because: {}; safety copy: {}", self.because, self.safety_copy)
    }
}

/// Something that a `run` makes and the ledger keeps.
#[derive(Clone, Debug, PartialEq)]
pub struct Creates {
    pub kind: Tree,
    pub id: Tree,
    /// An argv; a list of texts.
    pub remove: Tree,
}

impl Step {
    /// The roles that are asked before it goes on, as far as they are written without a template.
    pub fn roles_asked(&self) -> impl Iterator<Item = &str> {
        let approval = self.approval.iter().flat_map(|it| it.from.iter().chain(it.asked_later()));
        let manual = self.kind == "manual.approval";
        let with = [&["from"][..], &["escalate_after", "to"]]
            .into_iter()
            .filter_map(move |path| manual.then(|| self.with.at(path).map(Tree::items)).flatten());
        approval.map(|role| role.text.as_str()).chain(with.flatten().filter_map(Tree::as_text))
    }
}

impl ParamType {
    pub const ALL: &'static [(&'static str, ParamType)] = &[
        ("string", ParamType::String),
        ("integer", ParamType::Integer),
        ("number", ParamType::Number),
        ("boolean", ParamType::Boolean),
        ("timestamp", ParamType::Timestamp),
        ("duration", ParamType::Duration),
        ("list", ParamType::List),
        ("map", ParamType::Map),
        ("url", ParamType::Url),
    ];

    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, kind)| *kind == self).map_or("string", |(word, _)| word)
    }
}

impl Backoff {
    /// How long to wait after the given attempt (from 1) failed.
    pub fn wait(self, delay: Duration, attempt: u32) -> Duration {
        const LONGEST: Duration = Duration::from_secs(86_400);
        let times = match self {
            Backoff::Constant => 1.0,
            Backoff::Linear => f64::from(attempt),
            Backoff::Factor(factor) => factor.powi(i32::try_from(attempt.saturating_sub(1)).unwrap_or(i32::MAX)),
        };
        Duration::try_from_secs_f64(delay.as_secs_f64() * times).unwrap_or(LONGEST).min(LONGEST)
    }
}

impl Runbook {
    /// What is less than a runbook: steps, and what they show.
    pub fn of_steps(steps: Vec<Step>, outputs: IndexMap<String, Tree>) -> Self {
        Self {
            name: String::new(),
            title: None,
            description: None,
            severity: RunbookSeverity::Complete,
            objectives: Objectives::default(),
            responders: IndexMap::new(),
            people_file: None,
            people: IndexMap::new(),
            params: IndexMap::new(),
            secrets: IndexMap::new(),
            tell: Vec::new(),
            vars: IndexMap::new(),
            holds: IndexMap::new(),
            drill: drill::Values::default(),
            steps,
            finally: Vec::new(),
            outputs,
        }
    }

    /// Every step with whether it stands in `finally`.
    pub fn all_steps(&self) -> impl Iterator<Item = (bool, &Step)> {
        self.steps.iter().map(|step| (false, step)).chain(self.finally.iter().map(|step| (true, step)))
    }

    /// Every step, with those of blocks and of the files that are included.
    pub fn steps_inside(&self) -> Vec<&Step> {
        let own = self.all_steps().map(|(_, step)| step);
        own.flat_map(|step| std::iter::once(step).chain(step.inside().into_iter().flat_map(Self::steps_inside)))
            .collect()
    }

    /// Who has one of the roles; everybody of the people file where none is named.
    pub fn holders<'a>(&'a self, roles: &'a [String]) -> impl Iterator<Item = (&'a String, &'a Somebody)> {
        self.people.iter().filter(move |(_, somebody)| somebody.has_any(roles))
    }

    pub fn step(&self, id: &str) -> Option<&Step> {
        self.all_steps().map(|(_, step)| step).find(|step| step.id == id)
    }
}

impl Step {
    /// The file whose steps do it.
    pub fn part(&self) -> Option<&Arc<Part>> {
        self.include.as_ref()?.part.as_ref()
    }

    /// The steps that do it, written in it or in the file that it includes.
    pub fn inside(&self) -> Option<&Runbook> {
        self.block.as_deref().or_else(|| self.part().map(|part| &part.book))
    }

    /// Whether the steps in it are ways to the same thing: one has to succeed.
    pub fn tries(&self) -> bool {
        self.block.is_some() && self.kind == TRY
    }

    /// Whether others do it, once for all or once an item.
    pub fn is_body(&self) -> bool {
        self.block.is_some() || self.include.is_some()
    }
}

/// A number that is whole and not negative, however it is written.
pub(crate) fn whole(number: &Number) -> Option<u64> {
    number.as_u64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0 && *f >= 0.0 && *f < 9e15).map(|f| f as u64))
}
