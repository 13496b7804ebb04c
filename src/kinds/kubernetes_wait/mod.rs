//! `kubernetes.wait`: until an object is there, is gone, has a condition or a value.
//!
//! It only reads, in a process of its own, so that an executor that dies does not begin the wait anew.

mod until;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Foresight, Kind, Next, Op, Outputs, WorkCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Cluster, Goal, Look, Named, Reach, Target};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};
use until::Wanted;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    #[serde(flatten)]
    pub target: Target,
    /// `exists`, `deleted`, or a condition of its status: `Available`, `Ready=False`.
    #[serde(default)]
    pub condition: Option<String>,
    /// A field instead: `status.phase`.
    #[serde(default)]
    pub value: Option<String>,
    /// What `value` has to be.
    #[serde(default)]
    pub equals: Option<Value>,
}

pub struct KubernetesWait;

impl Kind for KubernetesWait {
    const NAME: &'static str = "kubernetes.wait";
    const PAGE: &'static str = include_str!("page.md");
    const PREPARES: bool = false;
    const WORKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: certificates-are-issued
uses: kubernetes.wait
with:
  namespace: edx
  object: Certificate/lms
  api_version: cert-manager.io/v1
  condition: Ready
timeout: 15m
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        [kubernetes::check_reach(with), kubernetes::check_object(with), until::check(with)].concat()
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading([kubernetes::foreseen(with, "object")])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("status", OutputType::Map)])
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let with = &op.params;
        let named = with.target.named()?;
        let wanted = Wanted::of(with.condition.as_deref(), with.value.as_deref(), with.equals.as_ref())?;
        kubernetes::until(cx, op, &with.reach, None, &Awaited { named, wanted }).await.map(Next::Done)
    }
}

struct Awaited {
    named: Named,
    wanted: Wanted,
}

impl Goal for Awaited {
    type Found = Outputs;

    async fn look(&self, _: &WorkCx, cluster: &Cluster) -> Result<Look<Outputs>, Fault> {
        let live = cluster.place(&self.named).await?.find().await?;
        Ok(self.wanted.look(&self.named.what(), live.as_ref()))
    }
}
