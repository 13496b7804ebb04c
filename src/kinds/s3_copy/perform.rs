//! Makes the copies, each on its own.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::pairs::Pair;
use super::progress::Begun;
use crate::kind::WorkCx;
use crate::model::amount::size;
use crate::model::{Fault, Pulse};
use crate::provider::s3::{Bucket, By, Etags, Job, LARGEST_COPY, Origin, OwnEtags, PART, Refused, Writer, cut, settle};

/// The code of something else that stands in the target.
pub const DIFFERS: &str = "RG2913";

/// Where from, where to, and through whom.
#[derive(Clone, Copy)]
pub struct Way<'a> {
    pub source: &'a Bucket,
    pub target: &'a Writer,
    pub target_prefix: &'a str,
    pub by: By,
    pub overwrite: bool,
    /// Looks at every key before it is written: what is written over there would be lost, and not every server that is asked
    /// to write only where nothing is knows how to.
    pub looks: bool,
}

/// What all copies share.
pub struct Copies<'a> {
    pub way: Way<'a>,
    cx: &'a WorkCx,
    /// How many keys there are, where all were counted.
    total: Option<u64>,
    etags: Etags,
    keys: AtomicU64,
    bytes: AtomicU64,
    /// That it is not guarded was said.
    told: AtomicBool,
}

impl<'a> Copies<'a> {
    pub fn new(cx: &'a WorkCx, way: Way<'a>, total: Option<u64>, etags: OwnEtags) -> Self {
        let (keys, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { way, cx, total, etags: Etags::new(etags), keys, bytes, told: AtomicBool::new(false) }
    }

    /// `has_moved`: something else stands there than when an earlier process began, perhaps its copy.
    pub fn job(&'a self, pair: Pair, begun: Begun, has_moved: bool) -> Job<'a> {
        Box::pin(async move {
            let key = format!("{}{}", self.way.target_prefix, pair.name);
            let copied = self.copy(&key, &pair, &begun, has_moved).await;
            settle(1, copied.err().map(|fault| (key, fault)).into_iter().collect::<Refused>())
        })
    }

    pub fn etags(&self) -> OwnEtags {
        self.etags.known()
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
        let doing = format!("copying, {} so far", size(bytes));
        self.cx.pulse(Pulse { done, total, unit: "keys".to_owned(), doing });
    }

    async fn copy(&self, key: &str, pair: &Pair, begun: &Begun, has_moved: bool) -> Result<(), Fault> {
        let (target, source) = (self.way.target, &pair.source.content);
        let (mut sent, counted) = (has_moved || self.way.looks, &AtomicU64::new(0));
        let etag = target.flow().again(|| {
            let again = std::mem::replace(&mut sent, true);
            async move {
                // Its answer may have been lost, and a second copy would be a second version.
                if again {
                    self.bytes.fetch_sub(counted.swap(0, Ordering::Relaxed), Ordering::Relaxed);
                    if let Some(etag) = self.made(key, pair, begun).await? {
                        return Ok(etag);
                    }
                }
                match self.make(key, pair, counted).await {
                    Err(fault) if !fault.retry.is_transient() => self.instead(key, pair, begun, fault).await,
                    made => made,
                }
            }
        });
        let etag = etag.await?;
        if !self.way.overwrite && !target.guards() && !self.told.swap(true, Ordering::Relaxed) {
            self.cx.say(
                "this server cannot be asked to write only where nothing is: write nothing to the target meanwhile",
            );
        }
        self.bytes.fetch_add(begun.size - counted.load(Ordering::Relaxed), Ordering::Relaxed);
        self.etags.hear(target, key, source, &etag).await
    }

    /// What became of a copy that was refused for good: where it was because of what stands there by now, that is the one to
    /// tell.
    async fn instead(&self, key: &str, pair: &Pair, begun: &Begun, fault: Fault) -> Result<String, Fault> {
        match self.made(key, pair, begun).await {
            Ok(Some(etag)) => Ok(etag),
            Err(other) if other.code == DIFFERS => Err(other),
            _ => Err(fault),
        }
    }

    /// The ETag of what is there by now, where that is the copy. What is not stays, unless it may be overwritten.
    async fn made(&self, key: &str, pair: &Pair, begun: &Begun) -> Result<Option<String>, Fault> {
        let Way { source, target, overwrite, .. } = self.way;
        let Some(now) = target.current(key).await? else { return Ok(None) };
        if begun.is_made(&now.content.etag, now.content.size) {
            let id = Some(now.id.as_str()).filter(|id| *id != "null");
            let there = Origin { bucket: target, key, id, content: &now.content };
            let from = Origin { bucket: source, key: &pair.source.key, id: None, content: &pair.source.content };
            if from.holds_what(&there).await? {
                return Ok(Some(now.content.etag));
            }
        }
        match overwrite || begun.stands(&now.content.etag) {
            true => Ok(None),
            false => Err(Fault::new(DIFFERS, "something else was written there meanwhile; it stays")),
        }
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
