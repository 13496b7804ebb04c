//! Has the server work the patch out, writes what is not so yet, puts it back.

use serde_json::{Value, json};

use super::stand::{Prior, Stand};
use super::{Params, no_secret, sound};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::Fault;
use crate::provider::kubernetes::{
    self, Cluster, Goal, Look, Named, OPERATION, changes, metadata, moved, restless, told,
};
use crate::provider::mask::Masker;
use crate::runbook;

/// An object that others write all the time needs more than one look.
const TRIES: usize = 10;

pub async fn prepare(cx: &ReadCx, with: &Params) -> Result<Prepared<Prior>, Fault> {
    let named = with.target.named()?;
    no_secret(&named)?;
    sound(with.form, &with.patch)?;
    let cluster = Cluster::open(cx, &with.reach).await?;
    let place = cluster.place(&named).await?;
    for _ in 0..TRIES {
        let live = place.get().await?;
        let version = metadata(&live, "resourceVersion");
        let Some(after) = place.foresee_patch(cx, with.form, &with.patch, version).await? else { continue };
        let prior = Prior {
            cluster: cluster.identity.clone(),
            uid: metadata(&live, "uid").to_owned(),
            changes: changes(&live, &after),
            mark: live["metadata"]["annotations"][OPERATION].as_str().map(str::to_owned),
        };
        return Ok(prepared(&place.what, place.namespace(), with, prior, &cx.masker()));
    }
    Err(restless(&place.what))
}

/// An approval is bound to what is shown: the digest stands for values that are too long to show.
fn prepared(what: &str, namespace: &str, with: &Params, prior: Prior, masker: &Masker) -> Prepared<Prior> {
    let digest = runbook::digest(with.patch.to_string().as_bytes());
    let space = if namespace.is_empty() { String::new() } else { format!(" in `{namespace}`") };
    let cluster = prior.cluster.words();
    if prior.changes.is_empty() {
        return Prepared::new(prior, vec![format!("{what}{space} of {cluster} is so already: nothing to do")]);
    }
    let mut lines = vec![format!("patch {} for {what}{space} of {cluster}", &digest[..8])];
    lines.extend(told(&prior.changes, false, masker).into_iter().map(|line| format!("{what}: {line}")));
    Prepared::new(prior, lines)
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = Patched { named: op.params.target.named()?, op };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

struct Patched<'a> {
    named: Named,
    op: &'a Op<Params, Prior>,
}

impl Goal for Patched<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let place = cluster.place(&self.named).await?;
        let live = place.get().await?;
        match self.op.prior.stand(&live, &self.op.id.to_string(), &cx.masker()) {
            Stand::After { ours } => Ok(Look::Done(outputs(&self.op.prior, ours))),
            Stand::Elsewhere(why) => Err(moved(&place.what, why)),
            Stand::Before(patch) => {
                if place.merge(cx, &patch).await? {
                    let lines = told(&self.op.prior.changes, false, &cx.masker());
                    lines.iter().for_each(|line| cx.say(&format!("written: {line}")));
                }
                Ok(Look::Lacks(format!("{} is being changed", place.what)))
            }
        }
    }
}

/// What became of an attempt that left nothing behind: the object tells.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&op.params.target.named()?).await?;
    let Some(live) = place.find().await? else { return Ok(Found::Foreign(place.absent())) };
    Ok(match op.prior.stand(&live, &op.id.to_string(), &cx.masker()) {
        Stand::Before(_) => Found::Absent,
        Stand::Elsewhere(why) => Found::Foreign(moved(&place.what, why)),
        Stand::After { ours } => Found::Done(Next::Done(outputs(&op.prior, ours))),
    })
}

pub async fn restore_fields(cx: &WriteCx, op: &Op<Params, Prior>, wrote: bool) -> Result<Undone, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&op.params.target.named()?).await?;
    for _ in 0..TRIES {
        let live = place.get().await?;
        match op.prior.back(&live, &op.id.to_string(), wrote, &cx.masker()) {
            Stand::After { .. } => return Ok(vec![format!("{}: nothing of this step stands in it", place.what)].into()),
            Stand::Elsewhere(why) => return Err(moved(&place.what, why)),
            Stand::Before(patch) => {
                if place.merge(cx, &patch).await? {
                    let fields =
                        op.prior.changes.iter().map(|change| change.path.as_str()).collect::<Vec<_>>().join(", ");
                    return Ok(vec![format!("{}: {fields} as before", place.what)].into());
                }
            }
        }
    }
    Err(restless(&place.what))
}

fn outputs(prior: &Prior, changed: bool) -> Outputs {
    let fields: Value = prior.changes.iter().map(|change| json!(change.path)).collect();
    Outputs::from_iter([("changed".to_owned(), json!(changed)), ("fields".to_owned(), fields)])
}
