//! Foresees, applies what is not applied yet, takes back what was made.

use serde_json::{Value, json};

use super::manifest::{Manifest, load};
use super::{Params, Planned, Prior};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::Fault;
use crate::provider::kubernetes::{
    self, Applied, Cluster, Goal, Look, OPERATION, Place, differences, is_ours, metadata, moved,
};

/// Of fields that others own, in one line; the causes have all.
const SHOWN: usize = 3;

pub async fn prepare(cx: &ReadCx, with: &Params) -> Result<Prepared<Prior>, Fault> {
    let (manifests, digest) = load(cx, with)?;
    let cluster = Cluster::open(cx, &with.reach).await?;
    // An approval is bound to what is shown: the digest stands for what is made, too.
    let first = format!("manifests {} for {}", &digest[..8], cluster.identity.words());
    let (mut objects, mut changes) = (Vec::new(), vec![first]);
    for manifest in &manifests {
        let (planned, lines) = foreseen(cx, &cluster, manifest, &manifests, with).await?;
        objects.push(planned);
        changes.extend(lines);
    }
    let prior = Prior { cluster: cluster.identity, digest, objects };
    Ok(Prepared::new(prior, changes))
}

/// One object, and what becomes of it.
async fn foreseen(
    cx: &ReadCx,
    cluster: &Cluster,
    manifest: &Manifest,
    all: &[Manifest],
    with: &Params,
) -> Result<(Planned, Vec<String>), Fault> {
    let comes = |kind: &str| all.iter().any(|other| other.named.kind.kind == kind);
    let what = manifest.named.what();
    let unforeseen = |why: &str| {
        let planned = Planned { what: what.clone(), uid: None };
        Ok((planned, vec![format!("{what}: is made; what of it cannot be foreseen before its {why} is there")]))
    };
    let place = match cluster.place(&manifest.named).await {
        Err(fault) if fault.code == "RG3009" && comes("CustomResourceDefinition") => return unforeseen("definition"),
        place => place?,
    };
    let what = shown(&place);
    let live = place.find().await?;
    let applied = match place.foresee_apply(cx, &manifest.body, with.force_conflicts).await {
        Err(fault) if fault.code == "RG3008" && comes("Namespace") => return unforeseen("namespace"),
        applied => applied?,
    };
    let after = match applied {
        Applied::Yes(after) => after,
        Applied::Conflicts(owners) => return Err(conflicts(&what, owners)),
        Applied::Overtaken => return Err(moved(&what, "it is being written right now")),
    };
    let Some(live) = live else {
        return Ok((Planned { what: what.clone(), uid: None }, vec![format!("{what}: is made")]));
    };
    let lines = differences(&live, &after, &cx.masker());
    let lines = match lines.is_empty() {
        true => vec![format!("{what}: is so already")],
        false => lines.into_iter().map(|line| format!("{what}: {line}")).collect(),
    };
    Ok((Planned { what, uid: Some(metadata(&live, "uid").to_owned()) }, lines))
}

/// `edx/deployment/lms`: a step may write into several namespaces.
fn shown(place: &Place) -> String {
    if place.namespace().is_empty() { place.what.clone() } else { format!("{}/{}", place.namespace(), place.what) }
}

/// What has to be done with one object.
#[derive(Debug, PartialEq)]
enum Stand {
    Done,
    /// With what binds the apply to what was looked at.
    Apply(Value),
    /// Not the one that was looked at.
    Elsewhere(&'static str),
}

fn stand(planned: &Planned, live: Option<&Value>, operation: &str) -> Stand {
    match (live, &planned.uid) {
        (None, None) => Stand::Apply(json!({})),
        (None, Some(_)) => Stand::Elsewhere("it was deleted since"),
        (Some(live), _) if is_ours(live, operation) => Stand::Done,
        (Some(_), None) => Stand::Elsewhere("somebody made it meanwhile"),
        (Some(live), Some(uid)) if metadata(live, "uid") != uid => Stand::Elsewhere("it was deleted and made anew"),
        (Some(live), Some(uid)) => {
            Stand::Apply(json!({"uid": uid, "resourceVersion": metadata(live, "resourceVersion")}))
        }
    }
}

/// The manifest with the operation's id, bound to what was looked at.
fn body(manifest: &Manifest, bound: &Value, operation: &str) -> Value {
    let mut body = manifest.body.clone();
    for (key, value) in bound.as_object().into_iter().flatten() {
        body["metadata"][key.as_str()] = value.clone();
    }
    body["metadata"]["annotations"][OPERATION] = json!(operation);
    body
}

struct AllApplied<'a> {
    op: &'a Op<Params, Prior>,
    manifests: Vec<Manifest>,
}

