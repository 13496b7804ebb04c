//! `postgres.dump_and_load`: tables come from one live server into another, with no file in between.
//!
//! The story of a swap: `prepare` looks at both servers and refuses what could not be carried. The first phase loads a
//! proven copy into a scratch schema of our own and counts by key what differs from the live table. After a person has
//! seen the counts, the second phase lets the copy take the place of the live table in one transaction, with all that hung
//! on it; the old table is kept. `swap_back` is the way back.
//!
//! Promises: a live table is never loaded into; whatever dies whenever, the marker row on the target says what happened,
//! because it is part of the transaction that made it happen; two workers of one operation never overlap; what cannot be
//! carried is refused by name before anything is touched.

mod carry;
mod compare;
mod ddl;
mod disk;
mod index;
mod load;
mod lock;
mod marker;
mod merge;
mod moves;
mod orphans;
mod params;
mod plan;
mod prepare;
mod rehearsal;
mod scratch;
mod site;
mod survey;
mod swap;
#[cfg(test)]
mod tests;
mod undo;
mod work;

pub use params::Params;
pub use plan::Prior;
pub use work::settle;

use serde_json::Value;

use crate::kind::{
    Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Rehearsal, Scratch, Undone, WorkCx, WriteCx,
};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault};
use crate::provider::postgres::reach;
use crate::runbook::catalog::{Complaint, InPlace, Late, OutputType, Shape};

pub struct PostgresDumpAndLoad;

impl Kind for PostgresDumpAndLoad {
    const NAME: &'static str = "postgres.dump_and_load";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;
    const ASKS_BEFORE_PHASE: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: bring-enrolments-back
uses: postgres.dump_and_load
with:
  source: postgres://regrow@127.0.0.1:5433
  target: postgres://regrow@db.example:5432
  database: edxapp
  tables: [student_courseenrollment]
  newer_rows: keep
approval: {from: [commander]}
undo: swap_back
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    /// The scratch schema is named by the operation and made once; everything after it is found by its marker.
    fn effect(&self, _with: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        params::foresee(with)
    }

    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        rehearsal::beside(with, scratch)
    }

    fn in_place(&self, with: &Late<'_>) -> InPlace {
        params::in_place(with)
    }

    fn outputs(&self, _with: &Late<'_>) -> Shape {
        let each = [
            ("tables", OutputType::List),
            ("rows", OutputType::Integer),
            ("bytes", OutputType::Integer),
            ("kept_as", OutputType::Text),
        ];
        Shape::of(each)
    }

    fn undos(&self) -> &'static [&'static str] {
        &["swap_back"]
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op).await
    }

    async fn reach(&self, cx: &ReadCx, op: &Op<Value, ()>) -> Result<Vec<&'static str>, Fault> {
        reach(cx, op, &["source", "target"]).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        settle(cx, op).await
    }

    async fn undo(
        &self,
        cx: &WriteCx,
        op: &Op<Params, Prior>,
        _undo: &Value,
        _outputs: &Outputs,
    ) -> Result<Undone, Fault> {
        undo::swap_back(cx, op).await
    }

    async fn remove(&self, cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
        undo::remove(cx, entry, with).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}
