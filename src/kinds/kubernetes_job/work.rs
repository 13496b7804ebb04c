//! Makes the Job where there is none, waits for its end, takes it away.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::body::{Stage, manifest, name, named, runs, sound, stage};
use super::{Params, Prior};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, WorkCx, WriteCx};
use crate::model::ledger::{LedgerEntry, Made};
use crate::model::{Fault, OpId};
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Named, Place, is_made_by, metadata};
use crate::runbook;

/// What the ledger keeps of it.
#[derive(Serialize, Deserialize)]
struct Details {
    op: OpId,
    job: Prior,
}

pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    let spec = &op.params.spec;
    sound(spec)?;
    let cluster = Cluster::open(cx, &op.params.reach).await?;
    let name = name(&op.id, &op.run, op.step.as_str());
    let place = cluster.place(&Named::job(&name)).await?;
    if let Some(live) = place.find().await?
        && !is_made_by(cx, &live, &op.id)?
    {
        return Err(foreign(&place));
    }
    let body = manifest(&name, spec, &op.id, &op.run);
    // A Job of ours that is there already is taken up, not made.
    place.foresee_create(cx, &body).await?;
    let prior = Prior { cluster: cluster.identity, namespace: place.namespace().to_owned(), name };
    // An approval is bound to what is shown: the digest stands for all of the spec.
    let digest = runbook::digest(spec.to_string().as_bytes());
    let at = format!("in `{}` of {}", prior.namespace, prior.cluster.words());
    let mut changes = vec![format!("{} is made {at} (spec {})", place.what, &digest[..8])];
    changes.extend(runs(spec));
    let details = json!(Details { op: op.id.clone(), job: prior.clone() });
    let id = format!("{}/{}", prior.namespace, prior.name);
    let made = Made { kind: "kubernetes job".to_owned(), id, scratch: false, details };
    Ok(Prepared::new(prior, changes).creating(vec![made]))
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = Ended { op, seen: AtomicBool::new(false) };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

struct Ended<'a> {
    op: &'a Op<Params, Prior>,
    /// It was there: if it is not any more, somebody took it away.
    seen: AtomicBool,
}

impl Goal for Ended<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let op = self.op;
        let place = cluster.place(&named(&op.prior)).await?;
        let Some(live) = place.find().await? else {
            if self.seen.load(Ordering::Relaxed) {
                return Err(vanished(&place));
            }
            kubernetes::ask(cx, op)?;
            if place.create(cx, &manifest(&op.prior.name, &op.params.spec, &op.id, &op.run)).await? {
                self.seen.store(true, Ordering::Relaxed);
                cx.say(&format!("made: {}", place.what));
            }
            return Ok(Look::Lacks(format!("{} is being started", place.what)));
        };
        if !is_made_by(cx, &live, &op.id)? {
            return Err(foreign(&place));
        }
        self.seen.store(true, Ordering::Relaxed);
        let stage = stage(&live);
        if let Stage::Lacks(what) = stage {
            let pods = kubernetes::pods(cluster, place.namespace(), &pods_of(&live)).await?;
            return Ok(Look::Lacks(format!("{}: {what}{}", place.what, kubernetes::why_waiting(&pods))));
        }
        let lines = kubernetes::last_lines(cluster, place.namespace(), &pods_of(&live)).await;
        lines.iter().for_each(|line| cx.say(line));
        match stage {
            Stage::Failed { reason, message } => Err(failed(&place, &reason, message, lines)),
            _ => Ok(Look::Done(outputs(&place, &live))),
        }
    }
}

/// What became of an attempt that left nothing behind: the cluster has the Job under its name, or not.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&named(&op.prior)).await?;
    let Some(live) = place.find().await? else {
        return Ok(match kubernetes::was_asked(cx, &op.id)? {
            false => Found::Absent,
            true => Found::CannotTell(format!(
                "{} was asked for and is not there: it was never made, or somebody deleted it since; `kubectl get events` of \
                 `{}` may tell",
                place.what,
                place.namespace()
            )),
        });
    };
    if !is_made_by(cx, &live, &op.id)? {
        return Ok(Found::Foreign(foreign(&place)));
    }
    Ok(match stage(&live) {
        Stage::Complete => Found::Done(Next::Done(outputs(&place, &live))),
        Stage::Failed { reason, message } => {
            let lines = kubernetes::last_lines(&cluster, place.namespace(), &pods_of(&live)).await;
            Found::Failed(failed(&place, &reason, message, lines))
        }
        Stage::Lacks(_) => Found::Running,
    })
}

/// Takes the Job away, with its pods, if it is ours. Gone already is success.
pub async fn remove(cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
    let unreadable = |error: serde_json::Error| {
        Fault::new("RG3018", format!("the ledger does not say whose `{}` is", entry.id)).caused_by(&error)
    };
    let details: Details = serde_json::from_value(entry.details.clone()).map_err(unreadable)?;
    let with: Params = serde_json::from_value(with.clone()).map_err(unreadable)?;
    let cluster = Cluster::open_as(cx, &with.reach, &details.job.cluster).await?;
    let place = cluster.place(&named(&details.job)).await?;
    match place.find().await? {
        None => Ok(()),
        Some(live) if is_made_by(cx, &live, &details.op)? => place.delete(cx, metadata(&live, "uid")).await,
        Some(_) => Err(foreign(&place)),
    }
}

/// Its own, not those of one that had the same name.
fn pods_of(job: &Value) -> String {
    format!("controller-uid={}", metadata(job, "uid"))
}

fn outputs(place: &Place, live: &Value) -> Outputs {
    let name = place.what.trim_start_matches("job/");
    Outputs::from_iter([("job".to_owned(), json!(name)), ("status".to_owned(), live["status"].clone())])
}

fn failed(place: &Place, reason: &str, message: String, lines: Vec<String>) -> Fault {
    let mut fault = Fault::new("RG3019", format!("{} has failed: {reason}", place.what))
        .hint("the causes tell why; once that is mended, `regrow rerun STEP --because …` makes another one");
    fault.causes.extend(Some(message).filter(|message| !message.is_empty()));
    fault.causes.extend(lines);
    fault
}

fn foreign(place: &Place) -> Fault {
    Fault::new("RG3018", format!("{} in `{}` is not what this step made", place.what, place.namespace()))
        .hint("it is left alone; look whose it is, then take it away by hand or `regrow rerun STEP --because …`")
}

fn vanished(place: &Place) -> Fault {
    Fault::new("RG3010", format!("{} was deleted before it ended", place.what))
        .hint("nothing was made in its place; look who did it, then `regrow rerun STEP --because …` makes another one")
}
