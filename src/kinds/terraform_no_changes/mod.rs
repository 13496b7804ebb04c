//! `terraform.no_changes`: whether a module's world is what its configuration says. A probe, and a step that reads.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role};
use crate::model::{Effect, Fault};
use crate::provider::terraform::{self, Module, Planning, Reach, Scope};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

pub struct TerraformNoChanges;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    reach: Reach,
    #[serde(flatten)]
    planning: Planning,
}

impl Kind for TerraformNoChanges {
    const NAME: &'static str = "terraform.no_changes";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "id: platform-is-whole\nuses: terraform.no_changes\nneeds: []\nwith:\n  dir: infra/platform\n"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("empty").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        (outputs.get("empty") == Some(&json!(false))).then(|| Fault::new("RG2716", "a plan of the module is not empty"))
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
        Shape::of([("empty", OutputType::Boolean)])
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let module = Module::open(cx, op, &op.params.reach, Some(&op.params.planning.vars))?;
        module.init(false).await?;
        let scope = Scope::new(cx, &op.params.planning);
        let changes = module.look(&scope, &[]).await?;
        Ok(Next::Done(Outputs::from_iter([("empty".to_owned(), json!(!changes))])))
    }
}
