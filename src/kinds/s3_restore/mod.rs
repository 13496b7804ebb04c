//! `s3.restore`: the objects of a bucket, or those under a prefix, as they were at a moment.
//!
//! The story: `prepare` refuses a bucket that keeps no versions, and counts what would be done. The work lists every version
//! and decides key by key from its history alone: markers on top of the wanted version are taken away, an overwritten object
//! gets the older version as its newest, what was not there stays unless `delete_newer` says otherwise. A second listing
//! proves it. With `source` the bucket is made first, and each key is compared with what is there in it, so that all of it
//! comes as a copy: one way for a recovery beside production and for a drill.
//!
//! Promises: no version is ever lost, only markers of later deletions are; what is going to be done with a page is on disk
//! before it is done, so that a process which died costs no second copy; memory does not grow with the bucket; a key of which
//! nobody can tell what it was is left alone and named.

mod decide;
mod keys;
mod params;
mod perform;
mod prepare;
mod progress;
mod prove;
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

pub struct S3Restore;

impl Kind for S3Restore {
    const NAME: &'static str = "s3.restore";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;
    const ONE_THREAD: bool = true;
    const FINDS_BACKUPS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: media
uses: s3.restore
needs: []
with:
  bucket: media
  prefix: uploads/
  as_of: 2026-11-24T09:41:00Z
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
        let numbers = ["copied", "undeleted", "deleted", "skipped", "kept", "ambiguous", "lost", "bytes"];
        let numbers = numbers.map(|name| (name.to_owned(), OutputType::Integer));
        let more = [
            ("ambiguous_keys", OutputType::List),
            ("lost_keys", OutputType::List),
            ("restored_to", OutputType::Timestamp),
        ];
        Shape::Closed(numbers.into_iter().chain(more.map(|(name, kind)| (name.to_owned(), kind))).collect())
    }

    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        params::beside(with, scratch)
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op, COUNTED_PAGES).await
    }

    /// A first page tells whether it may be listed at all.
    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        prepare::prepare(cx, op, 1).await.map(|_| ())
    }

    async fn backups(&self, _: &ReadCx, op: &Op<Params, ()>) -> Vec<Shelf> {
        let stock = match Bucket::open(&op.params.origin(), Flow::of_a_look()).await {
            Ok(bucket) => bucket.stock(&op.params.prefix).await,
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
        own::remove(cx, entry, with.ok().map(|with| with.place)).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}
