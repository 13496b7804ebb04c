//! Blocks and files that are included, in a run: what the parameters of a file are, and what a body puts out.
//!
//! Both follow from the records and are never written down for the steps: a step that is done again is given, and gives,
//! what holds then.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Plan;
use super::scope::RunScope;
use crate::kind::{Kind, Role};
use crate::model::{Effect, Fault, RunState, Status};
use crate::runbook::ast::{ParamSpec, ParamType, Part};
use crate::runbook::catalog::{Late, Shape};
use crate::runbook::codes;
use crate::runbook::params::fit;
use crate::runbook::template::{dig, holds_secret};
use crate::runbook::tree::Tree;

/// Stands in a plan for the kind of a block or an include, which only its members do.
pub struct Body;

impl Kind for Body {
    const NAME: &'static str = "block";
    const PAGE: &'static str = "";
    const ROLE: Role = Role::Intrinsic;
    const PREPARES: bool = false;
    type Params = Value;
    type Prior = Value;

    fn example() -> &'static str {
        ""
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::Open
    }
}

/// A value of a parameter of the file, as the steps of `include` see it; `None` where it is not known yet.
pub fn param(plan: &Plan, state: &RunState, include: usize, name: &str, rest: &[&str]) -> Option<Value> {
    let spec = plan.step(include).part()?.book.params.get(name)?;
    let value = value(plan, state, include, name, spec).ok()??;
    dig(&value, rest).cloned()
}

/// Judges all that the file is given; the types of some values are known only now.
pub fn judge(plan: &Plan, state: &RunState, include: usize) -> Result<(), Fault> {
    let Some(part) = plan.step(include).part() else { return Ok(()) };
    for (name, spec) in &part.book.params {
        let value = value(plan, state, include, name, spec)?;
        let value = value.ok_or_else(|| fault(part, codes::PARAM_MISSING, format!("needs the parameter `{name}`")))?;
        let kind = ParamSpec { choices: Vec::new(), pattern: None, items: None, ..spec.clone() };
        // A secret is not at hand to be judged; what else is in a list or map is.
        let judged = match (&value, spec.kind) {
            (Value::Object(_), ParamType::String | ParamType::Url) if holds_secret(&value) => Ok(value),
            _ if holds_secret(&value) => fit(&value, &kind),
            _ => fit(&value, spec),
        };
        judged.map_err(|misfit| {
            fault(part, misfit.code, format!("is given a `{name}` that does not fit: {}", misfit.message))
                .hint(misfit.help)
        })?;
    }
    Ok(())
}

fn fault(part: &Part, code: &'static str, what: String) -> Fault {
    Fault::new(code, format!("`{}` {what}", part.key))
}

fn value(plan: &Plan, state: &RunState, include: usize, name: &str, spec: &ParamSpec) -> Result<Option<Value>, Fault> {
    let written = plan.step(include).with.get(name).filter(|tree| !tree.is_null());
    let value = match written {
        Some(tree) => Some(tree.render(&RunScope::of(plan, state, include))?),
        None => spec.default.clone(),
    };
    let is_now = spec.kind == ParamType::Timestamp && value.as_ref().is_some_and(|value| value == "now");
    Ok(if is_now { Some(plan.started_at.to_string().into()) } else { value })
}

/// The way of a `try` that succeeded.
pub fn winner(plan: &Plan, state: &RunState, node: usize) -> Option<usize> {
    let tries = plan.is_try(node);
    plan.ways(node).filter(|_| tries).find(|way| state.status(plan.address(*way)) == Status::Succeeded)
}

/// What the file puts out. What has no value, because the step it comes from was skipped, is left out: who reads it is told.
pub fn outputs(plan: &Plan, state: &RunState, body: usize) -> Result<Map<String, Value>, Fault> {
    if plan.step(body).tries() {
        let failed = plan.ways(body).any(|way| state.status(plan.address(way)) == Status::Superseded);
        let why = match failed {
            true => "none of its ways succeeded: what was tried failed, and the `if` of the others is false",
            false => "none of its ways was taken: the `if` of each is false",
        };
        let missing = || Fault::new("RG5014", why);
        let winner = winner(plan, state, body).ok_or_else(missing)?;
        return Ok(state.step(plan.address(winner)).outputs.clone().unwrap_or_default());
    }
    let mut outputs = Map::new();
    for (name, tree) in plan.step(body).inside().iter().flat_map(|book| &book.outputs) {
        match tree.render(&RunScope::inside(plan, state, body)) {
            Ok(value) => drop(outputs.insert(name.clone(), value)),
            Err(fault) if fault.code == codes::MISSING_VALUE => {}
            Err(fault) => return Err(fault),
        }
    }
    Ok(outputs)
}

/// One of them.
pub fn output(plan: &Plan, state: &RunState, body: usize, name: &str, rest: &[&str]) -> Option<Value> {
    if let Some(way) = winner(plan, state, body) {
        return dig(state.step(plan.address(way)).outputs.as_ref()?.get(name)?, rest).cloned();
    }
    let tree: &Tree = plan.step(body).inside()?.outputs.get(name)?;
    let value = tree.render(&RunScope::inside(plan, state, body)).ok()?;
    dig(&value, rest).cloned()
}

/// The folder that relative paths of a step start from: that of the file in which it is written.
pub fn folder(plan: &Plan, node: usize) -> PathBuf {
    let part = plan.graph.file(&plan.runbook, node).and_then(|include| plan.step(include).part());
    let within = part.and_then(|part| Path::new(&part.key).parent());
    within.map_or_else(|| plan.base.clone(), |within| plan.base.join(within))
}
