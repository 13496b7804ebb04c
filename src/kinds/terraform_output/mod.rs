//! `terraform.output`: the outputs of a module, by name, as its state has them. A probe, and a step that reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::{Foresight, Kind, Next, Op, ReadCx, Role};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault};
use crate::provider::terraform::{self, Binary, Module, Wanted};
use crate::runbook::catalog::{Complaint, Late, Shape};

pub struct TerraformOutput;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Folder of the module.
    dir: String,
    /// Which program reads it.
    #[serde(default)]
    binary: Binary,
    /// The workspace of the state; the default one unless said.
    #[serde(default)]
    workspace: Option<String>,
    /// What the module's backend block leaves open. No secrets: the backends take those from `env`.
    #[serde(default)]
    backend_config: BTreeMap<String, String>,
    /// Folder with the providers; `terraform-mirror` beside the runbook, where there is one, unless said.
    #[serde(default)]
    mirror: Option<String>,
    /// What the backend takes from the environment: credentials, regions, endpoints.
    #[serde(default)]
    env: BTreeMap<String, Secret>,
}

impl Kind for TerraformOutput {
    const NAME: &'static str = "terraform.output";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
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
        let wanted = Wanted {
            dir: &op.params.dir,
            binary: op.params.binary,
            workspace: op.params.workspace.as_deref(),
            backend_config: &op.params.backend_config,
            mirror: op.params.mirror.as_deref(),
            env: &op.params.env,
            vars: Vec::new(),
        };
        let module = Module::open(cx, op, wanted)?;
        module.init(false).await?;
        Ok(Next::Done(module.outputs().await?.outputs))
    }
}
