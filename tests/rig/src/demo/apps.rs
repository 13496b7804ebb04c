//! What runs in the cluster of the platform: two namespaces of workloads, which Velero backs up into a bucket.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::tell::Ending;
use crate::scratch::Scratch;
use crate::servers::kubernetes::Nodes;
use crate::servers::{Cluster, MinIo, Velero};

/// Of the platform itself, and of the search beside it.
pub const PLATFORM: &str = "edx";
pub const SEARCH: &str = "search";
const SCHEDULE: &str = "nightly";
const BACKUP: &str = "nightly-1";
/// What a namespace is made of. Velero brings back more, which the cluster makes anew by itself.
const KINDS: &str = "configmaps,secrets,services,deployments.apps";

/// A cluster with Velero in it.
pub struct Apps {
    // In this order they end: each needs the next.
    velero: Velero,
    _nodes: Nodes,
    cluster: Cluster,
    folder: PathBuf,
}

/// One namespace as `kubectl` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Space {
    /// Kind and name of each object, and what it is. What a cluster says of each object by itself is left out.
    pub objects: BTreeMap<String, Value>,
    /// By which what was left alone is told from what was made anew.
    pub uids: BTreeSet<String>,
}

impl Apps {
    /// An empty cluster, whose Velero looks into that server's bucket.
    pub fn place(scratch: &Scratch, backups: &MinIo) -> Result<Apps> {
        let cluster = Cluster::start(scratch)?;
        let nodes = Nodes::start(&cluster);
        let velero = Velero::start(scratch, &cluster, backups)?;
        Ok(Apps { velero, _nodes: nodes, cluster, folder: scratch.folder("apps")? })
    }

    /// What the team runs, backed up; and later a change that the backup does not have. Returns both namespaces as backed up.
    pub fn deploy(&self) -> Result<[Space; 2]> {
        let file = self.folder.join("apps.json");
        let workloads = [(PLATFORM, "lms", 2), (PLATFORM, "lms-worker", 1), (SEARCH, "search", 1)]
            .into_iter()
            .flat_map(|(space, name, replicas)| workload(space, name, replicas));
        let space = |name| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let items: Vec<Value> = [PLATFORM, SEARCH].map(space).into_iter().chain(workloads).collect();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
        fs::write(&file, list.to_string()).context("cannot write the workloads")?;
        self.cluster.said(&["apply", "--server-side", "-f", &file.display().to_string()])?;
        for (space, name) in [(PLATFORM, "lms"), (PLATFORM, "lms-worker"), (SEARCH, "search")] {
            self.cluster.said(&["rollout", "status", &format!("deployment/{name}"), "-n", space, "--timeout=9s"])?;
        }
        let labels = format!("velero.io/schedule-name={SCHEDULE}");
        self.velero.backup(BACKUP, &format!("{PLATFORM},{SEARCH}"), &["--labels", &labels])?;
        let spaces = [self.read(PLATFORM)?, self.read(SEARCH)?];
        self.cluster.said(&["create", "configmap", "later", "-n", PLATFORM])?;
        Ok(spaces)
    }

    /// By a client that has nothing of regrow.
    pub fn read(&self, space: &str) -> Result<Space> {
        let all = self.cluster.said(&["get", KINDS, "-n", space, "-o", "json"])?;
        let all: Value = serde_json::from_str(&all).context("kubectl prints no JSON")?;
        let (mut objects, mut uids) = (BTreeMap::new(), BTreeSet::new());
        for object in all["items"].as_array().into_iter().flatten() {
            let [kind, name, uid] =
                ["/kind", "/metadata/name", "/metadata/uid"].map(|at| object.pointer(at).and_then(Value::as_str));
            let (Some(kind), Some(name), Some(uid)) = (kind, name, uid) else { continue };
            // The certificate of the cluster, which each cluster puts there itself.
            if name != "kube-root-ca.crt" {
                objects.insert(format!("{kind} {name}"), essence(object));
                uids.insert(uid.to_string());
            }
        }
        Ok(Space { objects, uids })
    }

    /// The names of all namespaces.
    pub fn spaces(&self) -> Result<String> {
        self.cluster.said(&["get", "namespaces", "-o", "name"])
    }

    /// A namespace goes, with all that is in it.
    pub fn lose(&self, space: &str) -> Result<()> {
        self.cluster.said(&["delete", "namespace", space, "--timeout=60s"]).map(drop)
    }

    /// The whole cluster goes, at once.
    pub fn burn(mut self) {
        self.velero.kill();
        self.cluster.burn();
    }

    /// Velero knows what its bucket holds.
    pub fn find_backup(&mut self) -> Result<()> {
        self.velero.find(&self.cluster, BACKUP)
    }

    /// What the shipped runbooks are told of it.
    pub fn params(&self, spaces: &[&str]) -> Vec<(&'static str, String)> {
        let mut params =
            vec![("kubeconfig", self.cluster.kubeconfig().display().to_string()), ("schedule", SCHEDULE.to_string())];
        params.extend(spaces.iter().map(|space| ("namespaces", (*space).to_string())));
        params
    }

    /// A namespace is what it was, made anew, and its pods run.
    pub fn tell_back(&self, space: &str, before: &Space, ending: &mut Ending) -> Result<()> {
        let now = self.read(space)?;
        let pods = self.cluster.said(&["get", "pods", "-n", space, "-o", "jsonpath={.items[*].status.phase}"])?;
        let (running, count) = (pods.split(' ').filter(|phase| *phase == "Running").count(), now.objects.len());
        ending.say("cluster", format!("{space:<12} {count} of {} objects, {running} pods run", before.objects.len()));
        ending.must(now.objects == before.objects, &format!("the namespace {space} is not what it was"));
        ending.must(now.uids.is_disjoint(&before.uids), &format!("the namespace {space} was never gone"));
        ending.must(running > 0 && running == pods.split(' ').count(), &format!("not every pod of {space} runs"));
        Ok(())
    }

    /// A namespace is the very same.
    pub fn tell_untouched(&self, space: &str, before: &Space, ending: &mut Ending) -> Result<()> {
        let now = self.read(space)?;
        ending.say("untouched", format!("{space:<12} {} objects of the cluster", now.objects.len()));
        ending.must(now == *before, &format!("the namespace {space} was not left alone"));
        Ok(())
    }
}

/// A Deployment with its settings, its secret and its service.
fn workload(space: &str, name: &str, replicas: u32) -> [Value; 4] {
    let metadata = json!({"name": name, "namespace": space, "labels": {"app": name}});
    let pods = json!({"containers": [{"name": name, "image": "none.test/none", "envFrom": [
        {"configMapRef": {"name": name}}, {"secretRef": {"name": name}}]}]});
    let spec = json!({"replicas": replicas, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": pods}});
    [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"site": format!("{name} Ünïcode")}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": {"password": format!("of {name}")}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"selector": {"app": name}, "ports": [{"port": 80}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec}),
    ]
}

/// What somebody wrote of an object: without the address that a cluster gives to a service, and the marks of Velero and of a restart.
fn essence(object: &Value) -> Value {
    let mut labels = object["metadata"]["labels"].clone();
    if let Some(labels) = labels.as_object_mut() {
        labels.retain(|name, _| !name.starts_with("velero.io/"));
    }
    let mut spec = object["spec"].clone();
    for (at, field) in [("", "clusterIP"), ("", "clusterIPs"), ("/template/metadata", "annotations")] {
        if let Some(fields) = spec.pointer_mut(at).and_then(Value::as_object_mut) {
            fields.remove(field);
        }
    }
    json!({"labels": labels, "data": object["data"], "spec": spec})
}
