//! Reads, writes what is not so yet, and waits for the pods.

use serde_json::{Value, json};

use super::Params;
use super::stand::{Prior, Stand, count};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::Fault;
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Named, Place, moved};

/// An object that others write all the time needs more than one look.
const TRIES: usize = 10;

pub async fn prepare(cx: &ReadCx, with: &Params) -> Result<Prepared<Prior>, Fault> {
    let cluster = Cluster::open(cx, &with.reach).await?;
    let place = cluster.place(&with.target.named()?).await?;
    let live = place.get().await?;
    place.selector().await?;
    let prior = Prior::of(cluster.identity.clone(), &live, with.replicas);
    let place = format!("{} in `{}` of {}", place.what, place.namespace(), cluster.identity.words());
    let mut changes = vec![match (prior.now(), with.replicas) {
        (old, new) if old == new => format!("{place} has {old} already: nothing to do"),
        (old, new) => format!("{place}: {old} → {new}"),
    }];
    changes.extend(prior.words());
    Ok(Prepared::new(prior, changes))
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = Scaled { named: op.params.target.named()?, op };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

struct Scaled<'a> {
    named: Named,
    op: &'a Op<Params, Prior>,
}

impl Goal for Scaled<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let (prior, with) = (&self.op.prior, &self.op.params);
        let place = cluster.place(&self.named).await?;
        let live = place.get().await?;
        match prior.stand(&live, &self.op.id.to_string(), with.replicas) {
            Stand::Elsewhere(why) => Err(moved(&place.what, why)),
            Stand::Before(patch) => {
                if place.merge(cx, &patch).await? {
                    cx.say(&format!("written: {} {} → {}", place.what, prior.now(), with.replicas));
                }
                Ok(Look::Lacks(format!("{} is being changed", place.what)))
            }
            Stand::After => Ok(match lacking(cluster, &place, &live, with).await? {
                Some(what) => Look::Lacks(what),
                None => {
                    prior.words().iter().for_each(|words| cx.say(words));
                    Look::Done(outputs(prior, with.replicas))
                }
            }),
        }
    }
}

/// What is not there yet, or not gone yet.
async fn lacking(cluster: &Cluster, place: &Place, live: &Value, with: &Params) -> Result<Option<String>, Fault> {
    if !with.wait {
        return Ok(None);
    }
    let pods = kubernetes::pods(cluster, place.namespace(), &place.selector().await?).await?;
    let (have, wanted) = (i64::try_from(pods.len()).unwrap_or(i64::MAX), with.replicas);
    if have > wanted {
        return Ok(Some(format!("{} pods of {} still have to go", have - wanted, place.what)));
    }
    let ready = live["status"]["readyReplicas"].as_i64().unwrap_or(0);
    Ok((ready < wanted)
        .then(|| format!("{ready} of {wanted} pods of {} are ready{}", place.what, kubernetes::why_waiting(&pods))))
}

/// What became of an attempt that left nothing behind. Writing and waiting go on where they were.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&op.params.target.named()?).await?;
    let Some(live) = place.find().await? else { return Ok(Found::Foreign(place.absent())) };
    Ok(match op.prior.stand(&live, &op.id.to_string(), op.params.replicas) {
        Stand::Before(_) => Found::Absent,
        Stand::Elsewhere(why) => Found::Foreign(moved(&place.what, why)),
        Stand::After => match lacking(&cluster, &place, &live, &op.params).await? {
            Some(_) => Found::Running,
            None => Found::Done(Next::Done(outputs(&op.prior, op.params.replicas))),
        },
    })
}

pub async fn restore_replicas(cx: &WriteCx, op: &Op<Params, Prior>) -> Result<Undone, Fault> {
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&op.params.target.named()?).await?;
    for _ in 0..TRIES {
        let live = place.get().await?;
        match op.prior.back(&live, &op.id.to_string(), op.params.replicas) {
            Stand::After => return Ok(vec![format!("{} has {} as before", place.what, op.prior.replicas)].into()),
            Stand::Elsewhere(why) => return Err(moved(&place.what, why)),
            Stand::Before(patch) => {
                if place.merge(cx, &patch).await? {
                    return Ok(vec![format!("{}: {} → {}", place.what, count(&live), op.prior.replicas)].into());
                }
            }
        }
    }
    Err(kubernetes::restless(&place.what))
}

fn outputs(prior: &Prior, wanted: i64) -> Outputs {
    Outputs::from_iter([("previous".to_owned(), json!(prior.replicas)), ("replicas".to_owned(), json!(wanted))])
}
