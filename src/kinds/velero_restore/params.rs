//! What is restored, as the runbook writes it, and the `Restore` that is made of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::kind::Foresight;
use crate::model::secret::Secret;
use crate::model::{Fault, OpId};
use crate::provider::kubernetes::{self, Named, OPERATION, Reach};
use crate::provider::velero::{self, Source};
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// A kubeconfig: a file relative to the runbook, or its whole text as a step or a secret gives it. `~/.kube/config`
    /// unless said.
    #[serde(default)]
    kubeconfig: Option<Secret>,
    /// The context of the kubeconfig; its current one unless said.
    #[serde(default)]
    context: Option<String>,
    /// The namespace that Velero runs in: `velero` unless said.
    #[serde(default = "velero::usual_namespace")]
    pub namespace: String,
    /// Its name; or `{schedule, as_of}`, the newest of that schedule that was complete by then.
    pub backup: Source,
    /// Only these namespaces; all of the backup unless said.
    #[serde(default)]
    pub include_namespaces: Vec<String>,
    /// Not these.
    #[serde(default)]
    pub exclude_namespaces: Vec<String>,
    /// Only these kinds of objects: `configmaps`, `deployments.apps`.
    #[serde(default)]
    pub include_resources: Vec<String>,
    /// Not these.
    #[serde(default)]
    pub exclude_resources: Vec<String>,
    /// Namespaces that come back under another name: `{edx: edx-drill}`.
    #[serde(default)]
    pub namespace_mapping: BTreeMap<String, String>,
    /// What becomes of an object that is there already: it stays as it is (`none`, unless said), or becomes as in the backup
    /// (`update`).
    #[serde(default)]
    pub existing_resource_policy: Policy,
    /// Whether what stands in no namespace comes back, too; as Velero has it unless said.
    #[serde(default)]
    pub cluster_resources: Option<bool>,
    /// Whether volumes come back from their snapshots; as Velero has it unless said.
    #[serde(default)]
    pub restore_volumes: Option<bool>,
    /// Whether the storage location of the backup is read-only as long as the restore goes on.
    #[serde(default)]
    pub read_only_location: bool,
    /// What may fail: texts of errors, in which `*` stands for anything. Unless each error is among them, the step fails.
    #[serde(default)]
    pub allow: Vec<String>,
    /// In a drill: the namespaces that it restores into are made by the step, see [`super::scratch`]. Nobody writes it.
    #[serde(default)]
    #[schemars(skip)]
    pub own_namespaces: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    #[default]
    None,
    Update,
}

impl Params {
    pub fn reach(&self) -> Reach {
        Reach::within(self.kubeconfig.clone(), self.context.clone(), self.namespace.clone())
    }

    /// An object in the namespace of Velero.
    pub fn named(&self, kind: &str, name: &str) -> Named {
        velero::named(&self.namespace, kind, name)
    }

    /// Names of the namespaces that the step makes.
    pub fn scratch(&self) -> impl Iterator<Item = &str> {
        self.namespace_mapping.values().filter(|_| self.own_namespaces).map(String::as_str)
    }

    /// The `Restore` of an operation. What is not said is left out, so that Velero's own defaults hold.
    pub fn restore(&self, id: &OpId, backup: &str) -> Value {
        let mut spec = Map::from_iter([("backupName".to_owned(), json!(backup))]);
        let lists = [
            ("includedNamespaces", &self.include_namespaces),
            ("excludedNamespaces", &self.exclude_namespaces),
            ("includedResources", &self.include_resources),
            ("excludedResources", &self.exclude_resources),
        ];
        let said = lists.into_iter().filter(|(_, list)| !list.is_empty());
        spec.extend(said.map(|(key, list)| (key.to_owned(), json!(list))));
        if !self.namespace_mapping.is_empty() {
            spec.insert("namespaceMapping".to_owned(), json!(self.namespace_mapping));
        }
        if self.existing_resource_policy == Policy::Update {
            spec.insert("existingResourcePolicy".to_owned(), json!(Policy::Update));
        }
        spec.extend(self.cluster_resources.map(|all| ("includeClusterResources".to_owned(), json!(all))));
        spec.extend(self.restore_volumes.map(|volumes| ("restorePVs".to_owned(), json!(volumes))));
        json!({
            "apiVersion": "velero.io/v1",
            "kind": "Restore",
            "metadata": {
                "name": name(id),
                "namespace": self.namespace,
                "labels": {"app.kubernetes.io/managed-by": "regrow"},
                "annotations": {OPERATION: id.to_string()},
            },
            "spec": spec,
        })
    }
}

