//! What pods said last, and how they ended.

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use kube::core::GroupVersionKind;
use serde_json::Value;

use super::cluster::Cluster;
use super::metadata;

/// Of the pods that a selector chooses, the newest.
const PODS: usize = 2;
/// Of a container.
const LINES: i64 = 10;
/// Of a container, where a line is long.
const BYTES: usize = 8 * 1024;

/// How containers ended, and their last lines; the newest pod comes last. It is told for people on top of an outcome that is
/// known, so what cannot be read is said in its place.
pub async fn last_lines(cluster: &Cluster, namespace: &str, selector: &str) -> Vec<String> {
    let mut pods = match cluster.list(&GroupVersionKind::gvk("", "v1", "Pod"), namespace, selector).await {
        Ok(pods) => pods,
        Err(fault) => return vec![format!("its pods cannot be listed: {}", fault.message)],
    };
    pods.sort_by_key(|pod| metadata(pod, "creationTimestamp").to_owned());
    let api: Api<Pod> = Api::namespaced(cluster.client(), namespace);
    let mut lines = Vec::new();
    for pod in &pods[pods.len().saturating_sub(PODS)..] {
        for container in pod["spec"]["containers"].as_array().into_iter().flatten() {
            let container = container["name"].as_str().unwrap_or_default();
            let name = metadata(pod, "name");
            lines.extend(ended(pod, container).map(|how| format!("pod/{name}: {container} ended with {how}")));
            let params = LogParams {
                container: Some(container.to_owned()),
                tail_lines: Some(LINES),
                limit_bytes: Some(BYTES as i64),
                ..LogParams::default()
            };
            match api.logs(name, &params).await {
                Ok(text) => {
                    let mut text = text.into_bytes();
                    if text.len() >= BYTES {
                        cluster.masker().end(&mut text);
                    }
                    let text = String::from_utf8_lossy(&text);
                    lines.extend(text.lines().map(|line| format!("{container}: {line}")));
                }
                Err(_) => lines.push(format!("pod/{name}: the log of {container} cannot be read")),
            }
        }
    }
    lines
}

/// `137 (OOMKilled)`.
fn ended(pod: &Value, container: &str) -> Option<String> {
    let all = pod["status"]["containerStatuses"].as_array()?;
    let ended = all.iter().find(|one| one["name"] == container)?.pointer("/state/terminated")?;
    let reason = ended["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    Some(format!("{}{reason}", ended["exitCode"]))
}
