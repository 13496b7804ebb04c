//! What an apply is made of, as the runbook writes it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::{Op, ReadCx};
use crate::model::Fault;
use crate::model::secret::Secret;
use crate::provider::terraform::{Binary, Module, Scope, Vars, Wanted};

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Folder of the module.
    pub dir: String,
    /// Which program applies it.
    #[serde(default)]
    pub binary: Binary,
    /// Values of the module's variables. Secrets are taken: they go by the environment.
    #[serde(default)]
    pub vars: Vars,
    /// Files with values of variables.
    #[serde(default)]
    pub var_files: Vec<String>,
    /// The workspace of the state; the default one unless said.
    #[serde(default)]
    pub workspace: Option<String>,
    /// What the module's backend block leaves open. No secrets: the backends take those from `env`.
    #[serde(default)]
    pub backend_config: BTreeMap<String, String>,
    /// Only these addresses and what they need.
    #[serde(default)]
    pub targets: Vec<String>,
    /// How many changes at once; 10 unless said.
    #[serde(default)]
    pub parallelism: Option<u32>,
    /// Addresses that may be deleted or replaced: `aws_instance.web[*]`, `module.cache.*`. All others are refused.
    #[serde(default)]
    pub allow_destroy: Vec<String>,
    /// Folder with the providers, as `terraform providers mirror` makes it, so that no registry is asked; the folder
    /// `terraform-mirror` beside the runbook, where there is one, unless said.
    #[serde(default)]
    pub mirror: Option<String>,
    /// What providers and backend take from the environment: credentials, regions, endpoints.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
}

impl Params {
    pub fn module<Q>(&self, cx: &ReadCx, op: &Op<Params, Q>) -> Result<Module, Fault> {
        let wanted = Wanted {
            dir: &self.dir,
            binary: self.binary,
            workspace: self.workspace.as_deref(),
            backend_config: &self.backend_config,
            mirror: self.mirror.as_deref(),
            env: &self.env,
            vars: self.vars.environment().collect(),
        };
        Module::open(cx, op, wanted)
    }

    pub fn scope(&self, cx: &ReadCx) -> Scope<'_> {
        Scope::new(cx, &self.var_files, &self.targets, self.parallelism)
    }

    pub fn variables(&self) -> Vec<&str> {
        self.vars.0.keys().map(String::as_str).collect()
    }
}
