//! `postgres.query`: asks a database one question. A probe under `verify`, and a step that reads.
//!
//! Promises: the statement runs in a read-only transaction of a read-only session, one statement a call, so nothing a
//! runbook writes here can change rows; values go as bind parameters, never into the text.

mod params;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde_json::Value;

pub use params::Params;

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role};
use crate::model::{Effect, Fault};
use crate::provider::postgres::{Connection, Endpoint, ReadSession, application_name, question, reach};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

/// Longer than any count that a person waits for; the step's `timeout` is the one to set.
const LIMIT: Duration = Duration::from_secs(600);

pub struct PostgresQuery;

impl Kind for PostgresQuery {
    const NAME: &'static str = "postgres.query";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: enrolments-are-back
uses: postgres.query
with:
  connection: postgres://regrow@db.example:5432/edxapp
  sql: select count(*) from student_courseenrollment where created < $1
  values: [\"2026-03-01T00:00:00Z\"]
"
    }

    /// The first column of the first row, a number where it is one; null without rows.
    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("rows").and_then(Value::as_array).map_or(Value::Null, |rows| question::first(rows))
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    fn effect(&self, _with: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let reads = Connection::foreseen(with, "connection", with.text(&["database"]));
        Foresight::reading(reads)
    }

    fn outputs(&self, _with: &Late<'_>) -> Shape {
        Shape::of([("rows", OutputType::List)])
    }

    /// The server reads the statement and says whether it would take it; nothing is counted for that.
    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        let session = open(cx, op).await?;
        question::prepared(&session, &op.params.sql, &op.params.values).await.map(drop)
    }

    async fn reach(&self, cx: &ReadCx, op: &Op<Value, ()>) -> Result<Vec<&'static str>, Fault> {
        reach(cx, op, &["connection"]).await
    }

    /// A question leaves nothing behind: it is asked again.
    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        ask(cx, op).await.map(Next::Done)
    }
}

async fn open(cx: &ReadCx, op: &Op<Params, ()>) -> Result<ReadSession, Fault> {
    let endpoint = Endpoint {
        connection: op.params.connection.clone(),
        database: op.params.database.clone(),
        application: application_name(&op.id),
    };
    ReadSession::plain(cx, &endpoint, LIMIT).await
}

async fn ask(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Outputs, Fault> {
    let session = open(cx, op).await?;
    let rows = question::rows(&session, &op.params.sql, &op.params.values).await?;
    Ok(Outputs::from_iter([("rows".to_owned(), Value::Array(rows))]))
}
