//! Sends a message to somebody outside, and says what became of it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::engine::command::{Happening, Telling};
use crate::model::Fault;
use crate::model::secret::Secret;
use crate::model::told::Matter;
use crate::provider::http::hook::{Hook, post};
use crate::provider::http::{Body, Headers};
use crate::provider::mask::Masker;

/// What is said of a run, made of what is on disk; lives above the engine.
pub type Compose = Arc<dyn Fn(&[Matter]) -> Value + Send + Sync>;

/// The executor may be about to leave: a hook that takes longer is asked again.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn tell(telling: Telling, compose: Compose, masker: Masker) -> Happening {
    let (entry, upto) = (telling.entry, telling.upto);
    Happening::Told { entry, upto, result: send(telling, compose, masker).await }
}

async fn send(telling: Telling, compose: Compose, masker: Masker) -> Result<(), Fault> {
    let when = telling.when;
    // It reads the whole journal.
    let body = tokio::task::spawn_blocking(move || compose(&when)).await;
    let body = body.map_err(|error| Fault::new("RG2608", "the message cannot be put together").caused_by(&error))?;
    let url = Secret::new(telling.to.as_str().unwrap_or_default());
    let hook = Hook {
        url,
        headers: Headers::new(),
        body: Some(Body::json(body)),
        ca: None,
        key: telling.key,
        timeout: PATIENCE,
        masker,
    };
    post(hook).await.map(drop)
}
