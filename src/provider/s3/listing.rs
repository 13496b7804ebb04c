//! Listings, page by page: several of one bucket at once, each of a range of its own, and a page of each fetched ahead while
//! those before are dealt with.

use std::future::Future;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc::{Receiver, channel};

use super::flow::Flow;
use crate::model::Fault;

/// How many lie ready beside those that the listings hold; with them the memory is bounded, whatever the bucket's size.
const AHEAD: usize = 2;

/// So many pages are counted before the work. Of a larger bucket it is said that there is more: the work itself lists all of it.
pub const COUNTED_PAGES: usize = 200;

/// On how many pages so many keys are at least; where that is not known there are more than were counted.
pub fn pages(keys: Option<u64>) -> usize {
    keys.and_then(|keys| usize::try_from(keys / 1000).ok()).unwrap_or(COUNTED_PAGES)
}

pub trait Listing: Send {
    type Page: Send;

    /// None behind the last one; before that nothing is fetched that is not asked for.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Self::Page>, Fault>>;
}

/// Lists while `use_them` takes pages, each with the number that its listing came with. Listings whose pages nobody takes any
/// more may end: whoever took them says why. One that fails ends all; what is under way with its pages comes to an end first.
pub async fn ahead<L, T, F>(
    flow: &Flow,
    listings: Vec<(usize, L)>,
    use_them: impl FnOnce(Receiver<(usize, L::Page)>) -> F,
) -> Result<T, Fault>
where
    L: Listing,
    F: Future<Output = Result<T, Fault>>,
{
    let (to, from) = channel(AHEAD);
    let all = async move {
        let each = stream::iter(listings).map(Ok::<_, Fault>);
        let listed = each.try_for_each_concurrent(flow.width(), |(number, mut listing)| {
            let to = to.clone();
            async move {
                while let Some(page) = listing.next().await? {
                    if to.send((number, page)).await.is_err() {
                        break;
                    }
                }
                Ok(())
            }
        });
        listed.await
    };
    let (mut listing, mut using) = (std::pin::pin!(all), std::pin::pin!(use_them(from)));
    tokio::select! {
        listed = &mut listing => {
            let used = using.await;
            listed?;
            used
        }
        used = &mut using => used,
    }
}
