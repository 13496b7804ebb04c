//! Two listings side by side: each object of the source, with what stands under its key in the target.

use std::collections::VecDeque;
use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender};

use crate::model::Fault;
use crate::provider::s3::{Bucket, Object, ahead};

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
    pub bucket: &'a Bucket,
    pub prefix: &'a str,
}

/// Lists both behind that name while `use_them` takes.
pub async fn with<T, F>(
    source: Side<'_>,
    target: Side<'_>,
    after: Option<String>,
    use_them: impl FnOnce(Receiver<Page>) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    ahead(|to| list(Listing::new(source, &after), Listing::new(target, &after), to), use_them).await
}

async fn list(mut source: Listing<'_>, mut target: Listing<'_>, to: Sender<Page>) -> Result<(), Fault> {
    loop {
        let (one, other) = tokio::join!(source.fill(), target.fill());
        one.and(other)?;
        let pairs = merged(&mut source, &mut target);
        let last = source.is_over();
        if to.send(Page { pairs, last }).await.is_err() || last {
            return Ok(());
        }
    }
}

/// As far as both are known.
fn merged(source: &mut Listing<'_>, target: &mut Listing<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    while let Some(name) = source.name() {
        let order = match target.name() {
            Some(there) => there.as_bytes().cmp(name.as_bytes()),
            None if target.ended => std::cmp::Ordering::Greater,
            None => break,
        };
        let there = if order.is_gt() { None } else { target.ready.pop_front() };
        // What is only in the target is nobody's business.
        if order.is_lt() {
            continue;
        }
        let name = name.to_owned();
        pairs.extend(source.ready.pop_front().map(|source| Pair { name, source, target: there }));
    }
    pairs
}

struct Listing<'a> {
    side: Side<'a>,
    after: Option<String>,
    ready: VecDeque<Object>,
    ended: bool,
}

impl<'a> Listing<'a> {
    fn new(side: Side<'a>, after: &Option<String>) -> Self {
        let after = after.as_ref().map(|name| format!("{}{name}", side.prefix));
        Self { side, after, ready: VecDeque::new(), ended: false }
    }

    async fn fill(&mut self) -> Result<(), Fault> {
        while self.ready.is_empty() && !self.ended {
            let page = self.side.bucket.objects(self.side.prefix, self.after.as_deref()).await?;
            self.after = page.objects.last().map(|object| object.key.clone()).or(self.after.take());
            self.ended = !page.more;
            self.ready = page.objects.into();
        }
        Ok(())
    }

    /// That of the next object, behind the prefix.
    fn name(&self) -> Option<&str> {
        self.ready.front().map(|object| object.key.strip_prefix(self.side.prefix).unwrap_or(&object.key))
    }

    fn is_over(&self) -> bool {
        self.ended && self.ready.is_empty()
    }
}
