//! The calls that do what was decided for a page.

use super::decide::Action;
use crate::model::Fault;
use crate::provider::s3::history::History;
use crate::provider::s3::{Bucket, By, DELETED_AT_ONCE, Job, LARGEST_COPY, PART, Refused, Source, Writer, cut, settle};

/// The calls for what was decided for a page of keys. `from`: whose versions are copied.
pub fn jobs<'a>(bucket: &'a Writer, from: &'a Bucket, todo: Vec<(History, Action)>) -> Vec<Job<'a>> {
    let (mut copies, mut away): (Vec<Job<'a>>, _) = (Vec::new(), Vec::new());
    for (history, action) in todo {
        let key = history.key;
        match action {
            Action::Copy(source) => copies.push(Box::pin(copy(bucket, from, history.now.map(|now| now.id), source))),
            Action::Undelete { markers, .. } => away.extend(markers.into_iter().map(|id| (key.clone(), Some(id)))),
            Action::Delete => away.push((key, None)),
            Action::Leave | Action::Keep | Action::Ambiguous => {}
        }
    }
    // The longest calls first, so that none of them is left alone at the end.
    let deletions = away.chunks(DELETED_AT_ONCE).map(|some| some.to_vec());
    let deletions = deletions.map(|some| -> Job<'a> { Box::pin(delete(bucket, some)) });
    deletions.chain(copies).collect()
}

/// `before`: the id of what was the latest.
async fn copy(bucket: &Writer, from: &Bucket, before: Option<String>, source: Source) -> Result<(u64, Refused), Fault> {
    let (mut sent, before, version) = (false, before.as_deref(), &source);
    let copied = bucket.flow().again(|| {
        let again = std::mem::replace(&mut sent, true);
        async move {
            // Its answer may have been lost, and a second copy would be a second version.
            if again && is_done(bucket, version, before).await? {
                return Ok(());
            }
            let (key, origin, size) = (&version.key, version.of(from), version.content.size);
            let copied = match size > LARGEST_COPY {
                true => bucket.copy_in_parts(key, &origin, By::Server, &cut(size, PART), &|_| ()).await,
                false => bucket.copy(key, &origin, By::Server).await,
            };
            copied.map(|_| ())
        }
    });
    let copied = copied.await;
    settle(1, copied.err().map(|fault| (source.key, fault)).into_iter().collect())
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
