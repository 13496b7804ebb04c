//! `s3.copy`: the objects of a bucket, or those under a prefix, into another bucket, also one of another server.
//!
//! The story: `prepare` refuses a target that is the source, an empty source, and objects in the target that differ unless
//! they are to be overwritten; it notes which two buckets these are. The work lists both side by side and copies what is
//! missing: the server by itself where it holds both, else through us. A second listing proves it. With `create` the target is
//! made first, and is this step's alone.
//!
//! Promises: nothing in the target is lost, since what is not in the source stays, and what differs is overwritten only where
//! the runbook says so and the target keeps versions; what is going to be done with a page is on disk before it is done;
//! memory grows neither with the bucket nor with its objects.

mod decide;
mod pairs;
mod params;
mod perform;
mod prepare;
mod progress;
#[cfg(test)]
mod tests;
mod work;

use serde_json::Value;

use crate::kind::stock::Shelf;
use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, Rehearsal, Scratch, WorkCx, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault};
use crate::provider::s3::{Bucket, COUNTED_PAGES, Flow, own};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

pub use params::Params;
pub use prepare::Prior;

pub struct S3Copy;

impl Kind for S3Copy {
    const NAME: &'static str = "s3.copy";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;
    const ONE_THREAD: bool = true;
    const FINDS_BACKUPS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: media
uses: s3.copy
needs: []
with:
  source: { bucket: media-copy, endpoint: https://s3.backup.example }
  target: { bucket: media, endpoint: https://fra1.digitaloceanspaces.com }
  prefix: uploads/
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        params::foresee(with)
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of(["copied", "overwritten", "skipped", "bytes"].map(|name| (name, OutputType::Integer)))
    }

    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        params::beside(with, scratch)
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op, COUNTED_PAGES).await
    }

    /// A first page of each tells whether they may be listed at all, and whether there is anything.
    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        prepare::prepare(cx, op, 1).await.map(|_| ())
    }

    async fn backups(&self, _: &ReadCx, op: &Op<Params, ()>) -> Vec<Shelf> {
        let stock = match Bucket::open(&op.params.source.place, Flow::of_a_look()).await {
            Ok(bucket) => bucket.stock_of_copy(&op.params.prefix).await,
            Err(fault) => Err(fault),
        };
        vec![Shelf::of_step(stock)]
    }

    /// Called when the process is gone without a result: new work goes on from what is on disk.
    async fn find(&self, _: &ReadCx, _: &Op<Params, Prior>) -> Result<Found, Fault> {
        Ok(Found::Absent)
    }

    async fn remove(&self, cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
        let with = serde_json::from_value::<Params>(with.clone());
        own::remove(cx, entry, with.ok().map(|with| with.target.place)).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}
