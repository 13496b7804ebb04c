//! `postgres.execute`: statements that change a database, as one transaction.
//!
//! Promises: all statements happen or none; the number of the transaction is on disk before its COMMIT is sent, and the server
//! is asked by it whenever the answer is missing, so that nothing is done twice; only the very database that `prepare` saw
//! is written to; values go as bind parameters, never into the text.

mod mark;
mod params;
mod settle;
mod work;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use params::Params;

use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, Rehearsal, Scratch, WorkCx};
use crate::model::{Effect, Fault};
use crate::provider::postgres::{Connection, Identity, ReadSession, reach};
use crate::runbook::catalog::{Complaint, InPlace, Late, OutputType, Shape};

pub struct PostgresExecute;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub server: Identity,
}

impl Kind for PostgresExecute {
    const NAME: &'static str = "postgres.execute";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: close-what-was-lost
uses: postgres.execute
with:
  connection: postgres://regrow@db.example:5432/shop
  sql: |
    update orders set state = 'lost' where placed > $1 and state = 'open';
    insert into notices (text) values ($2);
  values: [\"2026-03-01T00:00:00Z\", orders were lost]
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    /// The number of the transaction is the key.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn drill(&self, _: &Late<'_>, _: &Scratch<'_>) -> Rehearsal {
        Rehearsal::LeftOut("what its statements do is known to their author alone")
    }

    /// What statements replace only their author knows.
    fn in_place(&self, _: &Late<'_>) -> InPlace {
        InPlace::CannotTell
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::touching(Connection::foreseen(with, "connection", with.text(&["database"])))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("rows_affected", OutputType::Integer)])
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        let statements = op.params.statements()?;
        let session = ReadSession::open(cx, &params::endpoint(op)).await?;
        let server = Identity::read(&session).await?;
        if server.timeline.is_none() {
            return Err(Fault::new("RG2307", format!("the server cannot be written to: {server}"))
                .hint("connect to the primary, or promote this one first"));
        }
        let place = format!("one transaction in {server}");
        let masker = cx.masker();
        let changes = std::iter::once(place).chain(statements.iter().map(|it| it.excerpt(&masker))).collect();
        Ok(Prepared::new(Prior { server }, changes))
    }

    async fn reach(&self, cx: &ReadCx, op: &Op<Value, ()>) -> Result<Vec<&'static str>, Fault> {
        reach(cx, op, &["connection"]).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        settle::find(cx, op).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}

#[cfg(test)]
mod tests;
