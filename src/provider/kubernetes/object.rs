//! One object by its name, where it is kept, and what is done with it.

use hyper::Uri;
use kube::Api;
use kube::api::{
    DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, Preconditions, ValidationDirective,
};
use kube::core::{GroupVersionKind, Request};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::{MANAGER, OPERATION, fault};
use crate::kind::{ReadCx, WriteCx};
use crate::model::Fault;
use crate::provider::mask::Masker;
use crate::runbook::catalog::{Complaint, Late};

/// What `kind/name` may begin with, and what is meant: the kinds that hosters have.
const WORDS: &[(&[&str], &str, &str, &str)] = &[
    (&["deployment", "deploy"], "apps", "v1", "Deployment"),
    (&["statefulset", "sts"], "apps", "v1", "StatefulSet"),
    (&["daemonset", "ds"], "apps", "v1", "DaemonSet"),
    (&["replicaset", "rs"], "apps", "v1", "ReplicaSet"),
    (&["job"], "batch", "v1", "Job"),
    (&["cronjob", "cj"], "batch", "v1", "CronJob"),
    (&["pod", "po"], "", "v1", "Pod"),
    (&["service", "svc"], "", "v1", "Service"),
    (&["configmap", "cm"], "", "v1", "ConfigMap"),
    (&["secret"], "", "v1", "Secret"),
    (&["namespace", "ns"], "", "v1", "Namespace"),
    (&["node", "no"], "", "v1", "Node"),
    (&["persistentvolumeclaim", "pvc"], "", "v1", "PersistentVolumeClaim"),
    (&["persistentvolume", "pv"], "", "v1", "PersistentVolume"),
    (&["serviceaccount", "sa"], "", "v1", "ServiceAccount"),
    (&["ingress", "ing"], "networking.k8s.io", "v1", "Ingress"),
    (&["networkpolicy", "netpol"], "networking.k8s.io", "v1", "NetworkPolicy"),
    (&["horizontalpodautoscaler", "hpa"], "autoscaling", "v2", "HorizontalPodAutoscaler"),
    (&["poddisruptionbudget", "pdb"], "policy", "v1", "PodDisruptionBudget"),
    (&["role"], "rbac.authorization.k8s.io", "v1", "Role"),
    (&["rolebinding"], "rbac.authorization.k8s.io", "v1", "RoleBinding"),
    (&["clusterrole"], "rbac.authorization.k8s.io", "v1", "ClusterRole"),
    (&["clusterrolebinding"], "rbac.authorization.k8s.io", "v1", "ClusterRoleBinding"),
    (&["storageclass", "sc"], "storage.k8s.io", "v1", "StorageClass"),
    (&["customresourcedefinition", "crd"], "apiextensions.k8s.io", "v1", "CustomResourceDefinition"),
];

/// An object as a runbook names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub kind: GroupVersionKind,
    pub name: String,
    /// Where it differs from the step's.
    pub namespace: Option<String>,
}

impl Named {
    /// `deployment/lms`; with an API version any kind, as manifests write it: `Restore/nightly` of `velero.io/v1`.
    pub fn parse(text: &str, api_version: Option<&str>) -> Result<Named, Fault> {
        let wrong = |what: String, hint: &str| Err(Fault::new("RG3014", what).hint(hint));
        let Some((kind, name)) = text.split_once('/').filter(|(kind, name)| !kind.is_empty() && is_name(name)) else {
            return wrong(format!("`{text}` is no object"), "for example `deployment/lms`");
        };
        let kind = match (api_version, word(kind)) {
            (None, Some(kind)) => kind,
            (None, None) => {
                return wrong(
                    format!("`{kind}` is no kind that is known by its name alone"),
                    "add `api_version`, and write the kind as in manifests",
                );
            }
            (Some(version), known) => {
                let (group, version) = version.split_once('/').unwrap_or(("", version));
                let kind = known.filter(|known| known.group == group).map_or(kind.to_owned(), |known| known.kind);
                GroupVersionKind::gvk(group, version, &kind)
            }
        };
        Ok(Named { kind, name: name.to_owned(), namespace: None })
    }

    pub fn job(name: &str) -> Named {
        Named { kind: GroupVersionKind::gvk("batch", "v1", "Job"), name: name.to_owned(), namespace: None }
    }

