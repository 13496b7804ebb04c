//! A restore in a drill: into namespaces beside those of production, and only what cannot begin to work there.
//!
//! Workloads that come back under another name would take jobs from production's queues, services and ingresses its addresses,
//! claims its room, and what an object of an unknown kind sets off nobody can tell. So a drill proves that the backup is there, that Velero
//! can read it and bring it back, and how long that takes; not that what was restored runs.

use serde_json::{Map, Value, json};

use crate::kind::{Rehearsal, Scratch};
use crate::provider::kubernetes::Named;
use crate::runbook::catalog::{Known, Late};

/// A kind of object that is of no effect without a workload that uses it.
struct Inert {
    velero: &'static str,
    group: &'static str,
    /// What people call it.
    words: &'static [&'static str],
}

/// What comes back.
const INERT: &[Inert] = &[
    inert("configmaps", &["configmaps", "configmap", "cm"]),
    inert("secrets", &["secrets", "secret"]),
    inert("serviceaccounts", &["serviceaccounts", "serviceaccount", "sa"]),
    inert("limitranges", &["limitranges", "limitrange", "limits"]),
    inert("resourcequotas", &["resourcequotas", "resourcequota", "quota"]),
    of_access("roles.rbac.authorization.k8s.io", &["roles", "role"]),
    of_access("rolebindings.rbac.authorization.k8s.io", &["rolebindings", "rolebinding"]),
];

const fn inert(velero: &'static str, words: &'static [&'static str]) -> Inert {
    Inert { velero, group: "", words }
}

const fn of_access(velero: &'static str, words: &'static [&'static str]) -> Inert {
    Inert { velero, group: "rbac.authorization.k8s.io", words }
}

impl Inert {
    /// `configmaps`, `ConfigMap`, `roles.rbac.authorization.k8s.io`.
    fn is_called(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let (word, group) = text.split_once('.').unwrap_or((&text, self.group));
        self.words.contains(&word) && group == self.group
    }
}

const EVERYTHING: &str = "*";
/// Of a label of DNS, which the name of a namespace is.
const LONGEST: usize = 63;

pub fn beside(with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
    // What was moved already stays where it is.
    if with.has(&["own_namespaces"]) {
        return Rehearsal::Beside(with.value.clone());
    }
    moved(with, scratch).map_or(Rehearsal::Planned, Rehearsal::Beside)
}

fn moved(with: &Late<'_>, scratch: &Scratch<'_>) -> Option<Value> {
    let mut fields = with.value.as_object()?.clone();
    let spaces = list(with, "include_namespaces")?;
    let is_mapped = match with.get(&["namespace_mapping"]) {
        Known::Known(Value::Object(mapping)) => !mapping.is_empty(),
        known => known != Known::Absent,
    };
    if is_mapped || spaces.is_empty() {
        return None;
    }
    let mapping: Map<String, Value> =
        spaces.iter().map(|space| ((*space).to_owned(), scratch.beside(space).into())).collect();
    if !mapping.values().all(|name| name.as_str().is_some_and(is_name)) {
        return None;
    }
    let kinds = kinds(&list(with, "include_resources")?, &list(with, "exclude_resources")?);
    if kinds.is_empty() {
        return None;
    }
    for name in ["existing_resource_policy", "read_only_location"] {
        fields.remove(name);
    }
    fields.insert("namespace_mapping".to_owned(), mapping.into());
    fields.insert("include_resources".to_owned(), json!(kinds));
    for (name, value) in [("cluster_resources", false), ("restore_volumes", false), ("own_namespaces", true)] {
        fields.insert(name.to_owned(), value.into());
    }
    Some(fields.into())
}

/// None while any of it is not known.
fn list<'a>(with: &Late<'a>, field: &str) -> Option<Vec<&'a str>> {
    match with.get(&[field]) {
        Known::Absent => Some(Vec::new()),
        Known::Known(Value::Array(items)) => {
            items.iter().map(|item| item.as_str().filter(|text| !text.contains("{{"))).collect()
        }
        _ => None,
    }
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    text.len() <= LONGEST && text.chars().all(fits) && !text.starts_with('-') && !text.ends_with('-')
}

/// What cannot work, as far as it is wanted.
fn kinds(wanted: &[&str], unwanted: &[&str]) -> Vec<&'static str> {
    let among = |list: &[&str], kind: &Inert| list.iter().any(|text| *text == EVERYTHING || kind.is_called(text));
    let comes = |kind: &&Inert| (wanted.is_empty() || among(wanted, kind)) && !among(unwanted, kind);
    INERT.iter().filter(comes).map(|kind| kind.velero).collect()
}

