//! Which database this is. A restored copy has the system identifier of the original, so identifier, timeline, address and
//! database are compared together (G19).

use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::model::Fault;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub system: String,
    /// Absent on a standby, which has no timeline of its own to write on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<String>,
    /// Where the server says it is; for a socket, the folder and port that were dialled.
    pub address: String,
    pub database: String,
}

const READ: &str = "
    select jsonb_build_object(
        'system', (select system_identifier::text from pg_control_system()),
        -- The name of a WAL file begins with its timeline; the control file lags behind after a promotion.
        'timeline', case when not pg_is_in_recovery() then substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end,
        'address', coalesce(host(inet_server_addr()) || ':' || inet_server_port(), $1),
        'database', current_database())";

impl Identity {
    pub async fn read(session: &Session) -> Result<Self, Fault> {
        session.read_one(READ, &[&session.place()]).await
    }

    /// Stops where the server is not the one that was looked at before.
    pub async fn hold(&self, session: &Session) -> Result<(), Fault> {
        let now = Self::read(session).await?;
        if now == *self {
            return Ok(());
        }
        Err(Fault::new("RG2105", format!("this is not the server that was prepared for: {self}, now {now}"))
            .hint("after a failover or a move, undo or skip this step and start it again against the right server"))
    }
}

impl std::fmt::Display for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "database `{}` at {}, system {}", self.database, self.address, self.system)?;
        match &self.timeline {
            Some(timeline) => write!(f, ", timeline {}", timeline.trim_start_matches('0')),
            None => f.write_str(", a standby"),
        }
    }
}
