//! What an apply is made of, as the runbook writes it.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::{Op, ReadCx};
use crate::model::Fault;
use crate::provider::terraform::{Module, Planning, Reach, Scope};

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    #[serde(flatten)]
    pub planning: Planning,
    /// Addresses that may be deleted or replaced: `aws_instance.web[*]`, `module.cache.*`. All others are refused.
    #[serde(default)]
    pub allow_destroy: Vec<String>,
}

impl Params {
    pub fn module<Q>(&self, cx: &ReadCx, op: &Op<Params, Q>) -> Result<Module, Fault> {
        Module::open(cx, op, &self.reach, Some(&self.planning.vars))
    }

    pub fn scope(&self, cx: &ReadCx) -> Scope<'_> {
        Scope::new(cx, &self.planning)
    }
}
