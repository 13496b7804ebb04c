//! `kubernetes.scale`: a workload gets another count of pods, and the former one is kept.
//!
//! The story of a step: `prepare` takes the count and who the workload and the cluster are, once. The change is bound to the
//! version of the object that was looked at, carries the operation's id as an annotation, and is followed by a look at the pods:
//! a count of 0 is not yet a pod that has let go of a database.
//!
//! Promises: what was changed is told by the object itself, never by remembering what was sent; a count that somebody else
//! moved is not overwritten, neither by the step nor by its undo.

mod stand;
mod work;

use schemars::JsonSchema;
use serde::Deserialize;

pub use stand::Prior;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Reach, Target};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    #[serde(flatten)]
    pub target: Target,
    /// How many pods there are to be.
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub replicas: i64,
    /// Whether the pods are waited for, those that go and those that come: yes unless said.
    #[serde(default = "yes")]
    pub wait: bool,
}

fn yes() -> bool {
    true
}

pub struct KubernetesScale;

impl Kind for KubernetesScale {
    const NAME: &'static str = "kubernetes.scale";
    const PAGE: &'static str = include_str!("page.md");
    /// Pods may take minutes to go; the wait outlives the executor.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: stop-the-workers
uses: kubernetes.scale
needs: []
with:
  context: production
  namespace: edx
  object: deployment/lms-worker
  replicas: 0
undo: restore_replicas
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        [kubernetes::check_reach(with), kubernetes::check_object(with)].concat()
    }

    /// Doing it twice gives the same, and it is bound to what it replaces.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::touching([format!("the count of {}", kubernetes::foreseen(with, "object"))])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("previous", OutputType::Integer), ("replicas", OutputType::Integer)])
    }

    fn undos(&self) -> &'static [&'static str] {
        &["restore_replicas"]
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

    async fn undo(
        &self,
        cx: &WriteCx,
        op: &Op<Params, Prior>,
        _: &serde_json::Value,
        _: &Outputs,
    ) -> Result<Undone, Fault> {
        work::restore_replicas(cx, op).await
    }
}
