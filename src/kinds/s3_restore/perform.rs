//! The calls that do what was decided for a page.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// What the calls of all pages have in common.
#[derive(Clone, Copy)]
pub struct Hand<'a> {
    pub bucket: &'a Writer,
    /// Whose versions are copied.
    pub from: &'a Bucket,
    pub etags: &'a Etags,
    /// How many keys were taken for the same, and are copied after all.
    pub copied_after_all: &'a AtomicU64,
}

/// The calls for what was decided for a page of keys.
pub fn jobs(hand: Hand<'_>, todo: Vec<Todo>) -> Vec<Job<'_>> {
    let copy = |source: Source, before: String, doubt: Doubt| -> Job<'_> {
        let copy = Copy { hand, source, before, doubt };
        Box::pin(async move {
            let copied = copy.make().await;
            settle(1, copied.err().map(|fault| (copy.source.key, fault)).into_iter().collect())
        })
    };
    let (mut copies, mut looks, mut away) = (Vec::new(), Vec::new(), Vec::new());
    for Todo { history, action, before } in todo {
        let key = history.key;
        match action {
            Action::Copy(source) => {
                let has_moved = history.now.map(|now| now.id).unwrap_or_default() != before;
                copies.push(copy(source, before, if has_moved { Doubt::Moved } else { Doubt::None }));
            }
            Action::Compare(source) => looks.push(copy(source, before, Doubt::Same)),
            Action::Undelete { markers, .. } => away.extend(markers.into_iter().map(|id| (key.clone(), Some(id)))),
            Action::Delete => away.push((key, None)),
            Action::Leave | Action::Keep | Action::Ambiguous | Action::Lost => {}
        }
    }
    let bucket = hand.bucket;
    // The longest calls first, so that none of them is left alone at the end. What is compared comes last: whoever goes on after
    // a cut does that again.
    let deletions = away.chunks(DELETED_AT_ONCE).map(|some| some.to_vec());
    let deletions = deletions.map(|some| -> Job<'_> { Box::pin(delete(bucket, some)) });
    deletions.chain(copies).chain(looks).collect()
}

/// What has to be looked at before a copy is sent.
#[derive(Clone, Copy, PartialEq)]
enum Doubt {
    None,
    /// Something else is the latest than when an earlier process began: perhaps its copy.
    Moved,
    /// It may be the same already.
    Same,
}

struct Copy<'a> {
    hand: Hand<'a>,
    source: Source,
    before: String,
    doubt: Doubt,
}

impl Copy<'_> {
    async fn make(&self) -> Result<(), Fault> {
        let bucket = self.hand.bucket;
        if self.doubt == Doubt::Same {
            if self.is_same().await? {
                return Ok(());
            }
            self.hand.copied_after_all.fetch_add(1, Ordering::Relaxed);
        }
        let mut sent = self.doubt == Doubt::Moved;
        let etag = bucket.flow().again(|| {
            let again = std::mem::replace(&mut sent, true);
            async move {
                // Its answer may have been lost, and a second copy would be a second version.
                match if again { self.made().await? } else { None } {
                    Some(etag) => Ok(etag),
                    None => self.send().await,
                }
            }
        });
        self.hand.etags.hear(bucket, &self.source.key, &self.source.content, &etag.await?).await
    }

    /// With everything that belongs to it.
    async fn is_same(&self) -> Result<bool, Fault> {
        let Some(now) = self.hand.bucket.current(&self.source.key).await? else { return Ok(false) };
        let there =
            Origin { bucket: self.hand.bucket, key: &self.source.key, id: Some(&now.id), content: &now.content };
        let wanted = self.source.of(self.hand.from);
        let holds = self.hand.bucket.flow().again(|| wanted.holds_what(&there));
        Ok(holds.await? && wanted.belongings().await? == there.belongings().await?)
    }

    /// In the parts of its source, where it has some: then its ETag tells that it is the same.
    async fn send(&self) -> Result<String, Fault> {
        let (key, size, origin) = (&self.source.key, self.source.content.size, self.source.of(self.hand.from));
        let bucket = self.hand.bucket;
        match origin.parts().await?.or_else(|| (size > LARGEST_COPY).then(|| cut(size, PART))) {
            Some(parts) => bucket.copy_in_parts(key, &origin, By::Server, &parts, &|_| ()).await,
            None => bucket.copy(key, &origin, By::Server).await,
        }
    }

    /// The ETag of what is there by now, where that is the copy; none where nothing came since. What somebody else wrote
    /// since is not covered by a copy: a person has to look at it.
    async fn made(&self) -> Result<Option<String>, Fault> {
        let bucket = self.hand.bucket;
        let Some(now) = bucket.current(&self.source.key).await?.filter(|now| now.id != self.before) else {
            return Ok(None);
        };
        let there = Origin { bucket, key: &self.source.key, id: Some(&now.id), content: &now.content };
        if self.source.of(self.hand.from).holds_what(&there).await? {
            return Ok(Some(now.content.etag));
        }
        Err(Fault::new("RG2913", "somebody else wrote it since this step began"))
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
