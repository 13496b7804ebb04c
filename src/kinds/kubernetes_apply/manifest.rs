//! Manifests, read from files and from the runbook, in the order in which they are applied.

use serde_json::Value;

use super::Params;
use crate::kind::ReadCx;
use crate::model::Fault;
use crate::provider::kubernetes::Named;
use crate::runbook;
use crate::runbook::catalog::{Known, Late};

#[derive(Clone, Debug)]
pub struct Manifest {
    pub named: Named,
    pub body: Value,
}

/// What others stand on comes first; all else stays as it is written.
fn rank(kind: &str) -> usize {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount" | "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding" => 2,
        "ConfigMap" | "Secret" | "PersistentVolume" | "PersistentVolumeClaim" | "StorageClass" => 3,
        _ => 4,
    }
}

/// All manifests, and a digest of them.
pub fn load(cx: &ReadCx, with: &Params) -> Result<(Vec<Manifest>, String), Fault> {
    let mut found = Vec::new();
    for file in &with.manifests {
        let path = cx.path(file);
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Fault::new("RG3016", format!("the manifests in `{file}` cannot be read"))
                .hint("paths are relative to the runbook")
                .caused_by(&error)
        })?;
        // Without the reader's own words, which quote the text: it may be a secret's.
        let bodies: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| {
            let place = error.location().map(|at| format!(" (line {})", at.line())).unwrap_or_default();
            Fault::new("RG3016", format!("`{file}` is not YAML{place}"))
        })?;
        for body in bodies.into_iter().filter(|body| !body.is_null()) {
            add(body, file, &mut found)?;
        }
    }
    for body in &with.objects {
        add(body.clone(), "objects", &mut found)?;
    }
    if found.is_empty() {
        return Err(Fault::new("RG3016", "there is no manifest to apply"));
    }
    found.sort_by_key(|manifest| rank(&manifest.named.kind.kind));
    let all: String = found.iter().map(|manifest| format!("{}\n", manifest.body)).collect();
    Ok((found, runbook::digest(all.as_bytes())))
}

/// A list is what is in it.
fn add(mut body: Value, place: &str, found: &mut Vec<Manifest>) -> Result<(), Fault> {
    if body["kind"] == "List"
        && let Value::Array(items) = body["items"].take()
    {
        return items.into_iter().try_for_each(|item| add(item, place, found));
    }
    let named = Named::of_manifest(&body).ok_or_else(|| no_manifest(place))?;
    found.push(Manifest { named, body });
    Ok(())
}

fn no_manifest(place: &str) -> Fault {
    Fault::new("RG3016", format!("`{place}` holds something that is no manifest"))
        .hint("each has `apiVersion`, `kind` and `metadata: {name}`")
}

/// What is wrong, and where, before anything runs.
pub fn check(with: &Late<'_>) -> Option<(Vec<String>, Fault)> {
    let is_empty = |field: &str| match with.get(&[field]) {
        Known::Absent => true,
        Known::Known(Value::Array(list)) => list.is_empty(),
        _ => false,
    };
    if is_empty("manifests") && is_empty("objects") {
        return Some((Vec::new(), Fault::new("RG3014", "it takes `manifests` or `objects`")));
    }
    let Known::Known(Value::Array(objects)) = with.get(&["objects"]) else { return None };
    let bad = |at: &usize| {
        let at = at.to_string();
        ["apiVersion", "kind"].iter().any(|key| !with.has(&["objects", &at, key]))
            || !with.has(&["objects", &at, "metadata", "name"])
    };
    let at = (0..objects.len()).find(|at| objects[*at].is_object() && objects[*at]["kind"] != "List" && bad(at))?;
    Some((vec!["objects".to_owned(), at.to_string()], no_manifest("objects")))
}