    /// The object that a manifest is of.
    pub fn of_manifest(body: &Value) -> Option<Named> {
        let text = |path: &str| body.pointer(path).and_then(Value::as_str);
        let version = text("/apiVersion")?;
        let (group, version) = version.split_once('/').unwrap_or(("", version));
        let name = text("/metadata/name").filter(|name| is_name(name))?.to_owned();
        let namespace = text("/metadata/namespace").map(str::to_owned);
        Some(Named { kind: GroupVersionKind::gvk(group, version, text("/kind")?), name, namespace })
    }

    pub fn what(&self) -> String {
        format!("{}/{}", self.kind.kind.to_lowercase(), self.name)
    }
}

fn word(text: &str) -> Option<GroupVersionKind> {
    let text = text.to_lowercase();
    let plural = text.strip_suffix("es").filter(|stem| stem.ends_with("ss"));
    let stem = plural.or(text.strip_suffix('s')).unwrap_or(&text);
    let mut found = WORDS.iter().filter(|(words, ..)| words.contains(&text.as_str()) || words.contains(&stem));
    found.next().map(|(_, group, version, kind)| GroupVersionKind::gvk(group, version, kind))
}

/// As the server wants it; a slash or a space would lead elsewhere.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
}

/// The object that a step is about.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Target {
    /// `deployment/lms`.
    pub object: String,
    /// For kinds that are not known by their name alone: `argoproj.io/v1alpha1`.
    #[serde(default)]
    pub api_version: Option<String>,
}

impl Target {
    pub fn named(&self) -> Result<Named, Fault> {
        Named::parse(&self.object, self.api_version.as_deref())
    }
}

/// What is wrong with `object` and `api_version` before anything runs.
pub fn check_object(with: &Late<'_>) -> Vec<Complaint> {
    let Some(text) = with.text(&["object"]) else { return Vec::new() };
    // Whether a version is there is known, also where its text is not.
    let version = with.has(&["api_version"]).then(|| with.text(&["api_version"]).unwrap_or("v1"));
    let fault = Named::parse(text, version).err();
    fault.map(|fault| Complaint::of(&["object"], "RG3014", fault)).into_iter().collect()
}

/// A text of an object's metadata: `uid`, `resourceVersion`.
pub fn metadata<'a>(object: &'a Value, key: &str) -> &'a str {
    object["metadata"][key].as_str().unwrap_or_default()
}

/// Whether that operation wrote the object last.
pub fn is_ours(object: &Value, operation: &str) -> bool {
    object["metadata"]["annotations"][OPERATION] == operation
}

/// What keeps an object that is being deleted: `, held by example.org/keep`; empty where nothing says.
pub fn held(object: &Value) -> String {
    let list = |path: &str| object.pointer(path).and_then(Value::as_array).into_iter().flatten();
    let finalizers = list("/metadata/finalizers").filter_map(Value::as_str);
    let finalizers = finalizers.map(|name| if name == "foregroundDeletion" { "what belongs to it" } else { name });
    // A namespace tells what is left in it.
    let remains = list("/status/conditions").filter(|one| {
        one["status"] == "True" && one["type"].as_str().is_some_and(|name| name.starts_with("Namespace"))
    });
    let all: Vec<&str> = finalizers.chain(remains.filter_map(|one| one["message"].as_str())).collect();
    if all.is_empty() { String::new() } else { format!(", held by {}", all.join(", ")) }
}

/// Whether it is being taken away.
pub fn is_going(live: &Value) -> bool {
    live["metadata"]["deletionTimestamp"].is_string()
}

/// A field by its path: `spec.replicas`.
pub fn field<'a>(object: &'a Value, path: &str) -> &'a Value {
    object.pointer(&format!("/{}", path.replace('.', "/"))).unwrap_or(&Value::Null)
}

/// Where an object is kept, whether it is there or not.
pub struct Place {
    pub(super) api: Api<DynamicObject>,
    pub(super) name: String,
    /// `deployment/lms`, for people.
    pub what: String,
    server: String,
    masker: Masker,
}

impl Place {
    pub(super) fn new(api: Api<DynamicObject>, named: &Named, server: &str, masker: Masker) -> Place {
        Place { api, name: named.name.clone(), what: named.what(), server: server.to_owned(), masker }
    }

