//! What became of a transaction whose end nobody saw: PostgreSQL is asked by its number, and the author's probe where
//! PostgreSQL cannot tell any more.
//!
//! `pg_xact_status`: <https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-SNAPSHOT>.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Prior;
use super::mark::{self, Mark};
use super::params::{Params, endpoint};
use crate::kind::{Found, Next, Op, Outputs, ReadCx, WorkCx};
use crate::model::{Fault, RetryClass};
use crate::provider::postgres::{ReadSession, Session, question};

const BETWEEN: Duration = Duration::from_millis(250);
/// For a COMMIT that is still on its way, or waits for a standby.
const PATIENCE: Duration = Duration::from_secs(60);
const ASKING: Duration = Duration::from_secs(60);

/// What is known of the operation.
pub enum Fate {
    /// Nothing of it is or will be there.
    Not,
    Committed(Outputs),
    /// The text is the evidence.
    CannotTell(String),
}

/// Nothing where the transaction is still open.
async fn fate(cx: &ReadCx, op: &Op<Params, Prior>, mark: &Mark) -> Result<Option<Fate>, Fault> {
    let session = ReadSession::plain(cx, &endpoint(op), ASKING).await?;
    let what = match op.prior.server.hold(&session).await {
        // Another server knows other transactions under the same numbers.
        Err(fault) if fault.code == "RG2105" => fault.message,
        Err(fault) => return Err(fault),
        Ok(()) => match status(&session, &mark.transaction).await?.as_deref() {
            Ok("committed") => return Ok(Some(Fate::Committed(outputs(mark.rows_affected)))),
            Ok("aborted") => return Ok(Some(Fate::Not)),
            Ok("in progress") => return Ok(None),
            Ok(other) => format!("the server answers `{other}`"),
            Err(why) => why.clone(),
        },
    };
    let evidence = format!("transaction {} was to be committed; {what}", mark.transaction);
    let Some(probe) = &op.params.probe else { return Ok(Some(Fate::CannotTell(evidence))) };
    let rows = question::rows(&session, &probe.sql, &probe.values).await?;
    Ok(Some(match question::first(&rows) {
        Value::Bool(true) => Fate::Committed(outputs(mark.rows_affected)),
        Value::Bool(false) | Value::Null => Fate::Not,
        other => Fate::CannotTell(format!("{evidence}; the probe answers {other}, not true or false")),
    }))
}

/// The server's word, or why it has none.
async fn status(session: &Session, transaction: &str) -> Result<Result<String, String>, Fault> {
    let sql = match session.major() {
        13.. => "select pg_catalog.pg_xact_status($1::text::xid8)",
        _ => "select pg_catalog.txid_status($1::text::bigint)",
    };
    match session.query_one(sql, &[&transaction]).await {
        Ok(row) => Ok(row.get::<_, Option<String>>(0).ok_or_else(|| "the server has forgotten it".to_owned())),
        // A number that was never given out: the server lost what it had on its disk.
        Err(fault) if fault.code == "RG2106" => Ok(Err(fault.causes.join(", "))),
        Err(fault) => Err(fault),
    }
}

/// The same, and what is still open, or cannot be asked for, is waited for.
pub async fn settled(cx: &WorkCx, op: &Op<Params, Prior>, mark: &Mark, until: Instant) -> Fate {
    let until = until.min(Instant::now() + PATIENCE);
    let name = format!("transaction {}", mark.transaction);
    loop {
        let evidence = match fate(cx, op, mark).await {
            Ok(None) => {
                let end = format!("`select pg_terminate_backend({})` ends it one way or the other", mark.process);
                format!("{name} is neither committed nor rolled back yet; {end}")
            }
            Ok(Some(fate)) => return fate,
            Err(fault) if fault.retry.is_transient() => format!("{name} was to be committed; {}", fault.message),
            Err(fault) => return Fate::CannotTell(format!("{name} was to be committed; {}", fault.message)),
        };
        if Instant::now() > until {
            return Fate::CannotTell(evidence);
        }
        tokio::time::sleep(BETWEEN).await;
    }
}

/// For an operation whose process is gone without a result. What cannot be told at once is left to new work, which waits.
pub async fn find(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let Some(mark) = mark::read(cx, op)? else { return Ok(Found::Absent) };
    Ok(match (fate(cx, op, &mark).await?, mark.told) {
        (Some(Fate::Not), _) => Found::Absent,
        (Some(Fate::Committed(outputs)), _) => Found::Done(Next::Done(outputs)),
        (Some(Fate::CannotTell(_)), Some(told)) => Found::CannotTell(told),
        (None | Some(Fate::CannotTell(_)), _) => Found::Running,
    })
}

pub fn outputs(rows: u64) -> Outputs {
    Outputs::from_iter([("rows_affected".to_owned(), json!(rows))])
}

/// Leaves it to a person, and takes down what they are told.
pub fn tell(
    cx: &ReadCx,
    op: &Op<Params, Prior>,
    mark: Mark,
    evidence: String,
    why: Option<Fault>,
) -> Result<Fault, Fault> {
    mark::write(cx, op, &Mark { told: Some(evidence.clone()), ..mark })?;
    let mut fault = Fault::new("RG2305", "it cannot be told whether the transaction was committed")
        .retry(RetryClass::Unknown)
        .hint("look in the database; `regrow done` says that it happened, `regrow retry --because` that it did not");
    fault.causes.push(evidence);
    fault.causes.extend(why.into_iter().flat_map(|fault| std::iter::once(fault.message).chain(fault.causes)));
    Ok(fault)
}
