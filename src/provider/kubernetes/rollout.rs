//! Whether a workload runs as it is written: the rules of `kubectl rollout status`, and what its pods wait for.

use std::collections::BTreeSet;

use kube::core::GroupVersionKind;
use serde_json::Value;

use super::cluster::Cluster;
use crate::model::Fault;

/// The kinds that are rolled out.
pub const WORKLOADS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// How far a workload is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Ready,
    /// What is missing, in words.
    Lacks(String),
    /// The cluster itself has given up.
    Failed(String),
}

/// Of an object of one of [`WORKLOADS`].
pub fn progress(kind: &str, object: &Value) -> Progress {
    let number = |path: &str| object.pointer(path).and_then(Value::as_i64).unwrap_or(0);
    if number("/status/observedGeneration") < number("/metadata/generation") {
        return Progress::Lacks("its newest form was not taken up yet".to_owned());
    }
    let wanted = object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1);
    match kind {
        "Deployment" => deployment(object, wanted, number),
        "StatefulSet" => stateful(object, wanted, number),
        _ => {
            let wanted = number("/status/desiredNumberScheduled");
            // Without RollingUpdate old pods stay until somebody deletes them; that all run is what can be told.
            let updates = text(object, "/spec/updateStrategy/type") != "OnDelete";
            of(wanted, "updated", if updates { number("/status/updatedNumberScheduled") } else { wanted })
                .or(of(wanted, "available", number("/status/numberAvailable")))
                .map_or(Progress::Ready, Progress::Lacks)
        }
    }
}

fn deployment(object: &Value, wanted: i64, number: impl Fn(&str) -> i64) -> Progress {
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array);
    let gave_up = conditions
        .into_iter()
        .flatten()
        .find(|condition| condition["type"] == "Progressing" && condition["reason"] == "ProgressDeadlineExceeded");
    if let Some(condition) = gave_up {
        return Progress::Failed(condition["message"].as_str().unwrap_or("its progress deadline is over").to_owned());
    }
    let (all, updated) = (number("/status/replicas"), number("/status/updatedReplicas"));
    let old = (all > updated).then(|| format!("{} old pods are still there", all - updated));
    of(wanted, "updated", updated)
        .or(old)
        .or(of(updated, "available", number("/status/availableReplicas")))
        .map_or(Progress::Ready, Progress::Lacks)
}

fn stateful(object: &Value, wanted: i64, number: impl Fn(&str) -> i64) -> Progress {
    let updates = text(object, "/spec/updateStrategy/type") != "OnDelete";
    let partition = number("/spec/updateStrategy/rollingUpdate/partition");
    let revision = |which: &str| text(object, &format!("/status/{which}"));
    let newest = match (updates, partition) {
        (false, _) => None,
        (true, 0) => (revision("updateRevision") != revision("currentRevision"))
            .then(|| format!("{} of {wanted} updated", number("/status/updatedReplicas"))),
        (true, partition) => of(wanted - partition, "updated", number("/status/updatedReplicas")),
    };
    of(wanted, "ready", number("/status/readyReplicas")).or(newest).map_or(Progress::Ready, Progress::Lacks)
}

fn of(wanted: i64, what: &str, have: i64) -> Option<String> {
    (have < wanted).then(|| format!("{have} of {wanted} {what}"))
}

fn text<'a>(object: &'a Value, path: &str) -> &'a str {
    object.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// What is deployed in a namespace, each with its kind.
pub async fn workloads(cluster: &Cluster, namespace: &str) -> Result<Vec<(&'static str, Value)>, Fault> {
    let mut found = Vec::new();
    for kind in WORKLOADS {
        let all = cluster.list(&GroupVersionKind::gvk("apps", "v1", kind), namespace, "").await?;
        found.extend(all.into_iter().map(|object| (kind, object)));
    }
    Ok(found)
}

