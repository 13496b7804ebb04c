//! The pages of a listing of versions.

use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender};

use super::{Bucket, Page, Range, Start, ahead};
use crate::model::Fault;

/// Lists while `use_them` takes. The last page of a range may hold keys behind it.
pub async fn with<T, F>(
    bucket: &Bucket,
    prefix: &str,
    range: &Range,
    use_them: impl FnOnce(Receiver<Page>) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    ahead(|to| list(bucket, prefix, range, to), use_them).await
}

async fn list(bucket: &Bucket, prefix: &str, range: &Range, to: Sender<Page>) -> Result<(), Fault> {
    let mut start = Start { key: range.after.clone(), version: None };
    loop {
        let mut page = bucket.versions(prefix, &start).await?;
        // The next one begins in or behind that key.
        let is_over = |next: &Start| next.key.as_ref().is_some_and(|key| range.ends_before(key));
        page.next = page.next.filter(|next| !is_over(next));
        let next = page.next.clone();
        if next.as_ref() == Some(&start) {
            return Err(Fault::new("RG2907", format!("the listing of {} does not come to an end", bucket.said()))
                .hint("this server gives one page again and again; its listing cannot be relied on"));
        }
        if to.send(page).await.is_err() {
            return Ok(());
        }
        match next {
            Some(next) => start = next,
            None => return Ok(()),
        }
    }
}
