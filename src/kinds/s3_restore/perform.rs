//! The calls that do what was decided for a page.

use super::decide::Action;
use crate::model::Fault;
use crate::provider::s3::history::History;
use crate::provider::s3::{
    Bucket, By, DELETED_AT_ONCE, Etags, Job, LARGEST_COPY, Origin, PART, Refused, Source, Writer, cut, settle,
};

/// What is done with one key.
pub struct Todo {
    pub history: History,
    pub action: Action,
    /// The id of what was the latest when this was first begun: another one by now may be our copy.
    pub before: String,
}

/// The calls for what was decided for a page of keys. `from`: whose versions are copied.
pub fn jobs<'a>(bucket: &'a Writer, from: &'a Bucket, etags: &'a Etags, todo: Vec<Todo>) -> Vec<Job<'a>> {
    let (mut copies, mut away): (Vec<Job<'a>>, _) = (Vec::new(), Vec::new());
    for Todo { history, action, before } in todo {
        let key = history.key;
        match action {
            Action::Copy(source) => {
                let has_moved = history.now.map(|now| now.id).unwrap_or_default() != before;
                let copy = Copy { bucket, from, etags, source, before, has_moved };
                copies.push(Box::pin(async move {
                    let copied = copy.make().await;
                    settle(1, copied.err().map(|fault| (copy.source.key, fault)).into_iter().collect())
                }));
            }
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

struct Copy<'a> {
    bucket: &'a Writer,
    from: &'a Bucket,
    etags: &'a Etags,
    source: Source,
    before: String,
    /// Something else is the latest than when an earlier process began: perhaps its copy.
    has_moved: bool,
}

impl Copy<'_> {
    async fn make(&self) -> Result<(), Fault> {
        let mut sent = self.has_moved;
        let etag = self.bucket.flow().again(|| {
            let again = std::mem::replace(&mut sent, true);
            async move {
                // Its answer may have been lost, and a second copy would be a second version.
                match if again { self.made().await? } else { None } {
                    Some(etag) => Ok(etag),
                    None => self.send().await,
                }
            }
        });
        self.etags.hear(self.bucket, &self.source.key, &self.source.content, &etag.await?).await
    }

    /// In the parts of its source, where it has some: then its ETag tells that it is the same.
    async fn send(&self) -> Result<String, Fault> {
        let (key, size, origin) = (&self.source.key, self.source.content.size, self.source.of(self.from));
        match origin.parts().await?.or_else(|| (size > LARGEST_COPY).then(|| cut(size, PART))) {
            Some(parts) => self.bucket.copy_in_parts(key, &origin, By::Server, &parts, &|_| ()).await,
            None => self.bucket.copy(key, &origin, By::Server).await,
        }
    }

    /// The ETag of what is there by now, where that is the copy.
    async fn made(&self) -> Result<Option<String>, Fault> {
        let Some(now) = self.bucket.current(&self.source.key).await?.filter(|now| now.id != self.before) else {
            return Ok(None);
        };
        let there = Origin { bucket: self.bucket, key: &self.source.key, id: Some(&now.id), content: &now.content };
        let is_same = self.source.of(self.from).holds_what(&there).await?;
        Ok(is_same.then_some(now.content.etag))
    }
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