/// Of the one `Restore` of an operation. Velero makes it a label's value, so it is short.
pub fn name(id: &OpId) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let words: String = id.as_str().chars().map(plain).take(40).collect();
    format!("regrow-{}-{}", words.trim_matches('-'), id.short())
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = kubernetes::check_reach(with);
    let mut wrong = |path: &[&str], fault: Fault| found.push(Complaint::of(path, "RG3109", fault));
    if let Some(name) = with.text(&["backup"])
        && let Err(fault) = velero::backup_name(name)
    {
        wrong(&["backup"], fault);
    }
    if let Some(text) = with.text(&["backup", "as_of"])
        && let Err(fault) = velero::moment(text)
    {
        wrong(&["backup", "as_of"], fault);
    }
    for [one, other] in [["include_namespaces", "exclude_namespaces"], ["include_resources", "exclude_resources"]] {
        let list = |field: &str| match with.get(&[field]) {
            Known::Known(Value::Array(list)) => list.clone(),
            _ => Vec::new(),
        };
        let both = list(one).into_iter().find(|item| list(other).contains(item));
        if let Some(item) = both {
            let item = item.as_str().unwrap_or_default();
            let what = format!("`{item}` stands in `{one}` and in `{other}`");
            wrong(&[other], Fault::new("RG3109", what).hint("Velero refuses it: name it in one of them"));
        }
    }
    if let Known::Known(Value::Array(patterns)) = with.get(&["allow"]) {
        let all = |pattern: &Value| pattern.as_str().is_some_and(|text| text.chars().all(|c| c == '*'));
        if let Some(at) = patterns.iter().position(all) {
            let fault = Fault::new("RG3109", "it would allow every error, so that nothing could fail")
                .hint("name what may fail: `\"*failed calling webhook*\"`; `allow_failure` lets the run go on without the step");
            wrong(&["allow", &at.to_string()], fault);
        }
    }
    found
}

pub fn foresee(with: &Late<'_>) -> Foresight {
    let backup = match (with.text(&["backup"]), with.text(&["backup", "schedule"])) {
        (Some(name), _) => format!("the backup {name}"),
        (None, Some(schedule)) => format!("a backup of the schedule {schedule}"),
        (None, None) => "a backup that the run knows".to_owned(),
    };
    let place = kubernetes::of_cluster(with);
    let named = |name: &str| match with.text(&["namespace_mapping", name]) {
        Some(other) => format!("{name} as {other}"),
        None => name.to_owned(),
    };
    let namespaces = match with.get(&["include_namespaces"]) {
        Known::Known(Value::Array(list)) if !list.is_empty() => {
            let names: Vec<String> = list.iter().filter_map(Value::as_str).map(named).collect();
            format!("the namespaces {}", names.join(", "))
        }
        _ => "the objects".to_owned(),
    };
    Foresight { reads: vec![backup.clone()], ..Foresight::touching([format!("{namespaces}{place}, from {backup}")]) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, RunId};

    #[test]
    fn the_name_is_of_the_operation_and_fits_a_label() {
        let run: RunId = "7qk2".parse().unwrap();
        let op = |step: &str, generation| OpId::new(&run, &step.parse::<Address>().unwrap(), generation);
        let named = name(&op("volumes", 1));
        assert_eq!(named, format!("regrow-7qk2-volumes-1-{}", op("volumes", 1).short()));
        assert_ne!(named, name(&op("volumes", 2)));
        let long = name(&op(&format!("{}/Restore_it:key.with-dots", "x".repeat(60)), 1));
        assert!(long.len() <= 63, "{long}");
        assert!(long.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{long}");
    }

    #[test]
    fn what_is_not_said_is_left_to_velero() {
        let with: Params = serde_json::from_value(json!({"backup": "nightly"})).unwrap();
        let run: RunId = "7qk2".parse().unwrap();
        let id = OpId::new(&run, &Address::top("it"), 1);
        let body = with.restore(&id, "nightly");
        assert_eq!(body["spec"], json!({"backupName": "nightly"}));
        assert_eq!(body["metadata"]["namespace"], "velero");
        let with: Params = serde_json::from_value(json!({
            "backup": "nightly", "include_namespaces": ["edx"], "namespace_mapping": {"edx": "b"},
            "existing_resource_policy": "update", "cluster_resources": false, "restore_volumes": false}))
        .unwrap();
        let spec = json!({"backupName": "nightly", "includedNamespaces": ["edx"], "namespaceMapping": {"edx": "b"},
            "existingResourcePolicy": "update", "includeClusterResources": false, "restorePVs": false});
        assert_eq!(with.restore(&id, "nightly")["spec"], spec);
    }
}
