//! The two servers of one operation, and how sessions on them are opened: always in the operation's name, always on the
//! very databases that `prepare` saw.

use std::time::Duration;

use super::Params;
use super::params::Mode;
use super::plan::Prior;
use super::scratch::Scratch;
use crate::kind::{Op, ReadCx, WriteCx};
use crate::model::Fault;
use crate::provider::postgres::{Endpoint, ReadSession, WriteSession, application_name};

/// How long the sessions of a worker that died may take to be gone.
const PREDECESSOR: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub struct Site {
    pub source: Endpoint,
    pub target: Endpoint,
    pub prior: Prior,
    pub scratch: Scratch,
    pub jobs: usize,
}

pub fn endpoints<P>(op: &Op<Params, P>) -> (Endpoint, Endpoint) {
    // A restored server brings no database in its URL: the tables lie in it under the same name as in the target.
    let common = op.params.database.clone();
    let named = common.clone().or_else(|| op.params.source.database()).or_else(|| op.params.target.database());
    let to = |connection: &crate::provider::postgres::Connection, database: Option<String>| Endpoint {
        connection: connection.clone(),
        database,
        application: application_name(&op.id),
    };
    (to(&op.params.source, named), to(&op.params.target, common))
}

impl Site {
    pub fn of(op: &Op<Params, Prior>) -> Self {
        let (source, target) = endpoints(op);
        let prior = op.prior.clone();
        Self { source, target, prior, scratch: Scratch::of(&op.id), jobs: op.params.jobs() }
    }

    pub async fn read_source(&self, cx: &ReadCx) -> Result<ReadSession, Fault> {
        let session = ReadSession::open(cx, &self.source).await?;
        self.prior.source.hold(&session).await?;
        Ok(session)
    }

    pub async fn read_target(&self, cx: &ReadCx) -> Result<ReadSession, Fault> {
        let session = ReadSession::open(cx, &self.target).await?;
        self.prior.target.hold(&session).await?;
        Ok(session)
    }

    pub async fn write_target(&self, cx: &WriteCx) -> Result<WriteSession, Fault> {
        WriteSession::open(cx, &self.target, &self.prior.target).await
    }

    /// The session that stands for this worker. It holds a lock of the operation for its life, so two never overlap; what
    /// a dead worker left running in this name is ended first, and nothing else is.
    pub async fn lead(&self, cx: &WriteCx) -> Result<WriteSession, Fault> {
        let session = self.write_target(cx).await?;
        let others = "select pg_terminate_backend(pid) from pg_stat_activity
                      where application_name = $1 and pid <> pg_backend_pid() and datname = current_database()";
        let began = std::time::Instant::now();
        loop {
            session.query(others, &[&self.target.application]).await?;
            if session.query_one("select pg_try_advisory_lock($1)", &[&self.scratch.lock()]).await?.get(0) {
                return Ok(session);
            }
            if began.elapsed() > PREDECESSOR {
                return Err(Fault::new("RG2219", "an earlier worker of this step still holds its lock on the target")
                    .retry(crate::model::RetryClass::Later)
                    .hint("end its sessions there: they are called like this operation in pg_stat_activity"));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What two loads must have in common so that the rows of one can serve the other.
pub fn fingerprint(params: &Params, prior: &Prior) -> String {
    use sha2::{Digest, Sha256};
    let mode = match params.mode {
        Mode::Swap | Mode::Create => "table",
        Mode::Merge => "rows",
    };
    let text = format!("{:?} {:?} {:?} {mode}", prior.source, prior.target, prior.tables);
    Sha256::digest(text.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}