    /// Where another object of its kind is kept, in the same namespace.
    pub fn beside(&self, name: &str) -> Place {
        let kind = self.what.split('/').next().unwrap_or_default();
        let (name, what) = (name.to_owned(), format!("{kind}/{name}"));
        Place { api: self.api.clone(), name, what, server: self.server.clone(), masker: self.masker.clone() }
    }

    /// All of its kind in its namespace that `selector` chooses.
    pub async fn all(&self, selector: &str) -> Result<Vec<Value>, Fault> {
        let found = self.api.list(&ListParams::default().labels(selector)).await.map_err(|error| self.fault(&error))?;
        let value = |object| serde_json::to_value(object).map_err(|error| self.unreadable(&error));
        found.items.into_iter().map(value).collect()
    }

    /// The object as JSON, none if it is not there.
    pub async fn find(&self) -> Result<Option<Value>, Fault> {
        let found = self.api.get_opt(&self.name).await.map_err(|error| self.fault(&error))?;
        found.map(|object| serde_json::to_value(object).map_err(|error| self.unreadable(&error))).transpose()
    }

    /// What chooses the pods of a workload, as its `scale` tells.
    pub async fn selector(&self) -> Result<String, Fault> {
        let scale = self.api.get_scale(&self.name).await.map_err(|error| self.fault(&error))?;
        scale
            .status
            .and_then(|status| status.selector)
            .ok_or_else(|| Fault::new("RG3012", format!("{} does not say which pods are its own", self.what)))
    }

    pub fn namespace(&self) -> &str {
        self.api.namespace().unwrap_or_default()
    }

    pub async fn get(&self) -> Result<Value, Fault> {
        self.find().await?.ok_or_else(|| self.absent())
    }

    pub fn absent(&self) -> Fault {
        let space = self.api.namespace().map(|space| format!(" in the namespace `{space}`")).unwrap_or_default();
        Fault::new("RG3008", format!("there is no {}{space} in the cluster at {}", self.what, self.server))
            .hint("look at its name, its namespace and the context")
    }

    /// Changes what `patch` (a JSON merge patch) says. It holds the `resourceVersion` that was looked at: if anybody wrote
    /// meanwhile, nothing happens and the answer is false.
    pub async fn merge(&self, _: &WriteCx, patch: &Value) -> Result<bool, Fault> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        match self.api.patch(&self.name, &params, &Patch::Merge(patch)).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// What an apply of `body` would make of it. Nothing is changed: the server does all but keep it.
    pub async fn foresee_apply(&self, _: &ReadCx, body: &Value, force: bool) -> Result<Applied, Fault> {
        self.send(body, PatchParams { dry_run: true, ..applying(force) }).await
    }

    /// Server-side apply. With the uid and the version of what was looked at in `body` it changes nothing else.
    pub async fn apply(&self, _: &WriteCx, body: &Value, force: bool) -> Result<Applied, Fault> {
        self.send(body, applying(force)).await
    }