/// The pods that a selector chooses and that are not over: one that is being ended still holds what it holds.
pub async fn pods(cluster: &Cluster, namespace: &str, selector: &str) -> Result<Vec<Value>, Fault> {
    let all = cluster.list(&GroupVersionKind::gvk("", "v1", "Pod"), namespace, selector).await?;
    let is_over = |pod: &Value| matches!(text(pod, "/status/phase"), "Succeeded" | "Failed");
    Ok(all.into_iter().filter(|pod| !is_over(pod)).collect())
}

/// Why pods do not run, each reason once: ` (ImagePullBackOff, Unschedulable)`; empty where none says why.
pub fn why_waiting(pods: &[Value]) -> String {
    let list = |pod: &Value, path: &str| pod.pointer(path).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut reasons = BTreeSet::new();
    for pod in pods {
        let containers = [list(pod, "/status/initContainerStatuses"), list(pod, "/status/containerStatuses")].concat();
        let waiting = containers.iter().filter_map(|one| one.pointer("/state/waiting/reason")?.as_str());
        reasons.extend(
            waiting.filter(|reason| *reason != "ContainerCreating" && *reason != "PodInitializing").map(str::to_owned),
        );
        let conditions = list(pod, "/status/conditions");
        let refused = conditions.iter().filter(|one| one["type"] == "PodScheduled" && one["status"] == "False");
        reasons.extend(refused.filter_map(|one| one["reason"].as_str()).map(str::to_owned));
    }
    if reasons.is_empty() { String::new() } else { format!(" ({})", Vec::from_iter(reasons).join(", ")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_workload_is_ready_by_the_rules_of_kubectl() {
        let object = |generation: i64, spec: Value, status: Value| json!({"metadata": {"generation": generation}, "spec": spec, "status": status});
        let lacks = |what: &str| Progress::Lacks(what.to_owned());
        let three = || json!({"replicas": 3});
        let cases = [
            (
                "Deployment",
                object(2, three(), json!({"observedGeneration": 1})),
                lacks("its newest form was not taken up yet"),
            ),
            (
                "Deployment",
                object(1, three(), json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 2})),
                lacks("2 of 3 updated"),
            ),
            (
                "Deployment",
                object(1, three(), json!({"observedGeneration": 1, "replicas": 4, "updatedReplicas": 3})),
                lacks("1 old pods are still there"),
            ),
            (
                "Deployment",
                object(
                    1,
                    three(),
                    json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 1}),
                ),
                lacks("1 of 3 available"),
            ),
            (
                "Deployment",
                object(
                    1,
                    three(),
                    json!({"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "availableReplicas": 3}),
                ),
                Progress::Ready,
            ),
            ("Deployment", object(1, json!({"replicas": 0}), json!({"observedGeneration": 1})), Progress::Ready),
            (
                "Deployment",
                object(
                    1,
                    three(),
                    json!({"observedGeneration": 1, "conditions": [{"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "gave up"}]}),
                ),
                Progress::Failed("gave up".to_owned()),
            ),
            ("StatefulSet", object(1, json!({}), json!({"observedGeneration": 1})), lacks("0 of 1 ready")),
            (
                "StatefulSet",
                object(
                    1,
                    three(),
                    json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"}),
                ),
                lacks("1 of 3 updated"),
            ),
            (
                "StatefulSet",
                object(
                    1,
                    json!({"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 2}}}),
                    json!({"observedGeneration": 1, "readyReplicas": 3, "updatedReplicas": 1, "updateRevision": "b", "currentRevision": "a"}),
                ),
                Progress::Ready,
            ),
            (
                "DaemonSet",
                object(
                    1,
                    json!({}),
                    json!({"observedGeneration": 1, "desiredNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 1}),
                ),
                lacks("1 of 2 available"),
            ),
        ];
        for (kind, object, wanted) in cases {
            assert_eq!(progress(kind, &object), wanted, "{kind} {object}");
        }
    }
}
