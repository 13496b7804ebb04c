//! `postgres.restore`: a new PostgreSQL server as of a moment, from a base backup and its WAL.
//!
//! # The story
//! [`prepare`] chooses the newest backup that ended before the moment, looks for gaps in the WAL, and reads from the WAL
//! itself whether it reaches beyond the moment. [`work`] claims the place by a marker beside the new data folder, copies,
//! verifies the copy against the backup's manifest, puts our own configuration in place, starts the server in a session of
//! its own, and waits until it says that it is out of recovery. [`settle`] finds out what became of it after a crash;
//! [`remove`] takes away what is ours.
//!
//! # Promises
//! - A folder that is not empty, or whose marker is not ours, is never written, started or removed.
//! - The server never runs as root, never archives, and lets nobody in without password but through a socket in a folder
//!   that its own account alone can enter.
//! - `restored_to` is what the server says it replayed last, and never later than `as_of`.
//! - It may be killed anywhere; called again it goes on.

mod config;
mod copy;
mod log;
mod params;
mod pgbackrest;
mod place;
mod prepare;
mod prior;
mod recovery;
mod remove;
mod roles;
mod server;
mod settle;
#[cfg(test)]
mod tests;
mod work;

pub use params::Params;
pub use prior::Prior;

use serde_json::Value;

use crate::kind::stock::Shelf;
use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Rehearsal, Scratch, WorkCx, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault};
use crate::provider::postgres::backup::stock::{Wanted, stock};
use crate::provider::postgres::backup::{base, exec, facts};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

pub struct PostgresRestore;

impl PostgresRestore {
    /// What became of an operation whose work process died without a result.
    pub async fn settle(&self, _cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        settle::settle(&op.id, &op.prior).await
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Fault> {
    let ended = tokio::task::spawn_blocking(work).await;
    ended.unwrap_or_else(|error| Err(Fault::new("RG2423", "the work broke off").caused_by(&error)))
}

impl Kind for PostgresRestore {
    const NAME: &'static str = "postgres.restore";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;
    const FINDS_BACKUPS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: restore
uses: postgres.restore
with:
  backup:
    base: /srv/backup/base
    wal: /srv/backup/wal
  data_directory: /srv/rescue/data
  as_of: 2026-11-24T09:41:00Z
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    fn effect(&self, _with: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn outputs(&self, _with: &Late<'_>) -> Shape {
        let outputs = [
            ("connection", OutputType::Connection),
            ("host", OutputType::Text),
            ("port", OutputType::Integer),
            ("restored_to", OutputType::Timestamp),
            ("timeline", OutputType::Integer),
        ];
        Shape::of(outputs)
    }

    /// A copy is reached on this machine; its port is known if it is said.
    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let mut outputs = Outputs::from_iter([("host".to_string(), "127.0.0.1".into())]);
        if let Known::Known(port) = with.get(&["port"]) {
            outputs.insert("port".into(), port.clone());
        }
        let folder = with.text(&["data_directory"]).map(|folder| format!("folder `{folder}`"));
        let backup = |path: &[&str]| with.text(path).map(|place| format!("backup `{place}`"));
        let parts = [&["backup", "base"], &["backup", "wal"], &["backup", "pgbackrest", "stanza"][..]];
        let reads = parts.into_iter().filter_map(backup).collect();
        Foresight { outputs, touches: folder.into_iter().collect(), reads }
    }

    /// A copy to read out, beside the named folder, on a free port.
    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        params::beside(with, scratch)
    }

    /// On a free port, which nobody knows before it is there.
    fn stands_apart(&self, with: &Late<'_>) -> bool {
        !with.has(&["port"])
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        let (cx, op) = (cx.clone(), op.clone());
        blocking(move || prepare::prepare(&cx, &op)).await
    }

    async fn backups(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Vec<Shelf> {
        let (cx, with) = (cx.clone(), op.params.clone());
        let look = move || {
            let (bin_directory, run_as) = (with.bin_directory.as_deref(), with.run_as.as_deref());
            stock(&Wanted { backup: &with.backup, bin_directory, run_as }, |path| cx.path(path))
        };
        vec![Shelf::of_step(blocking(look).await)]
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        self.settle(cx, op).await
    }

    async fn remove(&self, _cx: &WriteCx, entry: &LedgerEntry, _: &Value) -> Result<(), Fault> {
        let entry = entry.clone();
        blocking(move || remove::remove(&entry)).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, &op.id, &op.prior).await.map(Next::Done)
    }
}
