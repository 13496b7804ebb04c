//! `tcp.connect`: whether somebody listens at an address. Not to be let in is an answer, not a fault; `expect` judges it.

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role, answered};
use crate::model::{Effect, Fault, RetryClass};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// `host:port`; an IPv6 address in brackets.
    pub address: String,
    /// How long to wait for the connection: `5s` unless said.
    #[serde(default)]
    pub timeout: Option<String>,
}

pub struct TcpConnect;

/// `value` is the main one: true where a connection was made.
pub async fn probe(with: &Params) -> Result<Outputs, Fault> {
    let address = parse(&with.address)?;
    let patience = with.timeout.as_deref().map_or(Ok(Duration::from_secs(5)), patience)?;
    let began = Instant::now();
    let (connected, why) = match tokio::time::timeout(patience, tokio::net::TcpStream::connect(address)).await {
        Ok(Ok(_)) => (true, String::new()),
        Ok(Err(error)) => (false, error.to_string()),
        Err(_) => (false, format!("no answer within {patience:?}")),
    };
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outputs = [("value", json!(connected)), ("milliseconds", json!(milliseconds)), ("error", json!(why))];
    Ok(outputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// Host and port, the brackets of an IPv6 address taken off.
fn parse(address: &str) -> Result<(&str, u16), Fault> {
    let fault = || {
        Fault::new("RG2451", format!("`{address}` is no address of the form host:port"))
            .hint("for example 127.0.0.1:5432 or [::1]:5432")
    };
    let (host, port) = address.trim().rsplit_once(':').ok_or_else(fault)?;
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = bare.unwrap_or(host);
    if host.is_empty() || (bare.is_none() && host.contains([':', '/'])) {
        return Err(fault());
    }
    Ok((host, port.parse().ok().filter(|port| *port > 0).ok_or_else(fault)?))
}

fn patience(text: &str) -> Result<Duration, Fault> {
    let span = text.parse::<jiff::SignedDuration>().ok().and_then(|span| Duration::try_from(span).ok());
    span.filter(|span| !span.is_zero()).ok_or_else(|| {
        Fault::new("RG2452", format!("`{text}` is no length of time to wait")).hint("for example 500ms, 5s or 1m")
    })
}

impl Kind for TcpConnect {
    const NAME: &'static str = "tcp.connect";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: listens
uses: tcp.connect
with:
  address: 127.0.0.1:5432
  timeout: 2s
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("value").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        if outputs.get("value") == Some(&Value::Bool(true)) {
            return None;
        }
        let why = outputs.get("error").and_then(Value::as_str).unwrap_or_default();
        Some(Fault::new("RG2453", format!("nobody can be reached: {why}")).retry(RetryClass::Later))
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let complain = |name: &str, code, fault: Option<Fault>| {
            fault.map(|it| Complaint { path: vec![name.into()], code, message: it.message, help: it.hint })
        };
        let text = |name: &str| match with.get(&[name]) {
            Known::Known(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let address = text("address").and_then(|text| parse(&text).err());
        let timeout = text("timeout").and_then(|text| patience(&text).err());
        [complain("address", "RG2451", address), complain("timeout", "RG2452", timeout)].into_iter().flatten().collect()
    }

    fn effect(&self, _with: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let reads = with.text(&["address"]).map(|address| format!("server {address}"));
        Foresight::reading(reads)
    }

    fn outputs(&self, _with: &Late<'_>) -> Shape {
        let outputs =
            [("value", OutputType::Boolean), ("milliseconds", OutputType::Integer), ("error", OutputType::Text)];
        Shape::of(outputs)
    }

    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        answered::<Self>(self.watch(cx, op).await?)
    }

    /// The connection is made here: watching may be repeated, as a read may.
    async fn watch(&self, _cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        probe(&op.params).await.map(Next::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn value(address: &str) -> Value {
        let with = Params { address: address.into(), timeout: Some("500ms".into()) };
        probe(&with).await.unwrap()["value"].clone()
    }

    #[tokio::test]
    async fn a_listener_is_true_and_a_closed_port_is_false() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(value(&address).await, json!(true));
        drop(listener);
        assert_eq!(value(&address).await, json!(false));
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_is_false() {
        assert_eq!(value("no-such-host.invalid:80").await, json!(false));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in ["localhost", "localhost:", ":80", "localhost:0", "http://x:80", "::1:80", "x:99999"] {
            assert_eq!(parse(wrong).unwrap_err().code, "RG2451", "{wrong}");
        }
        assert_eq!(parse("[::1]:80").unwrap(), ("::1", 80));
    }
}
