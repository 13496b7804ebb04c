//! Pages of a listing, one fetched ahead while the one before is dealt with.

use std::future::Future;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::model::Fault;

/// How many lie ready; with them the memory is bounded, whatever the bucket's size.
const AHEAD: usize = 2;

/// So many pages are counted before the work. Of a larger bucket it is said that there is more: the work itself lists all of it.
pub const COUNTED_PAGES: usize = 200;

/// Lists while `use_them` takes. A listing whose pages nobody takes any more may end: whoever took them says why.
pub async fn ahead<P, T, L, F>(
    list: impl FnOnce(Sender<P>) -> L,
    use_them: impl FnOnce(Receiver<P>) -> F,
) -> Result<T, Fault>
where
    L: Future<Output = Result<(), Fault>>,
    F: Future<Output = Result<T, Fault>>,
{
    let (to, from) = channel(AHEAD);
    let (mut listing, mut using) = (std::pin::pin!(list(to)), std::pin::pin!(use_them(from)));
    tokio::select! {
        listed = &mut listing => {
            listed?;
            using.await
        }
        used = &mut using => used,
    }
}
