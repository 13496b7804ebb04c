//! Does what was decided for a page, several calls at once.

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;

use super::decide::Action;
use super::history::History;
use crate::model::Fault;
use crate::provider::s3::{LARGEST_COPY, PART, Source, Writer};

/// A call that takes many away counts as many to a server, so large ones are no gain.
const DELETED_AT_ONCE: usize = 250;

type Failures = Vec<(String, Fault)>;
type Job<'a> = BoxFuture<'a, Result<(u64, Failures), Fault>>;

/// Returns the keys that could not be dealt with, and why; fails where nothing more can be done.
pub async fn perform(bucket: &Writer, todo: &[(History, Action)], done: impl Fn(u64)) -> Result<Failures, Fault> {
    let mut jobs = jobs(bucket, todo).into_iter();
    let (mut running, mut failed, mut count) = (FuturesUnordered::new(), Vec::new(), 0);
    loop {
        while running.len() < bucket.flow().width()
            && let Some(job) = jobs.next()
        {
            running.push(job);
        }
        let Some(ended) = running.next().await else { return Ok(failed) };
        let (keys, failures) = ended?;
        failed.extend(failures);
        count += keys;
        done(count);
    }
}

fn jobs<'a>(bucket: &'a Writer, todo: &'a [(History, Action)]) -> Vec<Job<'a>> {
    let (mut jobs, mut away): (Vec<Job<'a>>, _) = (Vec::new(), Vec::new());
    for (history, action) in todo {
        match action {
            Action::Copy(source) => jobs.push(Box::pin(copy(bucket, history, source))),
            Action::Undelete { markers, .. } => {
                away.extend(markers.iter().map(|id| (history.key.clone(), Some(id.clone()))));
            }
            Action::Delete => away.push((history.key.clone(), None)),
            Action::Leave | Action::Keep | Action::Ambiguous => {}
        }
    }
    let deletions = away.chunks(DELETED_AT_ONCE).map(|some| some.to_vec());
    jobs.extend(deletions.map(|some| -> Job<'a> { Box::pin(delete(bucket, some)) }));
    jobs
}

async fn copy(bucket: &Writer, history: &History, source: &Source) -> Result<(u64, Failures), Fault> {
    let before = history.now.as_ref().map(|now| now.id.as_str());
    let mut sent = false;
    let copied = bucket
        .flow()
        .again(|| {
            let again = std::mem::replace(&mut sent, true);
            async move {
                // Its answer may have been lost, and a second copy would be a second version.
                if again && is_done(bucket, source, before).await? {
                    return Ok(());
                }
                match source.content.size > LARGEST_COPY {
                    true => bucket.copy_in_parts(source, PART).await,
                    false => bucket.copy(source).await,
                }
            }
        })
        .await;
    settle(1, copied.err().map(|fault| (source.key.clone(), fault)).into_iter().collect())
}

async fn is_done(bucket: &Writer, source: &Source, before: Option<&str>) -> Result<bool, Fault> {
    Ok(bucket.current(&source.key).await?.is_some_and(|(id, etag, size)| {
        Some(id.as_str()) != before
            && size == source.content.size
            && (etag == source.content.etag || etag.contains('-') || source.content.etag.contains('-'))
    }))
}

/// Sent again where the answer was lost: what is gone is gone, and a second marker on top changes nothing that is seen.
async fn delete(bucket: &Writer, what: Vec<(String, Option<String>)>) -> Result<(u64, Failures), Fault> {
    let refused = bucket.flow().again(|| async {
        let refused = bucket.delete(&what).await?;
        match refused.iter().find(|(_, fault)| fault.retry.is_transient()) {
            Some((_, fault)) => Err(fault.clone()),
            None => Ok(refused),
        }
    });
    let refused = refused.await?;
    settle(what.len() as u64, refused)
}

/// A server that is gone, or lets nobody in, is no matter of one key.
fn settle(keys: u64, failures: Failures) -> Result<(u64, Failures), Fault> {
    match failures.iter().find(|(_, fault)| fault.retry.is_transient() || fault.code == "RG2906") {
        Some((_, fault)) => Err(fault.clone()),
        None => Ok((keys, failures)),
    }
}
