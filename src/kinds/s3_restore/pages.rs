//! The pages of a listing of versions.

use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender};

use crate::model::Fault;
use crate::provider::s3::{Bucket, Page, Start, ahead};

/// Lists while `use_them` takes.
pub async fn with<T, F>(
    bucket: &Bucket,
    prefix: &str,
    after: Option<String>,
    use_them: impl FnOnce(Receiver<Page>) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    ahead(|to| list(bucket, prefix, after, to), use_them).await
}

async fn list(bucket: &Bucket, prefix: &str, after: Option<String>, to: Sender<Page>) -> Result<(), Fault> {
    let mut start = Start { key: after, version: None };
    loop {
        let page = bucket.versions(prefix, &start).await?;
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
