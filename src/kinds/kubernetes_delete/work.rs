//! Pins what is there, deletes it, and waits until it is gone.

use serde_json::{Value, json};

use super::target::Target;
use super::{Params, Pinned, Prior};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, WorkCx};
use crate::model::Fault;
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Place, held, is_going, metadata};
use crate::runbook;

/// Of objects that are shown one by one.
const SHOWN: usize = 12;

pub async fn prepare(cx: &ReadCx, with: &Params) -> Result<Prepared<Prior>, Fault> {
    let target = Target::of(with)?;
    let cluster = Cluster::open(cx, &with.reach).await?;
    let place = cluster.place(target.named()).await?;
    let found = match &target {
        Target::One(_) => Vec::from_iter(place.find().await?),
        Target::Chosen { kind, .. } if place.namespace().is_empty() => {
            let what = format!("a {} stands in no namespace, so no selector chooses what is deleted", kind.kind.kind);
            return Err(Fault::new("RG3014", what).hint("name each with `object`, for example by `foreach`"));
        }
        Target::Chosen { selector, .. } => place.all(selector).await?,
    };
    let pinned =
        |object: &Value| Pinned { name: metadata(object, "name").to_owned(), uid: metadata(object, "uid").to_owned() };
    let prior = Prior { cluster: cluster.identity, objects: found.iter().map(pinned).collect() };
    let changes = shown(&target, &place, &prior);
    Ok(Prepared::new(prior, changes))
}

/// An approval is bound to what is shown: a digest stands for the objects, since one that was made anew keeps its name.
fn shown(target: &Target, place: &Place, prior: &Prior) -> Vec<String> {
    let space = if place.namespace().is_empty() { String::new() } else { format!(" in `{}`", place.namespace()) };
    let what = match target {
        Target::One(named) => named.what(),
        Target::Chosen { kind, selector } => format!("{} that `{selector}` chooses", kind.kind.kind.to_lowercase()),
    };
    let at = format!("{space} of {}", prior.cluster.words());
    if prior.objects.is_empty() {
        return vec![format!("there is no {what}{at}: nothing to do")];
    }
    let uids: String = prior.objects.iter().map(|pinned| format!("{}\n", pinned.uid)).collect();
    let digest = runbook::digest(uids.as_bytes());
    let mut lines = vec![format!("{what}{at} (objects {})", &digest[..8])];
    let one = |pinned: &Pinned| format!("{}: is deleted, with what belongs to it", place.beside(&pinned.name).what);
    lines.extend(prior.objects.iter().take(SHOWN).map(one));
    let more = prior.objects.len().saturating_sub(SHOWN);
    lines.extend((more > 0).then(|| format!("and {more} more")));
    lines
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = AllGone { target: Target::of(&op.params)?, prior: &op.prior };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

struct AllGone<'a> {
    target: Target,
    prior: &'a Prior,
}

impl Goal for AllGone<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let place = cluster.place(self.target.named()).await?;
        let mut left = Vec::new();
        for pinned in &self.prior.objects {
            let place = place.beside(&pinned.name);
            let Some(live) = still(pinned, place.find().await?) else { continue };
            if !is_going(&live) {
                match place.delete_with_dependents(cx, &pinned.uid).await {
                    Ok(()) => cx.say(&format!("deleted: {}", place.what)),
                    // Somebody made it anew between the look and the delete, which therefore did nothing.
                    Err(fault) if fault.code == "RG3010" => {}
                    Err(fault) => return Err(fault),
                }
            }
            left.push(format!("{} is still there{}", place.what, held(&live)));
        }
        let all = self.prior.objects.len();
        Ok(match left.len() {
            0 => Look::Done(outputs(&place, self.prior)),
            1 => Look::Lacks(left.swap_remove(0)),
            many => Look::Lacks(format!("{many} of {all} are still there; {}", left[0])),
        })
    }
}

/// The object, if it is the one that was pinned: another one under its name is not this step's.
fn still(pinned: &Pinned, live: Option<Value>) -> Option<Value> {
    live.filter(|live| metadata(live, "uid") == pinned.uid)
}

/// What became of an attempt that left nothing behind: what is left of what was pinned is deleted.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(Target::of(&op.params)?.named()).await?;
    for pinned in &op.prior.objects {
        if still(pinned, place.beside(&pinned.name).find().await?).is_some() {
            return Ok(Found::Absent);
        }
    }
    Ok(Found::Done(Next::Done(outputs(&place, &op.prior))))
}

fn outputs(place: &Place, prior: &Prior) -> Outputs {
    let one = |pinned: &Pinned| json!({"object": place.beside(&pinned.name).what, "uid": pinned.uid});
    let objects: Value = prior.objects.iter().map(one).collect();
    Outputs::from_iter([("objects".to_owned(), objects), ("deleted".to_owned(), json!(prior.objects.len()))])
}
