//! `report.write`: writes the report of the run so far, also to another place.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Kind, Rehearsal, Role, Scratch};
use crate::model::Effect;
use crate::runbook::catalog::{Late, OutputType, Shape};

pub struct ReportWrite;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the engine reads the rendered fields; the type is their schema")]
pub struct Params {
    /// Markdown, HTML and JSON unless said.
    #[serde(default)]
    formats: Vec<Format>,
    /// A folder beside the run's own, relative to the runbook.
    #[serde(default)]
    to: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Markdown,
    Html,
    Json,
}

impl Kind for ReportWrite {
    const NAME: &'static str = "report.write";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Intrinsic;
    const PREPARES: bool = false;
    type Params = Params;
    type Prior = Value;

    fn example() -> &'static str {
        "id: report\nuses: report.write\nneeds: []\nwith: { formats: [markdown], to: reports }\n"
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("files", OutputType::List)])
    }

    /// The folder may hold the report of a real run.
    fn drill(&self, with: &Late<'_>, _: &Scratch<'_>) -> Rehearsal {
        let mut with = with.value.clone();
        let to = with.as_object_mut().and_then(|fields| fields.shift_remove("to"));
        if to.is_some() { Rehearsal::Beside(with) } else { Rehearsal::AsIs }
    }
}