    async fn send(&self, body: &Value, params: PatchParams) -> Result<Applied, Fault> {
        match self.api.patch(&self.name, &params, &Patch::Apply(body)).await {
            Ok(object) => serde_json::to_value(object).map(Applied::Yes).map_err(|error| self.unreadable(&error)),
            Err(kube::Error::Api(status)) if status.code == 409 => {
                let causes = status.details.map(|details| details.causes).unwrap_or_default();
                let owned = causes.into_iter().filter(|cause| cause.reason == "FieldManagerConflict");
                let owners: Vec<String> = owned.map(|cause| format!("`{}` ({})", cause.field, cause.message)).collect();
                Ok(if owners.is_empty() { Applied::Overtaken } else { Applied::Conflicts(owners) })
            }
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Whether the server would make the object, see [`Place::create`]. Nothing is made.
    pub async fn foresee_create(&self, _: &ReadCx, body: &Value) -> Result<bool, Fault> {
        self.made(body, true).await
    }

    /// Makes the object. If its name is taken, nothing happens and the answer is false.
    pub async fn create(&self, _: &WriteCx, body: &Value) -> Result<bool, Fault> {
        self.made(body, false).await
    }

    async fn made(&self, body: &Value, dry_run: bool) -> Result<bool, Fault> {
        let params = PostParams { dry_run, field_manager: Some(MANAGER.to_owned()) };
        let request = Request::new(self.api.resource_url()).create(&params, body.to_string().into_bytes());
        let mut request = request.map_err(|error| self.unaskable(&error))?;
        // A field that the server does not know would be dropped without a word.
        let strict = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = strict.parse::<Uri>().map_err(|error| self.unaskable(&error))?;
        match self.api.clone().into_client().request::<Value>(request).await {
            Ok(_) => Ok(true),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(false),
            Err(error) => Err(self.fault(&error)),
        }
    }

    /// Takes away the object with that uid; what belongs to it follows. Gone already is success.
    pub async fn delete(&self, _: &WriteCx, uid: &str) -> Result<(), Fault> {
        self.end(DeleteParams::background(), uid, None).await
    }

    /// The same the other way round: the object is gone once nothing that belongs to it is left.
    pub async fn delete_with_dependents(&self, _: &WriteCx, uid: &str) -> Result<(), Fault> {
        self.end(DeleteParams::foreground(), uid, None).await
    }

    /// Takes away the very version that was looked at. If anybody wrote meanwhile, nothing happens: `RG3010`.
    pub async fn delete_as_seen(&self, _: &WriteCx, live: &Value) -> Result<(), Fault> {
        let version = Some(metadata(live, "resourceVersion").to_owned());
        self.end(DeleteParams::background(), metadata(live, "uid"), version).await
    }

    async fn end(&self, how: DeleteParams, uid: &str, resource_version: Option<String>) -> Result<(), Fault> {
        let condition = Preconditions { uid: Some(uid.to_owned()), resource_version };
        match self.api.delete(&self.name, &how.preconditions(condition)).await {
            Ok(_) => Ok(()),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(self.fault(&error)),
        }
    }

    pub(super) fn fault(&self, error: &kube::Error) -> Fault {
        let mut fault = self.masker.masked(fault::of(error, &self.server));
        fault.message = format!("{}: {}", self.what, fault.message);
        fault
    }

    pub(super) fn unaskable(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        Fault::new("RG3012", format!("{} cannot be asked for", self.what)).caused_by(error)
    }

    fn unreadable(&self, error: &serde_json::Error) -> Fault {
        Fault::new("RG3012", format!("{} cannot be read", self.what)).caused_by(error)
    }
}

/// How an apply ended.
pub enum Applied {
    /// The object as it is now.
    Yes(Value),
    /// Somebody wrote meanwhile; nothing happened.
    Overtaken,
    /// Fields that others own; nothing happened.
    Conflicts(Vec<String>),
}

fn applying(force: bool) -> PatchParams {
    PatchParams {
        force,
        field_manager: Some(MANAGER.to_owned()),
        field_validation: Some(ValidationDirective::Strict),
        ..PatchParams::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_people_name_them() {
        let cases = [
            ("deployment/lms", None, Some(("apps", "v1", "Deployment", "lms"))),
            ("Deployments/lms", None, Some(("apps", "v1", "Deployment", "lms"))),
            ("sts/redis", None, Some(("apps", "v1", "StatefulSet", "redis"))),
            ("ingresses/web", None, Some(("networking.k8s.io", "v1", "Ingress", "web"))),
            ("clusterrole/system:view", None, Some(("rbac.authorization.k8s.io", "v1", "ClusterRole", "system:view"))),
            ("Restore/nightly", Some("velero.io/v1"), Some(("velero.io", "v1", "Restore", "nightly"))),
            ("Service/web", Some("serving.knative.dev/v1"), Some(("serving.knative.dev", "v1", "Service", "web"))),
            ("deployment/lms", Some("apps/v1beta2"), Some(("apps", "v1beta2", "Deployment", "lms"))),
            ("Restore/nightly", None, None),
            ("lms", None, None),
            ("deployment/", None, None),
            ("deployment/a/b", None, None),
        ];
        for (text, version, wanted) in cases {
            let named = Named::parse(text, version);
            let found = named.as_ref().ok().map(|named| {
                let kind = &named.kind;
                (kind.group.as_str(), kind.version.as_str(), kind.kind.as_str(), named.name.as_str())
            });
            assert_eq!(found, wanted, "{text}");
            assert!(named.is_ok() || named.is_err_and(|fault| fault.code == "RG3014" && fault.hint.is_some()));
        }
    }
}
