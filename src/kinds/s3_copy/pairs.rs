//! Two listings side by side: each object of the source, with what stands under its key in the target.

use std::cmp::Ordering;

use futures_util::future::BoxFuture;

use crate::model::Fault;
use crate::provider::s3::{Bucket, Cut, Listing, Object, Of, Range, Walk};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// Its key behind the prefix, which may be another one in the target.
    pub name: String,
    pub source: Object,
    pub target: Option<Object>,
}

pub struct Page {
    pub pairs: Vec<Pair>,
    pub last: bool,
}

/// A bucket and the prefix under which it is looked at.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// None: it is not there yet.
    pub bucket: Option<&'a Bucket>,
    pub prefix: &'a str,
}

impl<'a> Side<'a> {
    /// What has a name in that range.
    fn walk(self, names: &Range) -> Walk<'a> {
        let key = |name: &Option<String>| name.as_ref().map(|name| format!("{}{name}", self.prefix));
        Walk::new(self.bucket, self.prefix, Range { after: key(&names.after), until: key(&names.until) })
    }
}

/// Ranges of names that hold everything in the source, of which there are so many pages at least.
pub async fn cut(source: &Bucket, prefix: &str, pages: usize) -> Result<Cut, Fault> {
    let name = |key: Option<String>| key.map(|key| key.strip_prefix(prefix).unwrap_or(&key).to_owned());
    let Cut { ranges, worth } = source.cut(prefix, Of::Objects, pages).await?;
    let ranges = ranges.into_iter().map(|keys| Range { after: name(keys.after), until: name(keys.until) });
    Ok(Cut { ranges: ranges.collect(), worth })
}

pub struct Pairs<'a> {
    source: Walk<'a>,
    target: Walk<'a>,
    ended: bool,
}

impl<'a> Pairs<'a> {
    pub fn new(source: Side<'a>, target: Side<'a>, names: &Range) -> Self {
        Self { source: source.walk(names), target: target.walk(names), ended: false }
    }

    /// As far as both are known.
    fn merged(&mut self) -> Vec<Pair> {
        let (source, target, mut pairs) = (&mut self.source, &mut self.target, Vec::new());
        while let Some(name) = source.name() {
            let order = match target.name() {
                Some(there) => there.as_bytes().cmp(name.as_bytes()),
                None if target.is_over() => Ordering::Greater,
                None => break,
            };
            let there = if order.is_gt() { None } else { target.pop() };
            // What is only in the target is nobody's business.
            if order.is_lt() {
                continue;
            }
            let name = name.to_owned();
            pairs.extend(source.pop().map(|source| Pair { name, source, target: there }));
        }
        pairs
    }
}

impl Listing for Pairs<'_> {
    type Page = Page;

    fn next(&mut self) -> BoxFuture<'_, Result<Option<Page>, Fault>> {
        Box::pin(async {
            if self.ended {
                return Ok(None);
            }
            let (one, other) = tokio::join!(self.source.fill(), self.target.fill());
            one.and(other)?;
            let pairs = self.merged();
            self.ended = self.source.is_over();
            Ok(Some(Page { pairs, last: self.ended }))
        })
    }
}
