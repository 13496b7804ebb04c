//! Two listings side by side: each object of the source, with what stands under its key in the target.

use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender};

use crate::model::Fault;
use crate::provider::s3::{Bucket, Object, Walk, ahead};

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
    ahead(|to| list(walk(source, &after), walk(target, &after), to), use_them).await
}

async fn list(mut source: Walk<'_>, mut target: Walk<'_>, to: Sender<Page>) -> Result<(), Fault> {
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
fn merged(source: &mut Walk<'_>, target: &mut Walk<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    while let Some(name) = source.name() {
        let order = match target.name() {
            Some(there) => there.as_bytes().cmp(name.as_bytes()),
            None if target.is_over() => std::cmp::Ordering::Greater,
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

fn walk<'a>(side: Side<'a>, after: &Option<String>) -> Walk<'a> {
    let after = after.as_ref().map(|name| format!("{}{name}", side.prefix));
    Walk::new(side.bucket, side.prefix, after)
}