impl Goal for AllApplied<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let (id, mut lives) = (self.op.id.to_string(), Vec::new());
        for (manifest, planned) in self.manifests.iter().zip(&self.op.prior.objects) {
            let place = match cluster.place(&manifest.named).await {
                // Its definition was applied a moment ago.
                Err(fault) if fault.code == "RG3009" && planned.uid.is_none() => return Ok(Look::Lacks(fault.message)),
                place => place?,
            };
            let live = place.find().await?;
            let bound = match stand(planned, live.as_ref(), &id) {
                Stand::Done => {
                    lives.extend(live);
                    continue;
                }
                Stand::Elsewhere(why) => return Err(moved(&planned.what, why)),
                Stand::Apply(bound) => bound,
            };
            match place.apply(cx, &body(manifest, &bound, &id), self.op.params.force_conflicts).await? {
                Applied::Yes(after) => lives.push(after),
                Applied::Conflicts(owners) => return Err(conflicts(&planned.what, owners)),
                Applied::Overtaken => return Ok(Look::Lacks(format!("{} is being written by somebody", planned.what))),
            }
            cx.say(&format!("applied: {}", planned.what));
        }
        Ok(Look::Done(outputs(&self.op.prior, &lives)))
    }
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = AllApplied { op, manifests: same(cx, op)? };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

/// The manifests, as they were shown.
fn same(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Vec<Manifest>, Fault> {
    let (manifests, digest) = load(cx, &op.params)?;
    if digest == op.prior.digest {
        return Ok(manifests);
    }
    Err(Fault::new("RG3017", "the manifests are not those that the step was prepared with")
        .hint("put them back, or `regrow rerun STEP --because …` shows and applies what is there now"))
}

/// What became of an attempt that left nothing behind: what carries the operation is applied.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let manifests = same(cx, op)?;
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let mut lives = Vec::new();
    for (manifest, planned) in manifests.iter().zip(&op.prior.objects) {
        let live = match cluster.place(&manifest.named).await {
            Ok(place) => place.find().await?,
            Err(fault) if fault.code == "RG3009" => None,
            Err(fault) => return Err(fault),
        };
        match stand(planned, live.as_ref(), &op.id.to_string()) {
            Stand::Done => lives.extend(live),
            Stand::Apply(_) => return Ok(Found::Absent),
            Stand::Elsewhere(why) => return Ok(Found::Foreign(moved(&planned.what, why))),
        }
    }
    Ok(Found::Done(Next::Done(outputs(&op.prior, &lives))))
}

/// Deletes what this step made, the last first.
pub async fn delete_created(cx: &WriteCx, op: &Op<Params, Prior>) -> Result<Undone, Fault> {
    let manifests = same(cx, op)?;
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let mut facts = Vec::new();
    for (manifest, planned) in manifests.iter().zip(&op.prior.objects).rev() {
        if planned.uid.is_some() {
            facts.push(format!("{}: was there before and stays as it is now", planned.what));
            continue;
        }
        let place = match cluster.place(&manifest.named).await {
            Err(fault) if fault.code == "RG3009" => continue,
            place => place?,
        };
        match place.find().await? {
            Some(live) if is_ours(&live, &op.id.to_string()) => {
                place.delete(cx, metadata(&live, "uid")).await?;
                facts.push(format!("{}: deleted", planned.what));
            }
            Some(_) => facts.push(format!("{}: somebody else's by now, left alone", planned.what)),
            None => facts.push(format!("{}: is not there", planned.what)),
        }
    }
    Ok(facts.into())
}

fn outputs(prior: &Prior, lives: &[Value]) -> Outputs {
    let objects = prior.objects.iter().zip(lives).map(
        |(planned, live)| json!({"object": planned.what, "uid": metadata(live, "uid"), "created": planned.uid.is_none()}),
    );
    let created = prior.objects.iter().filter(|planned| planned.uid.is_none()).count();
    Outputs::from_iter([("objects".to_owned(), objects.collect()), ("created".to_owned(), json!(created))])
}

fn conflicts(what: &str, owners: Vec<String>) -> Fault {
    let more = owners.len().saturating_sub(SHOWN);
    let mut shown = owners[..owners.len() - more].join(", ");
    if more > 0 {
        shown.push_str(&format!(" and {more} more"));
    }
    let mut fault = Fault::new("RG3011", format!("{what} has fields that others own: {shown}"))
        .hint("leave the fields out of the manifest, or take them over with `force_conflicts: true`");
    fault.causes = owners;
    fault
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_looked_at_is_applied() {
        let planned = |uid: Option<&str>| Planned { what: "x".into(), uid: uid.map(str::to_owned) };
        let live = |uid: &str, mark: &str| json!({"metadata": {"uid": uid, "resourceVersion": "7", "annotations": {OPERATION: mark}}});
        let bound = json!({"uid": "u", "resourceVersion": "7"});
        let cases = [
            (None, None, Stand::Apply(json!({}))),
            (None, Some(live("new", "op")), Stand::Done),
            (None, Some(live("new", "other")), Stand::Elsewhere("somebody made it meanwhile")),
            (Some("u"), None, Stand::Elsewhere("it was deleted since")),
            (Some("u"), Some(live("v", "")), Stand::Elsewhere("it was deleted and made anew")),
            (Some("u"), Some(live("u", "earlier")), Stand::Apply(bound)),
            (Some("u"), Some(live("u", "op")), Stand::Done),
        ];
        for (uid, live, wanted) in cases {
            assert_eq!(stand(&planned(uid), live.as_ref(), "op"), wanted, "{uid:?} {live:?}");
        }
    }
}
