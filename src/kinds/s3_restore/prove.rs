//! The proof: every key is as it was, says a listing made after the last change. Nothing is done between its pages, so it goes
//! through several ranges at once, along the keys that the work came by.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;
use tokio::sync::mpsc::Receiver;

use super::decide::is_proven;
use super::pages;
use super::params::Params;
use super::prepare::Prior;
use super::progress::Progress;
use crate::kind::{Op, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::s3::history::Histories;
use crate::provider::s3::{Marks, Page, Range, Writer, progress, together};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

pub async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    bucket: &Writer,
    done: &Progress,
    marks: &Marks,
) -> Result<(), Fault> {
    let proof =
        Proof { cx, op, bucket, total: done.sums.keys(), seen: AtomicU64::new(0), wrong: Mutex::new(Vec::new()) };
    let ranges = marks.ranges();
    let jobs = ranges.iter().map(|range| -> BoxFuture<'_, _> { Box::pin(proof.go_through(range)) }).collect();
    together(bucket.flow(), jobs).await?;
    let mut wrong = proof.wrong.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes there, or a call did not do what its answer says: the next attempt looks at every key again.
    progress::write(cx, op, &Progress::default())?;
    wrong.sort();
    wrong.truncate(NAMED);
    let what = format!("{} does not hold what it held at {}", bucket.said(), op.prior.as_of);
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is back is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not as it was: {key}")).collect();
    Err(fault)
}

struct Proof<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    bucket: &'a Writer,
    total: u64,
    seen: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Proof<'_> {
    async fn go_through(&self, range: &Range) -> Result<(), Fault> {
        pages::with(self.bucket, &self.op.params.prefix, range, |pages| self.look(range, pages)).await
    }

    async fn look(&self, range: &Range, mut pages: Receiver<Page>) -> Result<(), Fault> {
        let mut histories = Histories::new(self.op.prior.as_of);
        loop {
            let page = pages.recv().await.ok_or_else(|| self.bucket.broke_off())?;
            let is_last = page.next.is_none();
            let mut found = histories.take(page);
            found.retain(|history| !range.ends_before(&history.key));
            let seen = found.len() as u64;
            found.retain(|history| !is_proven(history, self.op.params.delete_newer));
            let wrong = self.note(found.into_iter().map(|history| history.key));
            let done = self.seen.fetch_add(seen, Ordering::Relaxed) + seen;
            let total = Some(self.total.max(done));
            self.cx.pulse(Pulse { done, total, unit: "keys".to_owned(), doing: "comparing".to_owned() });
            if wrong > NAMED || is_last {
                return Ok(());
            }
        }
    }

    /// How many keys are wrong by now.
    fn note(&self, keys: impl Iterator<Item = String>) -> usize {
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wrong.extend(keys);
        wrong.len()
    }
}
