//! The pages of a listing, one fetched ahead while the one before is dealt with.

use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::model::Fault;
use crate::provider::s3::{Bucket, Page, Start};

/// How many lie ready; with them the memory is bounded, whatever the bucket's size.
const AHEAD: usize = 2;

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
    let (to, from) = channel(AHEAD);
    let (mut listing, mut using) = (std::pin::pin!(list(bucket, prefix, after, to)), std::pin::pin!(use_them(from)));
    tokio::select! {
        listed = &mut listing => {
            listed?;
            using.await
        }
        used = &mut using => used,
    }
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
        // Nobody takes any more: whoever took them says why.
        if to.send(page).await.is_err() {
            return Ok(());
        }
        match next {
            Some(next) => start = next,
            None => return Ok(()),
        }
    }
}
