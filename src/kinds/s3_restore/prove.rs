//! The proof: every key is as it was, says a listing made after the last change, in the ranges of the work.

use super::decide::is_proven;
use super::keys::{Keys, Lists, Stream};
use super::params::Params;
use super::prepare::Prior;
use super::progress::Progress;
use crate::kind::{Op, WorkCx};
use crate::model::Fault;
use crate::provider::s3::{Writer, progress, wrong};

pub async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    bucket: &Writer,
    lists: Lists<'_>,
    done: &Progress,
) -> Result<(), Fault> {
    let listings = done.lanes.ranges().into_iter().map(|range| Stream::new(lists, range)).collect();
    let look = |Keys { histories: mut found, .. }: Keys| {
        let keys = found.len() as u64;
        found.retain(|history| !is_proven(history, op.deletes_newer(), &done.etags));
        (keys, found.into_iter().map(|history| history.key).collect())
    };
    let wrong = wrong(cx, lists.from.flow(), done.sums.keys(), listings, look).await?;
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes there, or a call did not do what its answer says: the next attempt looks at every key again.
    progress::write(cx, op, &done.anew())?;
    let held = op.params.source.as_deref().unwrap_or("it");
    let what = format!("{} does not hold what {held} held at {}", bucket.said(), op.prior.as_of);
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is back is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not as it was: {key}")).collect();
    Err(fault)
}
