//! `http.get`: what a web server answers. Any status is an answer, not a fault; `expect` judges it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role, answered};
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::http::{self, Call, Failure, Headers};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};
use crate::runbook::duration;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Where to ask, without user and password.
    pub url: String,
    /// What is sent along. They go to the host of the URL, and not along with a redirect to another one.
    #[serde(default)]
    pub headers: Headers,
    /// File with the certificates that sign the server's, relative to the runbook.
    #[serde(default)]
    pub ca: Option<String>,
    /// For the whole answer: `10s` unless said.
    #[serde(default)]
    pub timeout: Option<String>,
    /// How many redirects are followed: 5 unless said.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub redirects: Option<usize>,
}

const PATIENCE: Duration = Duration::from_secs(10);
const REDIRECTS: usize = 5;

pub struct HttpGet;

async fn get(cx: &ReadCx, with: &Params) -> Result<Outputs, Fault> {
    let timeout = with.timeout.as_deref().map_or(Ok(PATIENCE), patience)?;
    let call = Call {
        method: "GET".to_owned(),
        url: with.url.clone(),
        headers: with.headers.clone(),
        body: None,
        ca: with.ca.as_ref().map(|ca| cx.path(ca)),
        timeout,
        masker: cx.masker(),
    };
    let (status, headers, body, cut) = match http::follow(&call, with.redirects.unwrap_or(REDIRECTS)).await {
        Ok(reply) => (json!(reply.status), http::header_outputs(&reply.headers), reply.text().into_owned(), reply.cut),
        // `expect: {refused: true}` proves that a door is shut.
        Err(Failure::Refused(_)) => (json!("refused"), json!({}), String::new(), false),
        Err(failure) => return Err(failure.fault()),
    };
    let outputs = [("status", status), ("headers", headers), ("body", json!(body)), ("cut", json!(cut))];
    Ok(outputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

fn patience(text: &str) -> Result<Duration, Fault> {
    duration::parse(text).ok().filter(|span| !span.is_zero()).ok_or_else(|| {
        Fault::new("RG2603", format!("`{text}` is no length of time to wait")).hint("for example 5s or 1m")
    })
}

impl Kind for HttpGet {
    const NAME: &'static str = "http.get";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: site-answers
uses: http.get
with:
  url: https://www.example.com/health
  timeout: 5s
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("status").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        let fault = |what: String, retry| Some(Fault::new("RG2604", what).retry(retry));
        match outputs.get("status").and_then(Value::as_u64) {
            None => fault("nobody listens at the address".to_owned(), RetryClass::Later),
            Some(status @ (429 | 500..)) => fault(format!("the server answers {status}"), RetryClass::Later),
            Some(status @ 400..) => fault(format!("the server answers {status}"), RetryClass::Never),
            Some(_) => None,
        }
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let complain = |field: &str, fault: Fault| Complaint::of(&[field], "RG2603", fault);
        let url = with.text(&["url"]).and_then(|url| http::url(url).err()).map(|fault| complain("url", fault));
        let time =
            with.text(&["timeout"]).and_then(|text| patience(text).err()).map(|fault| complain("timeout", fault));
        url.into_iter().chain(time).collect()
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading(with.text(&["url"]).map(str::to_owned))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        let outputs = [
            ("status", OutputType::Integer),
            ("headers", OutputType::Map),
            ("body", OutputType::Text),
            ("cut", OutputType::Boolean),
        ];
        Shape::of(outputs)
    }

    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        answered::<Self>(self.watch(cx, op).await?)
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        get(cx, &op.params).await.map(Next::Done)
    }
}