/// Asks for the same object in the namespace beside, if it is one that comes back. All else would look at production, or for what
/// is not there.
pub fn proof(given: &Late<'_>, probe: &str, mut proof: Value) -> Option<Value> {
    let text = |field: &str| proof.get(field).and_then(Value::as_str);
    let same_cluster = ["kubeconfig", "context"].iter().all(|field| proof.get(field) == given.value.get(field));
    if probe != "kubernetes.get" || !same_cluster {
        return None;
    }
    let kind = Named::parse(text("object")?, text("api_version")).ok()?.kind;
    let is_it = |inert: &&Inert| inert.group == kind.group && inert.is_called(&kind.kind);
    let velero = INERT.iter().find(is_it)?.velero;
    if !given.value["include_resources"].as_array()?.iter().any(|comes| comes == velero) {
        return None;
    }
    let beside = given.text(&["namespace_mapping", text("namespace")?])?.to_owned();
    proof["namespace"] = beside.into();
    Some(proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, RunId};

    fn drilled(with: &Value) -> Rehearsal {
        let run: RunId = "7qk2".parse().unwrap();
        beside(&Late { value: with }, &Scratch { run: &run, step: &Address::top("it"), ledger: &[] })
    }

    fn kinds_of(more: Value) -> Option<Vec<String>> {
        let mut with = json!({"backup": "b", "include_namespaces": ["edx"]});
        with.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        match drilled(&with) {
            Rehearsal::Beside(with) => Some(serde_json::from_value(with["include_resources"].clone()).unwrap()),
            other => {
                assert_eq!(other, Rehearsal::Planned);
                None
            }
        }
    }

    #[test]
    fn nothing_of_it_is_in_reach_of_production() {
        let with = json!({"backup": "b", "include_namespaces": ["edx", "shop"], "existing_resource_policy": "update",
            "read_only_location": true, "restore_volumes": true, "cluster_resources": true, "allow": ["x"]});
        let Rehearsal::Beside(given) = drilled(&with) else { panic!() };
        let kinds = ["configmaps", "secrets", "serviceaccounts", "limitranges", "resourcequotas"].map(str::to_owned);
        let of_access = ["roles", "rolebindings"].map(|kind| format!("{kind}.rbac.authorization.k8s.io"));
        let wanted = json!({"backup": "b", "include_namespaces": ["edx", "shop"],
            "namespace_mapping": {"edx": "edx-drill-7qk2", "shop": "shop-drill-7qk2"},
            "include_resources": kinds.into_iter().chain(of_access).collect::<Vec<_>>(),
            "cluster_resources": false, "restore_volumes": false, "own_namespaces": true, "allow": ["x"]});
        assert_eq!(given, wanted);
        assert_eq!(drilled(&given), Rehearsal::Beside(wanted), "asked again of what it gave");
    }

    #[test]
    fn only_what_is_known_to_go_beside_goes_there() {
        let planned = [
            json!({"backup": "b"}),
            json!({"backup": "b", "include_namespaces": []}),
            json!({"backup": "b", "include_namespaces": ["*"]}),
            json!({"backup": "b", "include_namespaces": ["edx-*"]}),
            json!({"backup": "b", "include_namespaces": "{{ params.namespaces }}"}),
            json!({"backup": "b", "include_namespaces": ["{{ params.namespace }}"]}),
            json!({"backup": "b", "include_namespaces": ["edx"], "namespace_mapping": {"edx": "other"}}),
            json!({"backup": "b", "include_namespaces": ["edx"], "namespace_mapping": "{{ params.mapping }}"}),
            json!({"backup": "b", "include_namespaces": ["x".repeat(53)]}),
        ];
        for with in planned {
            assert_eq!(drilled(&with), Rehearsal::Planned, "{with}");
        }
        let Rehearsal::Beside(_) = drilled(&json!({"backup": "b", "include_namespaces": ["x".repeat(52)]})) else {
            panic!("63 letters are a name");
        };
    }

    #[test]
    fn of_what_its_author_wants_only_what_cannot_work_comes_back() {
        let some = |list: &[&str]| Some(list.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        let of = |include: &[&str], exclude: &[&str]| {
            kinds_of(json!({"include_resources": include, "exclude_resources": exclude}))
        };
        assert_eq!(of(&["cm", "Deployments", "pods"], &[]), some(&["configmaps"]));
        assert_eq!(of(&["roles.rbac.authorization.k8s.io"], &[]), some(&["roles.rbac.authorization.k8s.io"]));
        assert_eq!(of(&["secret", "configmaps"], &["secrets"]), some(&["configmaps"]));
        assert_eq!(of(&["*"], &[]).map(|kinds| kinds.len()), Some(INERT.len()));
        // Of a group of somebody else, or nothing that could come back.
        for (include, exclude) in [(&["secrets.example.org"][..], &[][..]), (&["pods"], &[]), (&[], &["*"])] {
            assert_eq!(of(include, exclude), None, "{include:?} {exclude:?}");
        }
        assert_eq!(kinds_of(json!({"include_resources": "{{ params.kinds }}"})), None);
    }

    #[test]
    fn a_proof_is_asked_beside_or_not_at_all() {
        let with =
            json!({"backup": "b", "context": "c", "include_namespaces": ["edx"], "exclude_resources": ["secrets"]});
        let Rehearsal::Beside(given) = drilled(&with) else { panic!() };
        let asked = |probe: &str, with: Value| proof(&Late { value: &given }, probe, with);
        let get = |object: &str, space: &str| json!({"context": "c", "object": object, "namespace": space});
        let beside = |object: &str| Some(get(object, "edx-drill-7qk2"));
        assert_eq!(asked("kubernetes.get", get("configmap/settings", "edx")), beside("configmap/settings"));
        assert_eq!(asked("kubernetes.get", get("role/reader", "edx")), beside("role/reader"));
        for (object, space) in [("deployment/lms", "edx"), ("configmap/settings", "other"), ("secret/db", "edx")] {
            assert_eq!(asked("kubernetes.get", get(object, space)), None, "{object} in {space}");
        }
        assert_eq!(asked("kubernetes.get", json!({"object": "configmap/settings", "namespace": "edx"})), None);
        assert_eq!(asked("kubernetes.ready", json!({"context": "c", "namespaces": ["edx"]})), None);
    }
}
