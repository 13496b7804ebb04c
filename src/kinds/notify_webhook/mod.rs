//! `notify.webhook`: tells somebody, at least once.
//!
//! Promises: the address is never shown, as it may be the secret; each attempt carries the operation's name, so that a hook which
//! looks at it tells once only.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, ReadCx, WorkCx};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::http::{self, Body, Call, Failure, Headers, Reply};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

/// Hooks answer at once; who is late is asked again.
const PATIENCE: Duration = Duration::from_secs(30);
/// Of a refusal's first line.
const EXCERPT: usize = 200;

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
        let mut headers = op.params.headers.clone();
        headers.insert("Idempotency-Key".to_owned(), Secret::new(op.id.to_string()));
        if let Some(body) = &op.params.body {
            body.name_type(&mut headers);
        }
        let call = Call {
            method: "POST".to_owned(),
            url: op.params.url.expose().to_owned(),
            headers,
            body: op.params.body.as_ref().map(Body::text),
            ca: op.params.ca.as_ref().map(|ca| cx.path(ca)),
            timeout: PATIENCE,
        };
        let reply = http::send(&call).await.map_err(Failure::fault)?;
        judged(&reply).map(Next::Done)
    }
}

fn judged(reply: &Reply) -> Result<Outputs, Fault> {
    let retry = match reply.status {
        200..=299 => return Ok(Outputs::from_iter([("status".to_owned(), json!(reply.status))])),
        429 | 500..=599 => RetryClass::Later,
        _ => RetryClass::Never,
    };
    let mut fault = Fault::new("RG2608", format!("the hook answers {}", reply.status))
        .retry(retry)
        .hint("look at the address and at what this hook wants in its body; then `regrow retry STEP`");
    let line = reply.body.trim().lines().next().unwrap_or_default();
    fault.causes.extend((!line.is_empty()).then(|| line.chars().take(EXCERPT).collect()));
    Err(fault)
}

#[cfg(test)]
mod tests;
