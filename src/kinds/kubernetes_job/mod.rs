//! `kubernetes.job`: a Job is made, and waited for until it is complete or has failed.
//!
//! The story of a step: `prepare` names the Job after the operation and has the server judge it without keeping it. It is
//! made under that name, which the cluster gives once, with the operation's id as an annotation; then its status is watched.
//!
//! Promises: one operation makes one Job, whatever is killed; a Job that is not there any more is not made again unless a person
//! says so; what others have under the name is left alone; nothing is taken away but what the ledger names and the operation made.

mod body;
mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, WorkCx, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Identity, Reach};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    /// The Job's `spec`, as manifests write it. One try and `restartPolicy: Never` unless said.
    pub spec: Value,
}

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    pub namespace: String,
    pub name: String,
}

pub struct KubernetesJob;

impl Kind for KubernetesJob {
    const NAME: &'static str = "kubernetes.job";
    const PAGE: &'static str = include_str!("page.md");
    /// The wait outlives the executor.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: reindex
uses: kubernetes.job
needs: []
with:
  context: production
  namespace: edx
  spec:
    activeDeadlineSeconds: 1800
    template:
      spec:
        containers:
          - name: reindex
            image: registry.example.org/edx:19.0
            command: [./manage.py, cms, reindex_course, --all]
            envFrom: [{ secretRef: { name: edx-settings } }]
timeout: 40m
temporary: { keep_for: 24h }
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let spec = match with.get(&["spec"]) {
            Known::Known(spec) => body::sound(spec).err(),
            _ => None,
        };
        let spec = spec.map(|fault| Complaint::of(&["spec"], "RG3014", fault));
        [kubernetes::check_reach(with), Vec::from_iter(spec)].concat()
    }

    /// A name is given once in a cluster.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::KeyedCreate
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let space = with.text(&["namespace"]).map(|text| format!(" in namespace {text}")).unwrap_or_default();
        Foresight::touching([format!("a new job{space}{}", kubernetes::of_cluster(with))])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("job", OutputType::Text), ("status", OutputType::Map)])
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        work::prepare(cx, op).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        work::settle(cx, op).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }

    async fn remove(&self, cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
        work::remove(cx, entry, with).await
    }
}
