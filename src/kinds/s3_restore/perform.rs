//! Does what was decided for a page, several calls at once.

use super::decide::Action;
use super::history::History;
use crate::model::Fault;
use crate::provider::s3::{By, Job, LARGEST_COPY, PART, Refused, Source, Writer, cut, settle, together};

/// A call that takes many away counts as many to a server, so large ones are no gain.
const DELETED_AT_ONCE: usize = 250;

/// Returns the keys that could not be dealt with, and why; fails where nothing more can be done.
pub async fn perform(bucket: &Writer, todo: &[(History, Action)], done: impl Fn(u64)) -> Result<Refused, Fault> {
    together(bucket.flow(), jobs(bucket, todo), done).await
}

fn jobs<'a>(bucket: &'a Writer, todo: &'a [(History, Action)]) -> Vec<Job<'a>> {
    let (mut copies, mut away): (Vec<Job<'a>>, _) = (Vec::new(), Vec::new());
    for (history, action) in todo {
        match action {
            Action::Copy(source) => copies.push(Box::pin(copy(bucket, history, source))),
            Action::Undelete { markers, .. } => {
                away.extend(markers.iter().map(|id| (history.key.clone(), Some(id.clone()))));
            }
            Action::Delete => away.push((history.key.clone(), None)),
            Action::Leave | Action::Keep | Action::Ambiguous => {}
        }
    }
    // The longest calls first: the page is done when the last one is.
    let deletions = away.chunks(DELETED_AT_ONCE).map(|some| some.to_vec());
    let deletions = deletions.map(|some| -> Job<'a> { Box::pin(delete(bucket, some)) });
    deletions.chain(copies).collect()
}

async fn copy(bucket: &Writer, history: &History, source: &Source) -> Result<(u64, Refused), Fault> {
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
                let (key, from, size) = (&source.key, source.of(bucket), source.content.size);
                let copied = match size > LARGEST_COPY {
                    true => bucket.copy_in_parts(key, &from, By::Server, &cut(size, PART), &|_| ()).await,
                    false => bucket.copy(key, &from, By::Server).await,
                };
                copied.map(|_| ())
            }
        })
        .await;
    settle(1, copied.err().map(|fault| (source.key.clone(), fault)).into_iter().collect())
}

async fn is_done(bucket: &Writer, source: &Source, before: Option<&str>) -> Result<bool, Fault> {
    Ok(bucket.current(&source.key).await?.is_some_and(|now| {
        let (etag, wanted) = (&now.content.etag, &source.content.etag);
        Some(now.id.as_str()) != before
            && now.content.size == source.content.size
            && (etag == wanted || etag.contains('-') || wanted.contains('-'))
    }))
}

/// Sent again where the answer was lost: what is gone is gone, and a second marker on top changes nothing that is seen.
async fn delete(bucket: &Writer, what: Vec<(String, Option<String>)>) -> Result<(u64, Refused), Fault> {
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
