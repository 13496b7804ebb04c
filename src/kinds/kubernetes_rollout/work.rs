//! Marks the restart where it is not marked yet, and waits.

use serde_json::{Value, json};

use super::{Params, Prior};
use crate::kind::{Found, Next, Op, Outputs, Prepared, ReadCx, WorkCx};
use crate::model::{Fault, RetryClass};
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Named, OPERATION, Place, Progress, WORKLOADS, metadata};

pub fn named(object: &str) -> Result<Named, Fault> {
    let named = Named::parse(object, None)?;
    if named.kind.group == "apps" && WORKLOADS.contains(&named.kind.kind.as_str()) {
        return Ok(named);
    }
    Err(Fault::new("RG3014", format!("`{object}` is nothing that is rolled out"))
        .hint("a deployment, statefulset or daemonset is; for others there is `kubernetes.wait`"))
}

pub async fn prepare(cx: &ReadCx, with: &Params) -> Result<Prepared<Prior>, Fault> {
    let cluster = Cluster::open(cx, &with.reach).await?;
    let place = cluster.place(&named(&with.object)?).await?;
    let live = place.get().await?;
    if with.restart {
        can_restart(&place.what, &live)?;
    }
    let where_it_is = format!("{} in `{}` of {}", place.what, place.namespace(), cluster.identity.words());
    let change = if with.restart { "its pods are made anew" } else { "is only waited for" };
    let prior = Prior { cluster: cluster.identity, uid: metadata(&live, "uid").to_owned() };
    Ok(Prepared::new(prior, vec![format!("{where_it_is}: {change}")]))
}

/// As `kubectl rollout restart` and `rollout status` have it: a change of the form must lead to pods that are made anew.
fn can_restart(what: &str, live: &Value) -> Result<(), Fault> {
    let field = |path: &str| live.pointer(path);
    if field("/spec/paused") == Some(&Value::Bool(true)) {
        return Err(Fault::new("RG3015", format!("{what} is paused: its pods would not be made anew"))
            .hint("`kubectl rollout resume` it, then `regrow retry STEP`"));
    }
    if field("/spec/updateStrategy/type").and_then(Value::as_str) == Some("OnDelete") {
        return Err(Fault::new(
            "RG3015",
            format!("{what} has the update strategy OnDelete: its pods would not be made anew"),
        )
        .hint(
            "delete its pods one by one, and wait for them without `restart`; or set its strategy to RollingUpdate",
        ));
    }
    Ok(())
}

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let goal = Rolled { named: named(&op.params.object)?, op };
    kubernetes::until(cx, op, &op.params.reach, Some(&op.prior.cluster), &goal).await.map(Next::Done)
}

struct Rolled<'a> {
    named: Named,
    op: &'a Op<Params, Prior>,
}

impl Goal for Rolled<'_> {
    type Found = Outputs;

    async fn look(&self, cx: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let place = cluster.place(&self.named).await?;
        let live = place.get().await?;
        same(&place, &live, &self.op.prior)?;
        if wants_restart(self.op, &live) {
            if place.merge(cx, &restart(self.op, &live)).await? {
                cx.say(&format!("written: the pods of {} are made anew", place.what));
            }
            return Ok(Look::Lacks(format!("{} is being changed", place.what)));
        }
        match kubernetes::progress(&self.named.kind.kind, &live) {
            Progress::Ready => Ok(Look::Done(outputs(&live))),
            Progress::Failed(why) => Err(failed(&place, why)),
            Progress::Lacks(what) => {
                let pods = kubernetes::pods(cluster, place.namespace(), &selector(&live)).await?;
                Ok(Look::Lacks(format!("{}: {what}{}", place.what, kubernetes::why_waiting(&pods))))
            }
        }
    }
}

fn restart(op: &Op<Params, Prior>, live: &Value) -> Value {
    json!({
        "metadata": {"resourceVersion": live["metadata"]["resourceVersion"]},
        "spec": {"template": {"metadata": {"annotations": {OPERATION: op.id.to_string()}}}},
    })
}

/// What became of an attempt that left nothing behind. The restart is told from the object, the wait begins anew.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let named = named(&op.params.object)?;
    let cluster = Cluster::open_as(cx, &op.params.reach, &op.prior.cluster).await?;
    let place = cluster.place(&named).await?;
    let live = match place.get().await {
        Ok(live) => live,
        Err(fault) if fault.code == "RG3008" => return Ok(Found::Foreign(fault)),
        Err(fault) => return Err(fault),
    };
    if let Err(fault) = same(&place, &live, &op.prior) {
        return Ok(Found::Foreign(fault));
    }
    if wants_restart(op, &live) {
        return Ok(Found::Absent);
    }
    Ok(match kubernetes::progress(&named.kind.kind, &live) {
        Progress::Ready => Found::Done(Next::Done(outputs(&live))),
        Progress::Failed(why) => Found::Failed(failed(&place, why)),
        Progress::Lacks(_) => Found::Running,
    })
}

fn wants_restart(op: &Op<Params, Prior>, live: &Value) -> bool {
    let mark = &live["spec"]["template"]["metadata"]["annotations"][OPERATION];
    op.params.restart && *mark != op.id.to_string()
}

fn same(place: &Place, live: &Value, prior: &Prior) -> Result<(), Fault> {
    if metadata(live, "uid") == prior.uid {
        return Ok(());
    }
    Err(Fault::new("RG3010", format!("{} was deleted and made anew", place.what))
        .hint("look who did it; `regrow rerun STEP --because …` takes up the one that is there now"))
}

fn failed(place: &Place, why: String) -> Fault {
    let mut fault = Fault::new("RG3015", format!("the rollout of {} has failed", place.what))
        .hint("`kubectl describe` its pods; once they can run, `regrow retry STEP`")
        .retry(RetryClass::Later);
    fault.causes.push(why);
    fault
}

/// Of the labels that a workload's own selector names.
fn selector(live: &Value) -> String {
    let labels = live["spec"]["selector"]["matchLabels"].as_object().into_iter().flatten();
    labels.filter_map(|(name, value)| Some(format!("{name}={}", value.as_str()?))).collect::<Vec<_>>().join(",")
}

fn outputs(live: &Value) -> Outputs {
    Outputs::from_iter([("status".to_owned(), live["status"].clone())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_makes_its_pods_anew_by_itself_is_restarted() {
        let code = |spec: Value| can_restart("it", &json!({"spec": spec})).err().map(|fault| fault.code);
        for spec in [json!({}), json!({"paused": false}), json!({"updateStrategy": {"type": "RollingUpdate"}})] {
            assert_eq!(code(spec), None);
        }
        for spec in [json!({"paused": true}), json!({"updateStrategy": {"type": "OnDelete"}})] {
            assert_eq!(code(spec).as_deref(), Some("RG3015"));
        }
    }
}
