//! `kubernetes.apply`: objects become as manifests say, by server-side apply.
//!
//! The story of a step: `prepare` reads the manifests, has the server work out what each would change without keeping it, and
//! stops at fields that others own. Then they are applied one by one, namespaces and definitions first; each carries the
//! operation, so that after a crash the objects themselves tell how far it came.
//!
//! Promises: what is applied is what was shown; an object that somebody deleted, or made under the same name, since then is
//! left alone; nothing that was there before is ever deleted by the undo.

mod manifest;
mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Identity, Reach};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    /// Files relative to the runbook, each with one manifest or more.
    #[serde(default)]
    pub manifests: Vec<String>,
    /// Manifests written here.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// Whether fields that others own are taken over. Without it such a field stops the step before anything is written.
    #[serde(default)]
    pub force_conflicts: bool,
}

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// Of all manifests: others are not applied.
    pub digest: String,
    /// In the order in which they are applied.
    pub objects: Vec<Planned>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Planned {
    pub what: String,
    /// Of the object that was there; none where one is made.
    pub uid: Option<String>,
}

pub struct KubernetesApply;

impl Kind for KubernetesApply {
    const NAME: &'static str = "kubernetes.apply";
    const PAGE: &'static str = include_str!("page.md");
    /// Definitions take their time, and so may a cluster that goes away.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: settings-are-back
uses: kubernetes.apply
needs: []
with:
  context: production
  namespace: edx
  manifests: [manifests/settings.yaml]
  objects:
    - {apiVersion: v1, kind: ConfigMap, metadata: {name: recovered}, data: {from: backup}}
undo: delete_created
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let own = manifest::check(with).map(|(path, fault)| {
            let path: Vec<&str> = path.iter().map(String::as_str).collect();
            Complaint::of(&path, "RG3014", fault)
        });
        [kubernetes::check_reach(with), own.into_iter().collect()].concat()
    }

    /// Doing it twice gives the same, and it is bound to what it replaces.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let place = kubernetes::of_cluster(with);
        let files = match with.get(&["manifests"]) {
            Known::Known(Value::Array(files)) => files.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let what = if files.is_empty() { String::new() } else { format!(" in {}", files.join(", ")) };
        Foresight::touching([format!("the objects{what}{place}")])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("objects", OutputType::List), ("created", OutputType::Integer)])
    }

    fn undos(&self) -> &'static [&'static str] {
        &["delete_created"]
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        work::prepare(cx, &op.params).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        work::settle(cx, op).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }

    async fn undo(&self, cx: &WriteCx, op: &Op<Params, Prior>, _: &Value, _: &Outputs) -> Result<Undone, Fault> {
        work::delete_created(cx, op).await
    }
}
