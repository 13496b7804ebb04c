//! Waiting for an object to be written, without asking again and again.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use kube::Error;
use kube::api::{ListParams, WatchEvent, WatchParams};

use super::object::Place;

/// The server does not remember as far back as that.
const GONE: u16 = 410;
/// The client takes less than 295.
const SECONDS: u32 = 290;

enum Watched {
    Written,
    TooOld,
    /// It was closed, or never came.
    Closed,
}

impl Place {
    /// Waits until the object is written again after `version`, or for `longest`. False if it cannot be watched. What it is then is for a
    /// look to tell: a watch only wakes.
    pub async fn changed(&self, version: &str, longest: Duration) -> bool {
        let woken = async {
            match self.watched(version).await {
                Watched::TooOld => self.changed_from_now(version).await,
                watched => matches!(watched, Watched::Written),
            }
        };
        tokio::time::timeout(longest, woken).await.unwrap_or(true)
    }

    /// A list tells what is there, and from when on to watch for more.
    async fn changed_from_now(&self, version: &str) -> bool {
        let Ok(list) = self.api.list(&ListParams::default().fields(&self.selector_of_name())).await else {
            return false;
        };
        let now = list.items.first().and_then(|object| object.metadata.resource_version.as_deref());
        let from = list.metadata.resource_version.as_deref().unwrap_or_default();
        now != Some(version) || matches!(self.watched(from).await, Watched::Written)
    }

    async fn watched(&self, version: &str) -> Watched {
        let params = WatchParams::default().fields(&self.selector_of_name()).timeout(SECONDS);
        let events = match self.api.watch(&params, version).await {
            Err(Error::Api(status)) if status.code == GONE => return Watched::TooOld,
            Err(_) => return Watched::Closed,
            Ok(events) => events,
        };
        match pin!(events).next().await {
            Some(Ok(WatchEvent::Error(status))) if status.code == GONE => Watched::TooOld,
            None | Some(Err(_) | Ok(WatchEvent::Error(_))) => Watched::Closed,
            Some(Ok(_)) => Watched::Written,
        }
    }

    fn selector_of_name(&self) -> String {
        format!("metadata.name={}", self.name)
    }
}
