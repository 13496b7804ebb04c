//! The proof: every key is as it was, says a listing made after the last change. Nothing is done between its pages, so it goes
//! through several ranges at once, along the keys that the work came by.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::BoxFuture;

use super::decide::is_proven;
use super::keys::{Keys, Lists, Stream};
use super::params::Params;
use super::prepare::Prior;
use super::progress::Progress;
use crate::kind::{Op, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::s3::{Marks, Range, Writer, progress, together};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

pub async fn prove(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    bucket: &Writer,
    lists: Lists<'_>,
    done: &Progress,
    marks: &Marks,
) -> Result<(), Fault> {
    let proof =
        Proof { cx, op, lists, total: done.sums.keys(), seen: AtomicU64::new(0), wrong: Mutex::new(Vec::new()) };
    let ranges = marks.ranges();
    let jobs = ranges.iter().map(|range| -> BoxFuture<'_, _> { Box::pin(proof.go_through(range)) }).collect();
    together(lists.from.flow(), jobs).await?;
    let mut wrong = proof.wrong.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    if wrong.is_empty() {
        return Ok(());
    }
    // Somebody writes there, or a call did not do what its answer says: the next attempt looks at every key again.
    progress::write(cx, op, &Progress::default())?;
    wrong.sort();
    wrong.truncate(NAMED);
    let held = op.params.source.as_deref().unwrap_or("it");
    let what = format!("{} does not hold what {held} held at {}", bucket.said(), op.prior.as_of);
    let mut fault = Fault::new("RG2912", what)
        .hint("somebody may still be writing there: stop that, then `regrow retry STEP`; what is back is left alone");
    fault.causes = wrong.into_iter().map(|key| format!("is not as it was: {key}")).collect();
    Err(fault)
}

struct Proof<'a> {
    cx: &'a WorkCx,
    op: &'a Op<Params, Prior>,
    lists: Lists<'a>,
    total: u64,
    seen: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Proof<'_> {
    /// Nothing is fetched ahead: so many ranges hold a page each.
    async fn go_through(&self, range: &Range) -> Result<(), Fault> {
        let mut stream = Stream::new(self.lists, range);
        while let Some(Keys { histories: mut found, .. }) = stream.next().await? {
            let seen = found.len() as u64;
            found.retain(|history| !is_proven(history, self.op.params.delete_newer));
            let wrong = self.note(found.into_iter().map(|history| history.key));
            let done = self.seen.fetch_add(seen, Ordering::Relaxed) + seen;
            let total = Some(self.total.max(done));
            self.cx.pulse(Pulse { done, total, unit: "keys".to_owned(), doing: "comparing".to_owned() });
            if wrong > NAMED {
                break;
            }
        }
        Ok(())
    }

    /// How many keys are wrong by now.
    fn note(&self, keys: impl Iterator<Item = String>) -> usize {
        let mut wrong = self.wrong.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        wrong.extend(keys);
        wrong.len()
    }
}
