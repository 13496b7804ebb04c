//! `notify.webhook`: tells somebody, at least once.
//!
//! Promises: the address is never shown, as it may be the secret; each attempt carries the operation's name, so that a hook which
//! looks at it tells once only.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, ReadCx, Rehearsal, Scratch, WorkCx};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault};
use crate::provider::http::hook::{Hook, post};
use crate::provider::http::{self, Body, Headers};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

/// Hooks answer at once; who is late is asked again.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The hook. It may be a secret, and is never shown.
    pub url: Secret,
    /// Text is sent as it is, a mapping or list as JSON.
    #[serde(default)]
    pub body: Option<Body>,
    /// What is sent along.
    #[serde(default)]
    pub headers: Headers,
    /// File with the certificates that sign the server's, relative to the runbook.
    #[serde(default)]
    pub ca: Option<String>,
}

pub struct NotifyWebhook;

impl Kind for NotifyWebhook {
    const NAME: &'static str = "notify.webhook";
    const PAGE: &'static str = include_str!("page.md");
    const PREPARES: bool = false;
    const WORKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: tell-the-team
uses: notify.webhook
needs: []
with:
  url: https://chat.example.com/hooks/recovery
  body: {text: the shop is back}
retry: {attempts: 3, delay: 5s, when: [transient]}
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let fault = with.text(&["url"]).and_then(|url| http::url(url).err());
        fault.map(|fault| Complaint::of(&["url"], "RG2603", fault)).into_iter().collect()
    }

    /// To be told twice does no harm, and the operation's name is the key.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn drill(&self, _: &Late<'_>, _: &Scratch<'_>) -> Rehearsal {
        Rehearsal::LeftOut("whoever gets it would take it for the real thing")
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let url = with.text(&["url"]).and_then(|url| http::url(url).ok());
        Foresight::touching(url.and_then(|url| Some(format!("a web hook of {}", url.host_str()?))))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("status", OutputType::Integer)])
    }

    async fn find(&self, _: &ReadCx, _: &Op<Params, ()>) -> Result<Found, Fault> {
        Ok(Found::Absent)
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let hook = Hook {
            url: op.params.url.clone(),
            headers: op.params.headers.clone(),
            body: op.params.body.clone(),
            ca: op.params.ca.as_ref().map(|ca| cx.path(ca)),
            key: op.id.to_string(),
            timeout: PATIENCE,
            masker: cx.masker(),
        };
        let status = post(hook).await.map_err(|fault| match &fault.hint {
            Some(hint) if fault.code == "RG2608" => {
                let hint = format!("{hint}; then `regrow retry STEP`");
                fault.hint(hint)
            }
            _ => fault,
        })?;
        Ok(Next::Done(Outputs::from_iter([("status".to_owned(), json!(status))])))
    }
}

#[cfg(test)]
mod tests;
