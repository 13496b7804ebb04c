//! `terraform.output`: the outputs of a module, by name, as its state has them. A probe, and a step that reads.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::{Foresight, Kind, Next, Op, ReadCx, Role};
use crate::model::{Effect, Fault};
use crate::provider::terraform::{self, Module, Reach};
use crate::runbook::catalog::{Complaint, Late, Shape};

pub struct TerraformOutput;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    reach: Reach,
}

impl Kind for TerraformOutput {
    const NAME: &'static str = "terraform.output";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const SEALS: bool = true;
    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "id: where-it-stands\nuses: terraform.output\nneeds: []\nwith:\n  dir: infra/platform\n"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        terraform::check(with)
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading(terraform::described(with))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::Open
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let module = Module::open(cx, op, &op.params.reach, None)?;
        module.init(false).await?;
        Ok(Next::Done(module.outputs(|name, value| cx.seal(&op.step, name, value)).await?.outputs))
    }
}
