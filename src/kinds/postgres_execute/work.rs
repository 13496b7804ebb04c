//! The one transaction, in a process of its own.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::types::ToSql;

use super::Prior;
use super::mark::{self, Mark};
use super::params::{Params, endpoint};
use super::settle::{self, Fate};
use crate::kind::{Next, Op, WorkCx};
use crate::model::Fault;
use crate::provider::postgres::question::Text;
use crate::provider::postgres::statements::Statement;
use crate::provider::postgres::{WriteSession, sql_state};

const FOREVER: Duration = Duration::from_secs(365 * 24 * 3600);
const MARGIN: Duration = Duration::from_secs(2);

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    // Ends before the supervisor ends it, which could not say what is known.
    let time = op.timeout_ms.map_or(FOREVER, |ms| Duration::from_millis(ms).saturating_sub(MARGIN));
    let until = Instant::now() + time;
    // An attempt before this one may have been cut off at its COMMIT.
    if let Some(mark) = mark::read(cx, op)? {
        match settle::settled(cx, op, &mark, until).await {
            Fate::Committed(outputs) => return Ok(Next::Done(outputs)),
            Fate::CannotTell(evidence) if mark.told.is_none() => {
                return Err(settle::tell(cx, op, mark, evidence, None)?);
            }
            Fate::Not | Fate::CannotTell(_) => {}
        }
    }
    let statements = op.params.statements()?;
    let session = WriteSession::plain(cx, &endpoint(op), &op.prior.server).await?;
    session.run("begin").await?;
    let (mut rows, masker) = (0, cx.masker());
    for (at, statement) in statements.iter().enumerate() {
        let touched = execute(&session, statement, &op.params.values, at + 1).await?;
        cx.say(&format!("{touched} rows: {}", statement.excerpt(&masker)));
        let only_reads = matches!(statement.verb(), "select" | "values" | "table" | "show" | "explain" | "fetch");
        rows += if only_reads { 0 } else { touched };
    }
    let transaction = number(&session, op).await?;
    flush(cx, op).await?;
    let mark = Mark { transaction, process: session.pid(), rows_affected: rows, told: None };
    mark::write(cx, op, &mark)?;
    let lost = match tokio::time::timeout_at(until.into(), session.run("commit")).await {
        Ok(Ok(())) => return Ok(Next::Done(settle::outputs(rows))),
        Ok(Err(fault)) => fault,
        Err(_) => Fault::new("RG2104", "no answer came to the COMMIT"),
    };
    // Refused, or its answer was lost: the server knows.
    drop(session);
    Err(match settle::settled(cx, op, &mark, until).await {
        Fate::Committed(outputs) => return Ok(Next::Done(outputs)),
        Fate::Not => lost,
        Fate::CannotTell(evidence) => settle::tell(cx, op, mark, evidence, Some(lost))?,
    })
}

async fn execute(session: &WriteSession, statement: &Statement, values: &[Value], at: usize) -> Result<u64, Fault> {
    let refuse = |error: &tokio_postgres::Error| {
        let fault =
            session.refused("RG2302", format!("the server refuses statement {at}, and nothing was changed"), error);
        match sql_state(error) {
            Some("25001") => fault.hint("it cannot be part of a transaction: use `run` with psql"),
            _ => fault,
        }
    };
    let prepared = session.client().prepare(&statement.sql).await.map_err(|error| refuse(&error))?;
    let bound: Vec<Text> = statement.uses.iter().filter_map(|at| values.get(*at)).map(Text::from).collect();
    let bound: Vec<&(dyn ToSql + Sync)> = bound.iter().map(|value| value as _).collect();
    session.client().execute(&prepared, &bound).await.map_err(|error| refuse(&error))
}

/// The transaction's own number. It is written into its log here, also if the statements wrote nothing.
async fn number(session: &WriteSession, op: &Op<Params, Prior>) -> Result<String, Fault> {
    session.query_one(NOTE, &[&op.id.as_str()]).await?;
    let sql = match session.major() {
        13.. => "select pg_catalog.pg_current_xact_id()::text",
        _ => "select pg_catalog.txid_current()::text",
    };
    Ok(session.query_one(sql, &[]).await?.get(0))
}

const NOTE: &str = "select pg_catalog.pg_logical_emit_message(true, 'regrow', $1)::text";

/// Brings the log of the server onto its disk up to here, by committing something that changes nothing. A server that crashes
/// gives numbers anew that its log on disk does not know of, and would then speak of another transaction.
async fn flush(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<(), Fault> {
    let session = WriteSession::plain(cx, &endpoint(op), &op.prior.server).await?;
    session.query_one(NOTE, &[&op.id.as_str()]).await.map(drop)
}
