//! A second look after the last change: nothing is done between its pages, so it goes through several ranges at once, and as
//! nothing is fetched ahead, so many of them hold a page each.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

use super::flow::Flow;
use super::listing::Listing;
use super::together::together;
use crate::kind::WorkCx;
use crate::model::{Fault, Pulse};

/// As many keys are named where something is wrong with them.
const NAMED: usize = 5;

/// The first keys that are not as they should be. `look` tells of a page how many keys it has, and which of them are wrong;
/// `total`: so many keys there are, as far as is known.
pub async fn wrong<L: Listing>(
    cx: &WorkCx,
    flow: &Flow,
    total: u64,
    listings: Vec<L>,
    look: impl Fn(L::Page) -> (u64, Vec<String>) + Sync,
) -> Result<Vec<String>, Fault> {
    let proof = Proof { cx, total, seen: AtomicU64::new(0), wrong: Mutex::new(Vec::new()) };
    let jobs = listings.into_iter().map(|listing| -> BoxFuture<'_, _> { Box::pin(proof.go_through(listing, &look)) });
    together(flow, jobs.collect()).await?;
    let mut wrong = proof.wrong.into_inner().unwrap_or_else(PoisonError::into_inner);
    wrong.sort();
    wrong.truncate(NAMED);
    Ok(wrong)
}

struct Proof<'a> {
    cx: &'a WorkCx,
    total: u64,
    seen: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Proof<'_> {
    async fn go_through<L: Listing>(
        &self,
        mut listing: L,
        look: &(impl Fn(L::Page) -> (u64, Vec<String>) + Sync),
    ) -> Result<(), Fault> {
        while let Some(page) = listing.next().await? {
            let (keys, wrong) = look(page);
            let done = self.seen.fetch_add(keys, Ordering::Relaxed) + keys;
            let total = Some(self.total.max(done));
            self.cx.pulse(Pulse { done, total, unit: "keys".to_owned(), doing: "comparing".to_owned() });
            if self.note(wrong) > NAMED {
                break;
            }
        }
        Ok(())
    }

    /// How many keys are wrong by now.
    fn note(&self, keys: Vec<String>) -> usize {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.extend(keys);
        wrong.len()
    }
}
