//! Holds: something that is so while steps go on, and is put back behind them. A maintenance page, a stopped scheduler, an
//! alarm that is silenced.
//!
//! A hold is three ordinary steps of the graph, `NAME/read`, `NAME/take` and `NAME/release`: journal, crash rules, retry and
//! views know nothing else of it.

use serde::{Deserialize, Serialize};

use super::ast::{Runbook, Step};
use super::source::Span;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What people call it.
    pub title: Option<String>,
    pub on_abort: OnAbort,
    /// Its name.
    pub span: Span,
}

/// What becomes of a hold that is taken when a person aborts the run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAbort {
    Release,
    Keep,
    /// Whoever aborts is asked; without a terminal it is kept.
    #[default]
    Ask,
}

/// Which of the three a step is, and of which hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub hold: String,
    pub part: Part,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Looks at what is there before; done once, whatever is taken again later.
    Read,
    Take,
    Release,
}

impl Part {
    pub const ALL: [Self; 3] = [Self::Read, Self::Take, Self::Release];

    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Take => "take",
            Self::Release => "release",
        }
    }
}

/// The id of the step that does a part of a hold. No step can be called so by an author.
pub fn id(hold: &str, part: Part) -> String {
    format!("{hold}/{}", part.word())
}

impl Held {
    /// The id of another step of the same hold.
    pub fn beside(&self, part: Part) -> String {
        id(&self.hold, part)
    }
}

impl Step {
    /// Which part of a hold it is.
    pub fn part_of_hold(&self) -> Option<Part> {
        self.held.as_ref().map(|held| held.part)
    }

    pub fn is_under(&self, hold: &str) -> bool {
        self.under.iter().any(|name| name.text == hold)
    }
}

impl Runbook {
    /// Puts the steps of a hold where they belong for whoever reads from above: around all that lies under it.
    pub(super) fn put_hold(&mut self, name: &str, steps: [Option<Step>; 3]) {
        let [read, take, release] = steps;
        let first = self.steps.iter().position(|step| step.is_under(name)).unwrap_or(self.steps.len());
        let last = self.steps.iter().rposition(|step| step.is_under(name)).map_or(self.steps.len(), |last| last + 1);
        self.steps.splice(last..last, release);
        self.steps.splice(first..first, read.into_iter().chain(take));
    }
}
