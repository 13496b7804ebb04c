//! `ledger.cleanup`: takes away what the run made. The engine hands every entry to the kind that made it; what is younger
//! than its `keep_for` stays and is named.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Kind, Role};
use crate::model::Effect;
use crate::runbook::catalog::{Late, OutputType, Shape};

pub struct LedgerCleanup;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the engine reads the rendered fields; the type is their schema")]
pub struct Params {
    /// Only what is marked so; everything in the ledger unless said.
    #[serde(default)]
    only: Option<Only>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Only {
    Temporary,
}

impl Kind for LedgerCleanup {
    const NAME: &'static str = "ledger.cleanup";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Intrinsic;
    const PREPARES: bool = false;
    type Params = Params;
    type Prior = Value;

    fn example() -> &'static str {
        "id: clean\nuses: ledger.cleanup\nneeds: []\nwith: { only: temporary }\n"
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("removed", OutputType::List), ("kept", OutputType::List)])
    }
}
