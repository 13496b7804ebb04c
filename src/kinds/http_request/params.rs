//! What a request is made of, as the runbook writes it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::Fault;
use crate::provider::http::{self, Body, Headers};
use crate::runbook::catalog::{Complaint, Known, Late};
use crate::runbook::duration;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    pub method: Method,
    /// Where it goes, without user and password.
    pub url: String,
    /// What is sent along.
    #[serde(default)]
    pub headers: Headers,
    /// Text is sent as it is, a mapping or list as JSON.
    #[serde(default)]
    pub body: Option<Body>,
    /// Tells whether it happened.
    #[serde(default)]
    pub probe: Option<Probe>,
    /// The header under which this server takes a call once only: it is sent with the name of the operation, the same on
    /// every attempt.
    #[serde(default)]
    pub idempotency_header: Option<String>,
    /// File with the certificates that sign the server's, relative to the runbook.
    #[serde(default)]
    pub ca: Option<String>,
    /// For the whole answer: `1m` unless said.
    #[serde(default)]
    pub answer_within: Option<String>,
}

/// What is done there. GET and HEAD only read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }

    pub fn only_reads(self) -> bool {
        matches!(self, Method::Get | Method::Head)
    }
}

/// A GET that tells whether the call has happened: 2xx says yes, 404 no, anything else nothing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Probe {
    /// Where to look.
    pub url: String,
    #[serde(default)]
    pub headers: Headers,
    /// A 2xx answer says yes only with this text in it, else no.
    #[serde(default)]
    pub contains: Option<String>,
}

const PATIENCE: Duration = Duration::from_secs(60);

impl Params {
    /// How long the answer is waited for.
    pub fn patience(&self) -> Result<Duration, Fault> {
        self.answer_within.as_deref().map_or(Ok(PATIENCE), patience)
    }
}

fn patience(text: &str) -> Result<Duration, Fault> {
    duration::parse(text).ok().filter(|span| !span.is_zero()).ok_or_else(|| {
        Fault::new("RG2603", format!("`{text}` is no length of time to wait")).hint("for example 30s or 2m")
    })
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let complain = |path: &[&str], fault: Fault| Complaint::of(path, "RG2603", fault);
    let url = |path: &[&str]| with.text(path).and_then(|url| http::url(url).err()).map(|fault| complain(path, fault));
    let time = with.text(&["answer_within"]).and_then(|text| patience(text).err());
    let reads = with.text(&["method"]).is_some_and(|method| matches!(method, "GET" | "HEAD"));
    let needless =
        ["probe", "idempotency_header"].into_iter().filter(|name| reads && with.get(&[name]) != Known::Absent);
    let needless = needless.map(|name| {
        let fault = Fault::new("RG2603", format!("`{name}` is for calls that change something")).hint("leave it out");
        complain(&[name], fault)
    });
    let places = [url(&["url"]), url(&["probe", "url"]), time.map(|fault| complain(&["answer_within"], fault))];
    places.into_iter().flatten().chain(needless).collect()
}
