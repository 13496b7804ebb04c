//! `terraform.no_changes`: whether a module's world is what its configuration says. A probe, and a step that reads.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault};
use crate::provider::terraform::{self, Binary, Module, Scope, Vars, Wanted};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

pub struct TerraformNoChanges;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Folder of the module.
    dir: String,
    /// Which program plans it.
    #[serde(default)]
    binary: Binary,
    /// Values of the module's variables. Secrets are taken: they go by the environment.
    #[serde(default)]
    vars: Vars,
    /// Files with values of variables.
    #[serde(default)]
    var_files: Vec<String>,
    /// The workspace of the state; the default one unless said.
    #[serde(default)]
    workspace: Option<String>,
    /// What the module's backend block leaves open. No secrets: the backends take those from `env`.
    #[serde(default)]
    backend_config: BTreeMap<String, String>,
    /// Only these addresses and what they need.
    #[serde(default)]
    targets: Vec<String>,
    /// How many things are looked at at once; 10 unless said.
    #[serde(default)]
    parallelism: Option<u32>,
    /// Folder with the providers; `terraform-mirror` beside the runbook, where there is one, unless said.
    #[serde(default)]
    mirror: Option<String>,
    /// What providers and backend take from the environment: credentials, regions, endpoints.
    #[serde(default)]
    env: BTreeMap<String, Secret>,
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
        let params = &op.params;
        let wanted = Wanted {
            dir: &params.dir,
            binary: params.binary,
            workspace: params.workspace.as_deref(),
            backend_config: &params.backend_config,
            mirror: params.mirror.as_deref(),
            env: &params.env,
            vars: params.vars.environment().collect(),
        };
        let module = Module::open(cx, op, wanted)?;
        module.init(false).await?;
        let scope = Scope::new(cx, &params.var_files, &params.targets, params.parallelism);
        let changes = module.look(&scope, &[]).await?;
        Ok(Next::Done(Outputs::from_iter([("empty".to_owned(), json!(!changes))])))
    }
}
