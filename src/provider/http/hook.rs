//! A web hook: somebody is told by one POST.

use std::path::PathBuf;
use std::time::Duration;

use super::{Body, Call, Failure, Headers, Reply, send};
use crate::model::secret::Secret;
use crate::model::{Fault, RetryClass};
use crate::provider::mask::Masker;

/// Of a refusal's first line.
const EXCERPT: usize = 200;

/// What a hook is sent.
pub struct Hook {
    /// It may be a secret, and is never shown.
    pub url: Secret,
    pub headers: Headers,
    pub body: Option<Body>,
    /// Certificates to believe instead of the machine's.
    pub ca: Option<PathBuf>,
    /// The same at each try, so that a hook which looks at it tells once only.
    pub key: String,
    pub timeout: Duration,
    pub masker: Masker,
}

/// Tells it once, and gives the status of the answer.
pub async fn post(hook: Hook) -> Result<u16, Fault> {
    let mut headers = hook.headers;
    headers.insert("Idempotency-Key".to_owned(), Secret::new(hook.key));
    if let Some(body) = &hook.body {
        body.name_type(&mut headers);
    }
    let call = Call {
        method: "POST".to_owned(),
        url: hook.url.expose().to_owned(),
        headers,
        body: hook.body.as_ref().map(Body::text),
        ca: hook.ca,
        timeout: hook.timeout,
        masker: hook.masker,
    };
    judged(&send(&call).await.map_err(Failure::fault)?, &call.masker)
}

fn judged(reply: &Reply, masker: &Masker) -> Result<u16, Fault> {
    let retry = match reply.status {
        200..=299 => return Ok(reply.status),
        429 | 500..=599 => RetryClass::Later,
        _ => RetryClass::Never,
    };
    let mut fault = Fault::new("RG2608", format!("the hook answers {}", reply.status))
        .retry(retry)
        .hint("look at the address and at what this hook wants in its body");
    let text = reply.text();
    let line = text.trim().lines().next().unwrap_or_default();
    fault.causes.extend((!line.is_empty()).then(|| masker.excerpt(line, EXCERPT)));
    Err(fault)
}

#[cfg(test)]
mod tests {
    use hyper::HeaderMap;

    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply { status, headers: HeaderMap::new(), bytes: body.into(), cut: false }
    }

    #[test]
    fn a_refusal_is_told_by_its_first_line() {
        let masker = Masker::new([]);
        let judged = |reply: Reply| judged(&reply, &masker);
        assert_eq!(judged(reply(204, "")).unwrap(), 204);
        let fault = judged(reply(404, "\nno_service\n<html>long</html>")).unwrap_err();
        assert_eq!(
            (fault.code.as_str(), fault.retry, fault.causes),
            ("RG2608", RetryClass::Never, vec!["no_service".into()])
        );
        for status in [429, 500, 503] {
            assert!(judged(reply(status, "")).unwrap_err().retry.is_transient(), "{status}");
        }
        assert_eq!(judged(reply(302, "")).unwrap_err().retry, RetryClass::Never);
    }
}
