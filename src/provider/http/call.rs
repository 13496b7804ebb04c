//! A request and its answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderName, HeaderValue, LOCATION, SET_COOKIE, USER_AGENT};
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use url::Url;

use super::connect::{Unreached, connect};
use crate::model::secret::Secret;
use crate::model::{Fault, RetryClass};
use crate::provider::mask::Masker;

/// An answer is a proof or a receipt, not a download.
const LIMIT: usize = 256 * 1024;

pub type Headers = BTreeMap<String, Secret>;

#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub url: String,
    pub headers: Headers,
    pub body: Option<Secret>,
    /// Certificates to believe instead of the machine's.
    pub ca: Option<PathBuf>,
    /// From the first packet to the last byte of the answer.
    pub timeout: Duration,
    /// What an answer must not keep a part of where it is cut.
    pub masker: Masker,
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as it came, which need not be text.
    pub bytes: Vec<u8>,
    /// Whether there was more than is kept.
    pub cut: bool,
}

impl Reply {
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

#[derive(Debug)]
pub enum Failure {
    /// Nobody listens there; nothing was sent.
    Refused(Fault),
    NotSent(Fault),
    /// The server may have got it.
    Lost(Fault),
}

impl Failure {
    pub fn fault(self) -> Fault {
        match self {
            Failure::Refused(fault) | Failure::NotSent(fault) | Failure::Lost(fault) => fault,
        }
    }
}

/// The URL, if it is one that can be called.
pub fn url(text: &str) -> Result<Url, Fault> {
    let wrong = |why: &str| Fault::new("RG2603", format!("the URL cannot be called: {why}"));
    let url = Url::parse(text.trim())
        .map_err(|error| wrong(&error.to_string()).hint("for example https://example.com/health"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a user or a password")
            .hint("send them in `headers`: `Authorization: \"{{ secrets.NAME }}\"`"));
    }
    Ok(url)
}

/// Sends it once, and follows nothing.
pub async fn send(call: &Call) -> Result<Reply, Failure> {
    send_to(&url(&call.url).map_err(Failure::NotSent)?, call).await
}

/// Sends a question, and goes where the server says the answer is, up to so many times.
pub async fn follow(call: &Call, most: usize) -> Result<Reply, Failure> {
    let first = url(&call.url).map_err(Failure::NotSent)?;
    let (mut at, mut call) = (first.clone(), call.clone());
    for _ in 0..=most {
        let reply = send_to(&at, &call).await?;
        let Some(next) = redirect(&at, &reply).map_err(Failure::NotSent)? else { return Ok(reply) };
        if next.origin() != first.origin() {
            // What lets us in there is nobody else's business.
            call.headers.clear();
        }
        at = next;
    }
    let what = format!("the answer is further than {most} redirects away, at last at {at}");
    Err(Failure::NotSent(Fault::new("RG2605", what).hint("call the address itself, or allow more `redirects`")))
}

fn redirect(from: &Url, reply: &Reply) -> Result<Option<Url>, Fault> {
    if !matches!(reply.status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(to) = reply.headers.get(LOCATION).and_then(|to| to.to_str().ok()) else { return Ok(None) };
    let to = from.join(to).map_err(|error| Fault::new("RG2605", "the redirect leads nowhere").caused_by(&error))?;
    if from.scheme() == "https" && to.scheme() != "https" {
        return Err(Fault::new("RG2605", format!("the redirect leads from https to {}", to.scheme())));
    }
    url(to.as_str()).map(Some)
}

async fn send_to(url: &Url, call: &Call) -> Result<Reply, Failure> {
    let request = request(url, call).map_err(Failure::NotSent)?;
    let began = std::time::Instant::now();
    let silent = || {
        let what =
            format!("no answer from {} within {}", url.authority(), crate::runbook::duration::format(call.timeout));
        Fault::new("RG2601", what).retry(RetryClass::Later)
    };
    let connected = tokio::time::timeout(call.timeout, connect(url, call.ca.as_deref())).await;
    let stream = match connected.map_err(|_| Failure::NotSent(silent()))? {
        Ok(stream) => stream,
        Err(Unreached::Refused(fault)) => return Err(Failure::Refused(fault)),
        Err(Unreached::Other(fault)) => return Err(Failure::NotSent(fault)),
    };
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::NotSent(broken(url).caused_by(&error)))?;
    let connection = tokio::spawn(connection);
    let answered = async {
        let response = sender.send_request(request).await.map_err(|error| broken(url).caused_by(&error))?;
        read(url, response, &call.masker).await
    };
    let left = call.timeout.saturating_sub(began.elapsed());
    let answer = tokio::time::timeout(left, answered).await.unwrap_or_else(|_| Err(silent()));
    connection.abort();
    answer.map_err(Failure::Lost)
}

fn broken(url: &Url) -> Fault {
    Fault::new("RG2607", format!("the connection to {} broke off, or no HTTP came back", url.authority()))
        .retry(RetryClass::Later)
}

fn request(url: &Url, call: &Call) -> Result<Request<Full<Bytes>>, Fault> {
    let wrong = |what: String| Fault::new("RG2603", what);
    let method =
        Method::from_bytes(call.method.as_bytes()).map_err(|_| wrong(format!("`{}` is no method", call.method)))?;
    let body = call.body.as_ref().map_or_else(Bytes::new, |body| Bytes::copy_from_slice(body.expose().as_bytes()));
    let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let built = Request::builder().method(method).uri(target).body(Full::new(body));
    let mut request = built.map_err(|error| wrong("the URL cannot be sent".to_owned()).caused_by(&error))?;
    let headers = request.headers_mut();
    let host = HeaderValue::from_str(url.authority()).map_err(|_| wrong("the host cannot be sent".to_owned()))?;
    headers.insert(HOST, host);
    headers.insert(USER_AGENT, HeaderValue::from_static(concat!("regrow/", env!("CARGO_PKG_VERSION"))));
    for (name, value) in &call.headers {
        // The value may be a secret: it is not repeated.
        let name =
            HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong(format!("`{name}` is no name of a header")))?;
        let mut value = HeaderValue::from_str(value.expose()).map_err(|_| {
            wrong(format!("what `{name}` holds cannot be sent in a header: it has line breaks or control characters"))
        })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    Ok(request)
}

/// Up to the limit; a server that never stops is not listened to for ever.
async fn read(url: &Url, response: Response<hyper::body::Incoming>, masker: &Masker) -> Result<Reply, Fault> {
    let (parts, mut body) = response.into_parts();
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| broken(url).caused_by(&error))?;
        bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if bytes.len() > LIMIT {
            break;
        }
    }
    let cut = bytes.len() > LIMIT;
    masker.cut(&mut bytes, LIMIT);
    Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, bytes, cut })
}

/// By name; several of one name are joined. Cookies let people in and are left out.
pub fn header_outputs(headers: &HeaderMap) -> Value {
    let mut map = Map::new();
    for name in headers.keys().filter(|name| **name != SET_COOKIE) {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        map.insert(name.as_str().to_owned(), json!(values.collect::<Vec<_>>().join(", ")));
    }
    Value::Object(map)
}
