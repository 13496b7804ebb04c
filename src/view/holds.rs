//! The holds of a run: which are taken, since when, and what to type where one could not be given back.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{RunView, StepView, words};
use crate::engine::holds::may_be_taken;
use crate::model::record::SkipReason;
use crate::model::{RunState, Status};
use crate::plan::outline::Outline;
use crate::runbook::holds::{Part, id};

/// Where a hold stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing under it has started.
    Free,
    Taking,
    Taken,
    Releasing,
    Released,
    /// It stays on purpose.
    Kept,
    /// It is not back, and should be.
    Stuck,
}

impl Standing {
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "not taken",
            Self::Taking => "being taken",
            Self::Taken => "taken",
            Self::Releasing => "being released",
            Self::Released => "released",
            Self::Kept => "KEPT",
            Self::Stuck => "NOT RELEASED",
        }
    }

    /// Whether what it does is so, or may be.
    pub fn is_out(self) -> bool {
        !matches!(self, Self::Free | Self::Released)
    }

    /// Whether nothing gives it back by itself.
    pub fn stays(self) -> bool {
        matches!(self, Self::Kept | Self::Stuck)
    }
}

#[derive(Clone, Debug)]
pub struct HoldView {
    pub name: String,
    /// What people call it.
    pub title: String,
    pub standing: Standing,
    /// When its taking began.
    pub since: Option<Timestamp>,
    /// What was there before.
    pub previous: Option<Map<String, Value>>,
}

/// In the order in which they stand in the outline.
pub fn of(outline: &Outline, state: &RunState) -> Vec<HoldView> {
    let takes = outline.steps.iter().filter_map(|step| Some((step, step.held.as_ref()?)));
    takes.filter(|(_, held)| held.part == Part::Take).map(|(step, held)| one(&held.hold, &step.name, state)).collect()
}

fn one(name: &str, called: &str, state: &RunState) -> HoldView {
    let part = |part: Part| id(name, part).parse().map(|address| state.step(&address).clone()).unwrap_or_default();
    let (read, take, release) = (part(Part::Read), part(Part::Take), part(Part::Release));
    let ended = state.ended.is_some();
    let standing = match release.status {
        _ if !may_be_taken(&take) => Standing::Free,
        Status::Succeeded => Standing::Released,
        Status::Skipped if matches!(release.skipped, Some(SkipReason::Kept | SkipReason::Person)) => Standing::Kept,
        Status::Failed | Status::Unproven | Status::Unknown => Standing::Stuck,
        Status::Pending if ended => Standing::Stuck,
        Status::Pending | Status::Skipped if take.status == Status::Succeeded => Standing::Taken,
        Status::Pending | Status::Skipped => Standing::Taking,
        _ => Standing::Releasing,
    };
    let since = take.intent.as_ref().map(|intent| intent.at.at).or(take.started_at.as_ref().map(|at| at.at));
    let title = called.strip_suffix(&format!(": {}", Part::Take.word())).unwrap_or(name).to_string();
    HoldView { name: name.into(), title, standing, since: since.filter(|_| standing.is_out()), previous: read.outputs }
}

impl StepView {
    /// Whether it gives a hold back.
    pub fn is_release(&self) -> bool {
        self.held.as_ref().is_some_and(|held| held.part == Part::Release)
    }
}

impl RunView {
    pub fn holds(&self) -> Vec<HoldView> {
        self.plan.as_ref().map(|plan| of(&plan.outline, &self.state)).unwrap_or_default()
    }
}

impl HoldView {
    /// `taken since 2026-11-27 10:02:11Z (Maintenance page)`.
    pub fn words(&self) -> String {
        let since = self.since.map(|since| format!(" since {}", words::stamp(since))).unwrap_or_default();
        let title = if self.title == self.name { String::new() } else { format!(" ({})", self.title) };
        let standing = match self.standing {
            Standing::Kept | Standing::Stuck => format!("{}, taken", self.standing.word()),
            other => other.word().to_string(),
        };
        format!("{standing}{since}{title}")
    }
}
