//! `velero.restore`: what a backup of Velero holds comes back into a cluster, by the Velero that runs there.
//!
//! The story of a step: `prepare` sees to it that Velero is there, chooses the backup once, looks whether its location can be read
//! and whether the restore would be taken. Then one `Restore` object is made, whose name comes from the operation, and is watched to its end;
//! last, Velero's own files tell what was warned of and what failed. With `read_only_location` a phase in front of that makes the
//! storage location read-only, and one behind it, whatever came of the restore, puts it back. In a drill what cannot begin to work
//! comes back beside production ([`rehearsal`]), into namespaces that the step makes in front of its restore ([`scratch`]).
//!
//! Promises: one `Restore` an operation, whatever is killed; one of that name that somebody else made is left alone; the
//! backup is never another than the one that was shown; a restore of which a part failed is no success unless `allow` names it.

mod ended;
mod gzip;
mod location;
mod params;
mod prepare;
mod rehearsal;
mod results;
mod scratch;
mod work;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::stock::Shelf;
use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, Rehearsal, Scratch, WorkCx, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{Cluster, Identity};
use crate::provider::velero;
use crate::runbook::catalog::{Complaint, InPlace, Known, Late, OutputType, Shape};
use location::Location;
use params::Params;

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// Never another one, even if a newer one comes.
    pub backup: String,
    /// When it was complete.
    pub restored_to: Option<String>,
    /// Of `read_only_location`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

pub struct VeleroRestore;

impl Kind for VeleroRestore {
    const NAME: &'static str = "velero.restore";
    const PAGE: &'static str = include_str!("page.md");
    /// Volumes take hours; the wait outlives the executor.
    const WORKS: bool = true;
    const FINDS_BACKUPS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: namespaces
uses: velero.restore
needs: []
with:
  context: recovery
  backup: { schedule: nightly, as_of: \"2026-11-24T08:15:00Z\" }
  include_namespaces: [edx]
  allow: [\"*failed calling webhook*\"]
timeout: 4h
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    /// The cluster refuses a second object of the name.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        params::foresee(with)
    }

    fn in_place(&self, with: &Late<'_>) -> InPlace {
        match with.get(&["existing_resource_policy"]) {
            Known::Absent => InPlace::No,
            Known::Unknown => InPlace::CannotTell,
            Known::Known(value) if value == &Value::from("update") => {
                InPlace::Yes("objects that are there become as in the backup, and nothing keeps what they were")
            }
            Known::Known(_) => InPlace::No,
        }
    }

    /// Into namespaces of its own, and only what cannot begin to work there.
    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        rehearsal::beside(with, scratch)
    }

    fn proof_beside(&self, given: &Late<'_>, probe: &str, proof: Value) -> Option<Value> {
        rehearsal::proof(given, probe, proof)
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        let (text, number) = (OutputType::Text, OutputType::Integer);
        Shape::of([
            ("restore", text),
            ("backup", text),
            ("phase", text),
            ("items", number),
            ("warnings", number),
            ("errors", number),
            ("messages", OutputType::List),
            ("restored_to", OutputType::Timestamp),
        ])
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op).await
    }

    async fn backups(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Vec<Shelf> {
        let with = &op.params;
        let stock = match Cluster::open(cx, &with.reach()).await {
            Ok(cluster) => velero::stock(&cluster, &with.namespace, with.backup.meant()).await,
            Err(fault) => Err(fault),
        };
        vec![Shelf::of_step(stock)]
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        work::settle(cx, op).await
    }

    async fn remove(&self, cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
        scratch::remove(cx, entry, with).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}
