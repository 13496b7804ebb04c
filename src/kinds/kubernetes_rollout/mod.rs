//! `kubernetes.rollout`: until a workload runs as it is written, as `kubectl rollout status` has it; with `restart` its pods
//! are made anew first.
//!
//! Promises: a restart is marked in the pods' own form with the operation, so it is told from the object whether it was done,
//! and it is never done twice.

mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, WorkCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Identity, Reach};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    /// `deployment/lms`, a StatefulSet or a DaemonSet.
    pub object: String,
    /// Whether its pods are made anew first.
    #[serde(default)]
    pub restart: bool,
}

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// Of the workload: one that was made anew under its name is another.
    pub uid: String,
}

pub struct KubernetesRollout;

impl Kind for KubernetesRollout {
    const NAME: &'static str = "kubernetes.rollout";
    const PAGE: &'static str = include_str!("page.md");
    /// Pods may take minutes to come; the wait outlives the executor.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: lms-runs
uses: kubernetes.rollout
needs: []
with:
  context: production
  namespace: edx
  object: deployment/lms
  restart: true
timeout: 15m
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let kind = work::named(with.text(&["object"]).unwrap_or("deployment/a")).err();
        let kind = kind.map(|fault| Complaint::of(&["object"], "RG3014", fault));
        [kubernetes::check_reach(with), kind.into_iter().collect()].concat()
    }

    fn effect(&self, with: &Late<'_>) -> Effect {
        match with.get(&["restart"]) {
            Known::Absent => Effect::Read,
            Known::Known(value) if value == &serde_json::Value::Bool(false) => Effect::Read,
            _ => Effect::ConvergentSet,
        }
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let object = kubernetes::foreseen(with, "object");
        match self.effect(with) {
            Effect::Read => Foresight::reading([object]),
            _ => Foresight::touching([format!("the pods of {object}, made anew")]),
        }
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("status", OutputType::Map)])
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
}
