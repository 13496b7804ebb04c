//! `kubernetes.delete`: one object, or those that a selector chooses, are gone.
//!
//! The story of a step: `prepare` takes the uid of every object that is there, once. Each is deleted under its uid as the
//! condition, with what belongs to it, and the step waits until none of them is left.
//!
//! Promises: what came under the same name, or under the same selector, since the step was prepared is never deleted; gone
//! already is as good as deleted; what holds an object is said while the step waits.

mod target;
mod work;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, WorkCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Identity, Reach};
use crate::runbook::catalog::{Complaint, InPlace, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    /// `job/migrate`: one object.
    #[serde(default)]
    pub object: Option<String>,
    /// Instead of `object`: what the selector chooses from, `pod`.
    #[serde(default)]
    pub kind: Option<String>,
    /// The labels of those that are deleted, as `kubectl` takes them: `app=lms,tier!=web`.
    #[serde(default)]
    pub selector: Option<String>,
    /// For kinds that are not known by their name alone: `argoproj.io/v1alpha1`.
    #[serde(default)]
    pub api_version: Option<String>,
}

/// What `prepare` took, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub cluster: Identity,
    /// What was there.
    pub objects: Vec<Pinned>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pinned {
    pub name: String,
    /// One that was made anew under its name is another.
    pub uid: String,
}

pub struct KubernetesDelete;

impl Kind for KubernetesDelete {
    const NAME: &'static str = "kubernetes.delete";
    const PAGE: &'static str = include_str!("page.md");
    /// Pods may take minutes to go; the wait outlives the executor.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: stale-jobs-go
uses: kubernetes.delete
needs: []
with:
  context: production
  namespace: edx
  kind: job
  selector: app=lms,task=migrate
timeout: 5m
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        [kubernetes::check_reach(with), target::check(with)].concat()
    }

    /// Each is deleted under its uid: a second time finds nothing.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        if with.has(&["object"]) {
            return Foresight::touching([format!("{}, deleted", kubernetes::foreseen(with, "object"))]);
        }
        let chosen = with.text(&["selector"]).map(|text| format!(" that `{text}` chooses")).unwrap_or_default();
        Foresight::touching([format!("every {}{chosen}, deleted", kubernetes::foreseen(with, "kind"))])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("objects", OutputType::List), ("deleted", OutputType::Integer)])
    }

    /// Most objects are made anew by whoever made them; what some hold is not.
    fn in_place(&self, with: &Late<'_>) -> InPlace {
        target::in_place(with)
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
