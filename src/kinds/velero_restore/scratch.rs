//! The namespaces that a drill restores into: made in front of its restore, taken away behind it.
//!
//! They are the drill's: each carries the operation that made it, and every restore of the same run may fill it.
//!
//! Promises: one that is there and is not of this run is neither filled nor removed; one that the ledger does not name any more
//! is gone, and no restore that Velero has yet to do makes it anew.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Prior;
use super::ended::{Stand, stand};
use super::params::Params;
use crate::kind::{Op, ReadCx, WorkCx, WriteCx};
use crate::model::ledger::{LedgerEntry, Made};
use crate::model::{Fault, OpId, RunId};
use crate::provider::kubernetes::{
    Cluster, Identity, Named, OPERATION, Place, field, held, is_going, metadata, was_asked,
};
use crate::provider::velero;

const ASK_EVERY: Duration = Duration::from_millis(500);
/// Velero may be in the middle of a restore, and what is in a namespace goes one by one.
const PATIENCE: Duration = Duration::from_secs(300);

/// What the ledger keeps of one.
#[derive(Serialize, Deserialize)]
struct Details {
    run: RunId,
    cluster: Identity,
    namespace: String,
}

async fn place(cluster: &Cluster, name: &str) -> Result<Place, Fault> {
    cluster.place(&Named::parse(&format!("namespace/{name}"), None)?).await
}

/// Whether a step of this very run made it.
fn is_of(cx: &ReadCx, live: &Value, run: &RunId) -> Result<bool, Fault> {
    let operation = &live["metadata"]["annotations"][OPERATION];
    let of = operation.as_str().and_then(|operation| operation.split_once('.')).map(|(of, _)| of);
    match serde_json::from_value(operation.clone()) {
        Ok(maker) if of == Some(run.as_str()) => was_asked(cx, &maker),
        _ => Ok(false),
    }
}

fn manifest(name: &str, operation: &OpId) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "regrow"},
            "annotations": {OPERATION: operation.to_string()},
        },
    })
}

/// What is going to be made, and what a person should know of it.
pub async fn foreseen(cx: &ReadCx, cluster: &Cluster, op: &Op<Params, ()>) -> Result<(Vec<Made>, Vec<String>), Fault> {
    let (mut made, mut lines) = (Vec::new(), Vec::new());
    for name in op.params.scratch() {
        let place = place(cluster, name).await?;
        match place.find().await? {
            Some(live) if !is_of(cx, &live, &op.run)? => return Err(foreign(name)),
            Some(_) => {}
            None => _ = place.foresee_create(cx, &manifest(name, &op.id)).await?,
        }
        lines.push(format!("the namespace {name} is made for it, and is in the ledger"));
        let cluster = cluster.identity.clone();
        let id = format!("{name} of {}", cluster.words());
        let details = json!(Details { run: op.run.clone(), cluster, namespace: name.to_owned() });
        made.push(Made { kind: "namespace".to_owned(), id, scratch: false, details });
    }
    if !made.is_empty() {
        lines.push("workloads, services, volumes and objects of other kinds do not come back in a drill".to_owned());
    }
    Ok((made, lines))
}

/// Makes those that are not there. What is still missing before anything may be restored.
pub async fn make(cx: &WorkCx, cluster: &Cluster, op: &Op<Params, Prior>) -> Result<Option<String>, Fault> {
    for name in op.params.scratch() {
        let place = place(cluster, name).await?;
        match place.find().await? {
            Some(live) if !is_of(cx, &live, &op.run)? => return Err(foreign(name)),
            Some(live) if is_going(&live) => return Ok(Some(format!("{} is being taken away", place.what))),
            Some(_) => {}
            None if place.create(cx, &manifest(name, &op.id)).await? => cx.say(&format!("made: {}", place.what)),
            None => return Ok(Some(format!("{} is being made by somebody", place.what))),
        }
    }
    Ok(None)
}

fn foreign(name: &str) -> Fault {
    Fault::new("RG3111", format!("the namespace `{name}` is there already, and is not of this drill"))
        .hint("it is left alone; look whose it is, an earlier drill's perhaps. A drill under another name makes one of another name")
}

/// Takes one away with all that is in it, if it is ours, and waits until it is gone. Gone already is success.
pub async fn remove(cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
    let unreadable = |error: serde_json::Error| {
        Fault::new("RG3111", format!("the ledger does not say whose `{}` is", entry.id)).caused_by(&error)
    };
    let details: Details = serde_json::from_value(entry.details.clone()).map_err(unreadable)?;
    let with: Params = serde_json::from_value(with.clone()).map_err(unreadable)?;
    let began = Instant::now();
    loop {
        let waits = match go(cx, &with, &details).await {
            Ok(None) => return Ok(()),
            Ok(Some(lacks)) => late(&details.namespace, lacks),
            // Whatever was written meanwhile is looked at anew, and a cluster that is away may come back.
            Err(fault) if fault.retry.is_transient() => fault,
            Err(fault) => return Err(fault),
        };
        if began.elapsed() >= PATIENCE {
            return Err(waits);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// One look, and what is to be done next. What is still there, if anything is.
async fn go(cx: &WriteCx, with: &Params, details: &Details) -> Result<Option<String>, Fault> {
    let cluster = Cluster::open_as(cx, &with.reach(), &details.cluster).await?;
    if let Some(lacks) = still_filled(cx, &cluster, with, &details.namespace).await? {
        return Ok(Some(lacks));
    }
    let place = place(&cluster, &details.namespace).await?;
    let Some(live) = place.find().await? else { return Ok(None) };
    if !is_of(cx, &live, &details.run)? {
        return Err(foreign(&details.namespace));
    }
    if !is_going(&live) {
        place.delete(cx, metadata(&live, "uid")).await?;
    }
    Ok(Some(format!("{} is still there{}", place.what, held(&live))))
}

/// A restore into it that has not ended: Velero would make the namespace anew. One that was never taken up is withdrawn; the
/// others stay, as Velero's record of what it did.
async fn still_filled(cx: &WriteCx, cluster: &Cluster, with: &Params, space: &str) -> Result<Option<String>, Fault> {
    let all = match velero::restores(cluster, &with.namespace).await {
        // Velero is not there any more.
        Err(fault) if fault.code == "RG3008" => return Ok(None),
        all => all?,
    };
    let fills = |restore: &&Value| {
        let mapping = field(restore, "spec.namespaceMapping").as_object();
        stand(restore) != Stand::Ended && mapping.is_some_and(|mapping| mapping.values().any(|to| to == space))
    };
    let Some(restore) = all.iter().find(fills) else { return Ok(None) };
    let place = cluster.place(&with.named("Restore", metadata(restore, "name"))).await?;
    if stand(restore) != Stand::Waits {
        return Ok(Some(format!("Velero is still at work on {}", place.what)));
    }
    if !is_going(restore) {
        place.delete_as_seen(cx, restore).await?;
    }
    Ok(Some(format!("{} is being withdrawn", place.what)))
}

fn late(name: &str, lacks: String) -> Fault {
    let mut fault = Fault::new("RG3112", format!("the namespace `{name}` is not gone yet"))
        .hint("the cause says what is waited for; once that is over, `regrow cleanup RUN` goes on");
    fault.causes.push(lacks);
    fault
}
