//! Locks on live tables: asked for a short while, given up, asked again. Whoever waits in front of a busy table makes
//! everybody wait behind it, so no wait is long, and each refusal names who is in the way.

use std::time::Duration;

use crate::kind::ReadCx;
use crate::model::{Fault, RetryClass};
use crate::provider::postgres::{ReadSession, Session, WriteSession};

use super::site::Site;

/// How long one request may stand in the queue.
const WAIT: Duration = Duration::from_secs(2);
const ATTEMPTS: u32 = 12;

/// What is done under locks. It ends with its own `commit`.
pub trait Locked {
    type Out;

    /// Gets the session inside the transaction, with the limit set; what it wrote is rolled back when a lock is refused,
    /// and it is called again.
    fn run(&self, session: &WriteSession) -> impl Future<Output = Result<Self::Out, Fault>> + Send;
}

pub async fn transaction<L: Locked>(
    cx: &ReadCx,
    site: &Site,
    session: &WriteSession,
    say: impl Fn(&str),
    work: &L,
) -> Result<L::Out, Fault> {
    let watcher = site.read_target(cx).await?;
    let mut last = Vec::new();
    for attempt in 0..ATTEMPTS {
        let begin = format!("begin; set local lock_timeout = {}; set local synchronous_commit = on", WAIT.as_millis());
        session.run(&begin).await?;
        match watched(&watcher, session.pid(), &mut last, work.run(session)).await {
            Ok(value) => return Ok(value),
            Err(fault) if is_refused(&fault) => {
                session.run("rollback").await?;
                for line in &last {
                    say(&format!("waiting for a lock: {line}"));
                }
                // Spread over the time it takes others to finish, so that two that wait for each other fall out of step.
                let ceiling = 500 * u64::from(attempt + 1);
                tokio::time::sleep(Duration::from_millis(fastrand::u64(100..ceiling.max(200)))).await;
            }
            Err(fault) => {
                // The connection may be what failed; then the server rolls back by itself.
                let _ = session.run("rollback").await;
                return Err(fault);
            }
        }
    }
    let who = if last.is_empty() { "another session".to_owned() } else { last.join("; ") };
    let mut fault =
        Fault::new("RG2211", format!("a lock on the live tables is not to be had: {who}; nothing was changed"))
            .retry(RetryClass::Later)
            .hint("end that session or wait for it, then retry; the copy stays loaded");
    fault.causes = last;
    Err(fault)
}

/// A lock that was not had in time, or a deadlock that was resolved at our cost.
fn is_refused(fault: &Fault) -> bool {
    fault.causes.first().is_some_and(|cause| cause.contains(" 55P03:") || cause.contains(" 40P01:"))
}

/// Waits for `work`, and looks meanwhile who blocks it.
async fn watched<T>(
    watcher: &ReadSession,
    pid: i32,
    last: &mut Vec<String>,
    work: impl Future<Output = Result<T, Fault>>,
) -> Result<T, Fault> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = tokio::time::sleep(Duration::from_millis(300)) => {}
        }
        if let Ok(found) = blockers(watcher, pid).await
            && !found.is_empty()
        {
            *last = found;
        }
    }
}

/// Who a session waits for, without the text of their statements, which may hold what is secret.
async fn blockers(session: &Session, pid: i32) -> Result<Vec<String>, Fault> {
    let sql = "select to_jsonb(format('pid %s (user %s, application `%s`, %s since %s)', a.pid, a.usename,
                   a.application_name, a.state, to_char(coalesce(a.query_start, a.xact_start) at time zone 'UTC',
                   'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')))
               from pg_stat_activity a where a.pid = any(pg_blocking_pids($1))";
    session.read(sql, &[&pid]).await
}
