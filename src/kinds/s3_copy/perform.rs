//! Makes the copies of a page, several at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;

use super::pairs::Pair;
use super::progress::Begun;
use crate::model::Fault;
use crate::provider::s3::{Bucket, By, Job, LARGEST_COPY, Origin, PART, Refused, Writer, cut, settle, together};

/// Where from, where to, and through whom.
pub struct Way<'a> {
    pub source: &'a Bucket,
    pub target: &'a Writer,
    pub target_prefix: &'a str,
    pub by: By,
}

pub struct Copied {
    /// Keys that could not be copied, and why.
    pub refused: Refused,
    /// See [`super::progress::Progress::since`].
    pub since: Option<Timestamp>,
}

struct Work<'a> {
    way: &'a Way<'a>,
    since: Mutex<Option<Timestamp>>,
    keys: AtomicU64,
    bytes: AtomicU64,
    /// Is told how many keys and bytes.
    say: &'a (dyn Fn(u64, u64) + Sync),
}

/// Fails where nothing more can be done.
pub async fn perform(
    way: &Way<'_>,
    todo: &[(Begun, Pair)],
    since: Option<Timestamp>,
    say: &(dyn Fn(u64, u64) + Sync),
) -> Result<Copied, Fault> {
    let work = Work { way, since: Mutex::new(since), keys: AtomicU64::new(0), bytes: AtomicU64::new(0), say };
    let jobs = todo.iter().map(|(begun, pair)| -> Job<'_> { Box::pin(work.job(pair, begun)) }).collect();
    let refused = together(way.target.flow(), jobs, |keys| {
        work.keys.store(keys, Ordering::Relaxed);
        work.add(0);
    });
    let refused = refused.await?;
    let since = *work.since();
    Ok(Copied { refused, since })
}

impl Work<'_> {
    fn since(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.since.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn add(&self, bytes: u64) {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        (self.say)(self.keys.load(Ordering::Relaxed), bytes);
    }

    async fn job(&self, pair: &Pair, begun: &Begun) -> Result<(u64, Refused), Fault> {
        let key = format!("{}{}", self.way.target_prefix, pair.name);
        let copied = self.copy(&key, pair, begun).await;
        settle(1, copied.err().map(|fault| (key, fault)).into_iter().collect())
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
            let time = target.current(key).await?.and_then(|now| now.time);
            let mut since = self.since();
            *since = since.iter().copied().chain(time).min();
        }
        Ok(())
    }

    /// In the parts of its source, where it has some: then its ETag tells that it is the same.
    async fn make(&self, key: &str, pair: &Pair, counted: &AtomicU64) -> Result<String, Fault> {
        let Way { source, target, by, .. } = *self.way;
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
