//! The objects that are in a bucket now, one after the other in the order of their keys, listed by pages.

use std::cmp::Ordering;
use std::collections::VecDeque;

use super::bucket::Bucket;
use super::list::Object;
use super::marks::Range;
use crate::model::Fault;

pub struct Walk<'a> {
    /// None: a bucket that is not there yet, and so holds nothing.
    bucket: Option<&'a Bucket>,
    prefix: &'a str,
    /// What is not listed yet.
    range: Range,
    ready: VecDeque<Object>,
    ended: bool,
}

impl<'a> Walk<'a> {
    pub fn new(bucket: Option<&'a Bucket>, prefix: &'a str, range: Range) -> Self {
        Self { bucket, prefix, range, ready: VecDeque::new(), ended: bucket.is_none() }
    }

    /// Sees to it that the next one is known.
    pub async fn fill(&mut self) -> Result<(), Fault> {
        while let Some(bucket) = self.bucket.filter(|_| self.ready.is_empty() && !self.ended) {
            let page = bucket.objects(self.prefix, self.range.after.as_deref()).await?;
            let last = page.objects.last().map(|object| object.key.clone());
            let is_over = |key: &String| self.range.ends_before(key);
            self.ended = !page.more || last.as_ref().is_some_and(is_over);
            self.ready = page.objects.into_iter().filter(|object| !is_over(&object.key)).collect();
            self.range.after = last.or(self.range.after.take());
        }
        Ok(())
    }

    /// The key of the next one, behind the prefix.
    pub fn name(&self) -> Option<&str> {
        self.ready.front().map(|object| object.key.strip_prefix(self.prefix).unwrap_or(&object.key))
    }

    pub fn pop(&mut self) -> Option<Object> {
        self.ready.pop_front()
    }

    pub fn is_over(&self) -> bool {
        self.ended && self.ready.is_empty()
    }

    /// What is under that key. Keys are asked for in their order.
    pub async fn at(&mut self, key: &str) -> Result<Option<Object>, Fault> {
        loop {
            self.fill().await?;
            match self.ready.front().map(|object| object.key.as_bytes().cmp(key.as_bytes())) {
                Some(Ordering::Less) => drop(self.pop()),
                Some(Ordering::Equal) => return Ok(self.pop()),
                Some(Ordering::Greater) | None => return Ok(None),
            }
        }
    }
}
