//! Makes the copies, each on its own.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::pairs::Pair;
use super::progress::Begun;
use crate::kind::WorkCx;
use crate::model::{Fault, Pulse};
use crate::provider::s3::{Bucket, By, Job, LARGEST_COPY, Origin, PART, Refused, Writer, cut, settle};

/// Where from, where to, and through whom.
pub struct Way<'a> {
    pub source: &'a Bucket,
    pub target: &'a Writer,
    pub target_prefix: &'a str,
    pub by: By,
}

/// What all copies share.
pub struct Copies<'a> {
    pub way: Way<'a>,
    cx: &'a WorkCx,
    /// How many keys there are, where all were counted.
    total: Option<u64>,
    since: Mutex<Option<Timestamp>>,
    keys: AtomicU64,
    bytes: AtomicU64,
}

impl<'a> Copies<'a> {
    pub fn new(cx: &'a WorkCx, way: Way<'a>, total: Option<u64>, since: Option<Timestamp>) -> Self {
        let (keys, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { way, cx, total, since: Mutex::new(since), keys, bytes }
    }

    pub fn job(&'a self, pair: Pair, begun: Begun) -> Job<'a> {
        Box::pin(async move {
            let key = format!("{}{}", self.way.target_prefix, pair.name);
            let copied = self.copy(&key, &pair, &begun).await;
            settle(1, copied.err().map(|fault| (key, fault)).into_iter().collect::<Refused>())
        })
    }

    /// See [`super::progress::Progress::since`].
    pub fn since(&self) -> Option<Timestamp> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy with an ETag of the target's own making was written then.
    pub fn wrote_its_own(&self, time: Option<Timestamp>) {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = since.iter().copied().chain(time).min();
    }

    /// So many keys are done.
    pub fn has(&self, keys: u64) {
        self.keys.store(keys, Ordering::Relaxed);
        self.add(0);
    }

    /// So many bytes are done beside those before.
    pub fn add(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let done = self.keys.load(Ordering::Relaxed);
        let total = self.total.map(|total| total.max(done));
        let doing = format!("copying, {} MiB so far", bytes >> 20);
        self.cx.pulse(Pulse { done, total, unit: "keys".to_owned(), doing });
    }

    async fn copy(&self, key: &str, pair: &Pair, begun: &Begun) -> Result<(), Fault> {
        let target = self.way.target;
        let is_first = self.since().is_none();
        let (mut sent, counted) = (false, &AtomicU64::new(0));
        let etag = target.flow().again(|| {
            let again = std::mem::replace(&mut sent, true);
            async move {
                // Its answer may have been lost, and a second copy would be a second version.
                if again {
                    self.bytes.fetch_sub(counted.swap(0, Ordering::Relaxed), Ordering::Relaxed);
                    let now = target.current(key).await?.map(|now| now.content);
                    if let Some(now) = now.filter(|now| begun.is_made(&now.etag, now.size)) {
                        return Ok(now.etag);
                    }
                }
                self.make(key, pair, counted).await
            }
        });
        let etag = etag.await?;
        self.bytes.fetch_add(begun.size - counted.load(Ordering::Relaxed), Ordering::Relaxed);
        if is_first && etag != pair.source.content.etag {
            self.wrote_its_own(target.current(key).await?.and_then(|now| now.time));
        }
        Ok(())
    }

    /// In the parts of its source, where it has some: then its ETag tells that it is the same.
    async fn make(&self, key: &str, pair: &Pair, counted: &AtomicU64) -> Result<String, Fault> {
        let Way { source, target, by, .. } = self.way;
        let content = &pair.source.content;
        let from = Origin { bucket: source, key: &pair.source.key, id: None, content };
        let parts = from.parts().await?;
        let Some(parts) = parts.or_else(|| (content.size > LARGEST_COPY).then(|| cut(content.size, PART))) else {
            return target.copy(key, &from, by).await;
        };
        let done = |bytes| {
            counted.fetch_add(bytes, Ordering::Relaxed);
            self.add(bytes);
        };
        target.copy_in_parts(key, &from, by, &parts, &done).await
    }
}
