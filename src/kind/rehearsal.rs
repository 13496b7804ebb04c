//! What a drill does with a step that says nothing of drills itself.

use serde_json::Value;

use crate::model::RunId;
use crate::model::ledger::LedgerEntry;

#[derive(Clone, Debug, PartialEq)]
pub enum Rehearsal {
    /// It only looks, or only people and regrow itself do it: as in a run.
    AsIs,
    /// The same work beside production: the `with` that it is given instead.
    Beside(Value),
    /// It cannot be done beside production: what it would change is looked at.
    Planned,
    /// It is not even looked at, for this reason.
    LeftOut(&'static str),
}

/// What a drill has of its own.
#[derive(Clone, Copy, Debug)]
pub struct Scratch<'a> {
    pub run: &'a RunId,
    /// What it has made so far.
    pub ledger: &'a [LedgerEntry],
}

impl Scratch<'_> {
    /// A name beside one of production, with the run in it.
    pub fn beside(&self, name: &str) -> String {
        format!("{}-drill-{}", name.trim_end_matches('/'), self.run)
    }
}
