//! Whether two objects hold the same: by size and ETag, and where an ETag tells nothing of the content, by what we wrote.
//!
//! A copy has the ETag of its source, because it is made in the same parts. Not so where a server makes ETags of its own (it
//! encrypts with keys of its own), and where nobody can tell the parts of the source. That is learned from the answer to a copy
//! of ours: from then on what was written since, and has the size, counts as the same; for parts that nobody can tell only
//! what was uploaded in parts. What somebody else may have written is compared byte by byte.

use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::fault::of;
use super::list::Content;
use super::write::Origin;
use crate::model::Fault;

/// When the first copies of ours were written whose ETags are not those of their sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnEtags {
    /// Of any object.
    any: Option<Timestamp>,
    /// Of one that was uploaded in parts.
    parts: Option<Timestamp>,
}

impl OwnEtags {
    fn of(&mut self, source: &Content) -> &mut Option<Timestamp> {
        if source.in_parts() { &mut self.parts } else { &mut self.any }
    }

    /// Whether what was written then may be a copy of it, whatever its ETag.
    fn cover(&self, source: &Content, time: Timestamp) -> bool {
        let parts = self.parts.filter(|_| source.in_parts());
        [self.any, parts].into_iter().flatten().any(|since| time >= since)
    }

    /// As far as a listing tells.
    pub fn are_same(&self, source: &Content, there: &Content, time: Timestamp) -> bool {
        source.size == there.size && (source.etag == there.etag || self.cover(source, time))
    }
}

/// What all copies of one piece of work have learned.
#[derive(Debug, Default)]
pub struct Etags(Mutex<OwnEtags>);

impl Etags {
    pub fn new(known: OwnEtags) -> Self {
        Self(Mutex::new(known))
    }

    pub fn known(&self) -> OwnEtags {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A copy of it under that key has this ETag, said the answer. Where that is news it is worth asking when it was written.
    pub async fn hear(&self, target: &Bucket, key: &str, source: &Content, etag: &str) -> Result<(), Fault> {
        if etag != source.etag && self.known().of(source).is_none() {
            self.learn(source, target.current(key).await?.and_then(|now| now.time));
        }
        Ok(())
    }

    /// A copy of it with another ETag was written then.
    pub fn learn(&self, source: &Content, time: Option<Timestamp>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = known.of(source);
        *since = since.iter().copied().chain(time).min();
    }
}

impl Origin<'_> {
    /// By size and ETag; where ETags differ both are read: somebody else may have written as much.
    pub async fn holds_what(&self, other: &Origin<'_>) -> Result<bool, Fault> {
        if self.content.size != other.content.size {
            return Ok(false);
        }
        if self.content.etag == other.content.etag {
            return Ok(true);
        }
        let (mut one, mut two) = (self.read().await?, other.read().await?);
        let (mut left, mut right) = (Vec::new(), Vec::new());
        loop {
            for (body, bytes, origin) in [(&mut one, &mut left, self), (&mut two, &mut right, other)] {
                if bytes.is_empty()
                    && let Some(more) = body.try_next().await.map_err(|error| origin.bucket.lost(&error))?
                {
                    bytes.extend_from_slice(&more);
                }
            }
            let known = left.len().min(right.len());
            if left[..known] != right[..known] {
                return Ok(false);
            }
            if known == 0 {
                return Ok(left.is_empty() && right.is_empty());
            }
            left.drain(..known);
            right.drain(..known);
        }
    }

    async fn read(&self) -> Result<aws_sdk_s3::primitives::ByteStream, Fault> {
        let get = self.bucket.client.get_object().bucket(&self.bucket.name).key(self.key);
        let get = get.set_version_id(self.id.map(str::to_owned)).set_if_match(self.only_if());
        Ok(get.send().await.map_err(|error| of(self.bucket.said(), error))?.body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_copy_taught_counts_for_its_likes_alone() {
        let content = |etag: &str| Content { etag: etag.to_owned(), size: 3, class: String::new() };
        let at = |second| Timestamp::from_second(second).unwrap();
        let (whole, parts, other) = (content("a"), content("b-2"), content("c"));
        let etags = Etags::default();
        let known_of = |etags: &Etags, source: &Content| etags.known().of(source).is_some();
        assert!(!known_of(&etags, &parts) && !etags.known().are_same(&parts, &other, at(9)));
        etags.learn(&parts, Some(at(5)));
        let known = etags.known();
        assert!(known_of(&etags, &parts) && !known_of(&etags, &whole));
        assert!(known.are_same(&parts, &other, at(5)) && !known.are_same(&parts, &other, at(4)));
        assert!(!known.are_same(&whole, &other, at(9)), "its ETag still tells");
        etags.learn(&whole, Some(at(7)));
        etags.learn(&whole, Some(at(6)));
        let known = etags.known();
        assert!(known.are_same(&whole, &other, at(6)) && !known.are_same(&whole, &other, at(5)));
        assert!(!known.are_same(&whole, &Content { size: 4, ..other }, at(9)));
        assert!(known.are_same(&whole, &whole, at(0)));
    }
}
