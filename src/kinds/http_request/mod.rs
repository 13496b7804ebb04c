//! `http.request`: one call that may change something, sent once.
//!
//! Promises: nothing is sent twice unless the server takes it once only (`idempotency_header`) or was asked and says that it has
//! not happened (`probe`); without either, an answer that was lost leaves the step unknown, and a person decides. The call is
//! made in a process of its own, so that an answer outlives a killed executor.

mod params;

use std::time::{Duration, Instant};

use serde_json::json;

pub use params::Params;
use params::Probe;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, ReadCx, Rehearsal, Scratch, WorkCx};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::http::{self, Call, Failure, Reply};
use crate::provider::mask::Masker;
use crate::runbook::catalog::{Complaint, InPlace, Late, OutputType, Shape};

/// What of an answer that refuses is shown.
const EXCERPT: usize = 500;
/// A server may do what it was asked for after nobody waits for its answer any more: for as long again as the answer had, and
/// for no less than this, "it has not happened" is not believed.
const LATE: Duration = Duration::from_secs(10);
const ASK_EVERY: Duration = Duration::from_secs(1);

pub struct HttpRequest;

impl Kind for HttpRequest {
    const NAME: &'static str = "http.request";
    const PAGE: &'static str = include_str!("page.md");
    const PREPARES: bool = false;
    const WORKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: purge-the-cache
uses: http.request
needs: []
with:
  method: POST
  url: https://cdn.example.com/purge
  headers: {Accept: application/json}
  body: {everything: true}
  idempotency_header: Idempotency-Key
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    fn effect(&self, with: &Late<'_>) -> Effect {
        match with.text(&["method"]) {
            Some("GET" | "HEAD") => Effect::Read,
            _ if with.has(&["idempotency_header"]) => Effect::KeyedCreate,
            _ => Effect::Opaque,
        }
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let url = with.text(&["url"]).map(str::to_owned);
        match self.effect(with) {
            Effect::Read => Foresight::reading(url),
            _ => Foresight::touching(url),
        }
    }

    fn drill(&self, with: &Late<'_>, _: &Scratch<'_>) -> Rehearsal {
        match self.effect(with) {
            Effect::Read => Rehearsal::AsIs,
            _ => Rehearsal::LeftOut("what its call does is known to its author alone"),
        }
    }

    /// What a request changes only its author knows.
    fn in_place(&self, with: &Late<'_>) -> InPlace {
        match self.effect(with) {
            Effect::Read => InPlace::No,
            _ => InPlace::CannotTell,
        }
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        let outputs = [("status", OutputType::Integer), ("headers", OutputType::Map), ("body", OutputType::Text)];
        Shape::of(outputs)
    }

    /// Called when the process that made the call is gone without a result.
    async fn find(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Found, Fault> {
        if let Some(probe) = &op.params.probe {
            return ask(cx, op, probe).await;
        }
        if op.params.method.only_reads() || op.params.idempotency_header.is_some() {
            return Ok(Found::Absent);
        }
        Ok(Found::CannotTell(format!(
            "the call {} {} was made or not, and its answer is lost; look there",
            op.params.method.word(),
            op.params.url
        )))
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let call = call(cx, op)?;
        let safe = op.params.method.only_reads() || op.params.idempotency_header.is_some();
        match http::send(&call).await {
            Ok(reply) => judged(&reply, safe, &call.masker).map(Next::Done),
            Err(Failure::Lost(fault)) if safe => Err(fault),
            // It may have happened: whoever can tell is asked, and nobody sends it again before.
            Err(Failure::Lost(fault)) => {
                let what = "the call was sent, and no answer came back";
                let mut unknown = Fault::new("RG2606", what).retry(RetryClass::Unknown);
                unknown.causes = std::iter::once(fault.message).chain(fault.causes).collect();
                Err(unknown)
            }
            Err(failure) => Err(failure.fault()),
        }
    }
}

fn call(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Call, Fault> {
    let with = &op.params;
    let mut headers = with.headers.clone();
    if let Some(body) = &with.body {
        body.name_type(&mut headers);
    }
    if let Some(name) = &with.idempotency_header {
        headers.insert(name.clone(), Secret::new(op.id.to_string()));
    }
    Ok(Call {
        method: with.method.word().to_owned(),
        url: with.url.clone(),
        headers,
        body: with.body.as_ref().map(http::Body::text),
        ca: with.ca.as_ref().map(|ca| cx.path(ca)),
        timeout: with.patience()?,
        masker: cx.masker(),
    })
}

fn outputs(reply: &Reply) -> Outputs {
    Outputs::from_iter([
        ("status".to_owned(), json!(reply.status)),
        ("headers".to_owned(), http::header_outputs(&reply.headers)),
        ("body".to_owned(), json!(reply.text())),
    ])
}

/// 2xx is success. What a server refuses has not happened; what a gateway says of a server may have.
fn judged(reply: &Reply, safe: bool, masker: &Masker) -> Result<Outputs, Fault> {
    let again = |class| if safe { class } else { RetryClass::Never };
    let (retry, hint) = match reply.status {
        200..=299 => return Ok(outputs(reply)),
        300..=399 => (
            RetryClass::Never,
            "redirects are not followed by a call that may change something: call the address itself",
        ),
        429 | 503 => (
            again(RetryClass::Later),
            "the server is busy; without `idempotency_header` nothing is sent again by itself",
        ),
        502 | 504 if safe => (RetryClass::Later, "a gateway got no answer from the server behind it"),
        502 | 504 => (RetryClass::Unknown, "a gateway got no answer, and the server behind it may have done it"),
        _ => (RetryClass::Never, "the answer says why; change the call, then `regrow retry STEP`"),
    };
    let mut fault = Fault::new("RG2604", format!("the server answers {}", reply.status)).retry(retry).hint(hint);
    let said = masker.excerpt(&reply.text(), EXCERPT);
    fault.causes.extend((!said.trim().is_empty()).then(|| said.trim().to_owned()));
    Err(fault)
}

async fn ask(cx: &ReadCx, op: &Op<Params, ()>, probe: &Probe) -> Result<Found, Fault> {
    let (late, began) = (op.params.patience()?.max(LATE), Instant::now());
    loop {
        match look(cx, op, probe).await? {
            Found::Absent if began.elapsed() < late => tokio::time::sleep(ASK_EVERY).await,
            found => return Ok(found),
        }
    }
}

async fn look(cx: &ReadCx, op: &Op<Params, ()>, probe: &Probe) -> Result<Found, Fault> {
    let call = Call {
        method: "GET".to_owned(),
        url: probe.url.clone(),
        headers: probe.headers.clone(),
        body: None,
        ca: op.params.ca.as_ref().map(|ca| cx.path(ca)),
        timeout: Duration::from_secs(30),
        masker: cx.masker(),
    };
    let reply = http::send(&call).await.map_err(Failure::fault)?;
    let has = probe.contains.as_ref().is_none_or(|text| reply.text().contains(text));
    let cannot = |why: &str| Found::CannotTell(format!("the call was made or not; its probe cannot tell ({why})"));
    Ok(match (reply.status, has) {
        (200..=299, true) => Found::Done(Next::Done(outputs(&reply))),
        (200..=299, false) if reply.cut => {
            cannot("its answer is longer than 256 KiB, and what it should contain is not in the beginning")
        }
        (200..=299, false) | (404, _) => Found::Absent,
        (status, _) => cannot(&format!("it answers {status}")),
    })
}
