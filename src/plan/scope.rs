//! Where the templates of a run get their values from: parameters, variables, and what steps have put out so far.

use serde_json::{Map, Value, json};

use super::{Plan, include};
use crate::kind::Outputs;
use crate::model::record::Mode;
use crate::model::{Address, Fault, RunState, Status};
use crate::runbook::template::{Scope, dig};
use crate::runbook::vars::resolve;

/// A run as a template sees it.
pub struct RunScope<'a> {
    pub plan: &'a Plan,
    pub state: &'a RunState,
    /// The step whose template it is, with its item at hand.
    pub node: Option<usize>,
    /// The include in whose file the template is written: names are those of that file.
    pub unit: Option<usize>,
    /// `self.outputs`, in a step's own `verify`.
    pub own: Option<&'a Outputs>,
}

impl<'a> RunScope<'a> {
    pub fn new(plan: &'a Plan, state: &'a RunState) -> Self {
        Self { plan, state, node: None, unit: None, own: None }
    }

    pub fn of(plan: &'a Plan, state: &'a RunState, node: usize) -> Self {
        Self { node: Some(node), unit: plan.graph.nodes[node].unit, ..Self::new(plan, state) }
    }

    /// What a file sees that is included, beside its steps.
    pub fn inside(plan: &'a Plan, state: &'a RunState, include: usize) -> Self {
        Self { unit: Some(include), ..Self::new(plan, state) }
    }
}

impl Scope for RunScope<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        match path {
            ["params", name, rest @ ..] => match self.unit {
                Some(include) => include::param(self.plan, self.state, include, name, rest),
                None => at(&self.plan.params, name, rest),
            },
            ["vars", name, rest @ ..] if self.unit.is_none() => at(&self.plan.vars, name, rest),
            ["self", "outputs", name, rest @ ..] => at(self.own?, name, rest),
            ["run", name] => fact(self.plan, name),
            ["item", rest @ ..] => dig(&self.plan.item(self.node?)?.item, rest).cloned(),
            ["item_key"] => Some(self.plan.item(self.node?)?.key.clone().into()),
            ["steps", id, rest @ ..] => self.step(id, rest),
            _ => None,
        }
    }

    fn place(&self) -> Option<&str> {
        self.unit.map(|include| self.plan.address(include).as_str())
    }

    fn at(&self, place: Option<&str>) -> Option<Box<dyn Scope + '_>> {
        if place == self.place() {
            return None;
        }
        let unit = place.map(|place| self.plan.graph.find(place));
        // A place that does not exist sees nothing, rather than what the whole run sees.
        match unit {
            Some(None) => Some(Box::new(Value::Null)),
            unit => Some(Box::new(Self { unit: unit.flatten(), ..Self::new(self.plan, self.state) })),
        }
    }
}

impl RunScope<'_> {
    fn step(&self, id: &str, rest: &[&str]) -> Option<Value> {
        let node = match self.unit {
            Some(include) => self.plan.graph.find(self.plan.address(include).under(&Address::top(id)).as_str())?,
            None => self.plan.graph.find(id)?,
        };
        let step = self.state.step(self.plan.address(node));
        let has_outputs = matches!(step.status, Status::Succeeded | Status::Verifying | Status::Unproven);
        match rest {
            ["outputs", name, rest @ ..] if has_outputs && self.plan.step(node).include.is_some() => {
                include::output(self.plan, self.state, node, name, rest)
            }
            ["outputs", name, rest @ ..] if has_outputs => at(step.outputs.as_ref()?, name, rest),
            ["outputs"] if has_outputs => Some(Value::Object(step.outputs.clone()?)),
            ["items", rest @ ..] => dig(&self.items(node)?, rest).cloned(),
            ["started_at"] => Some(step.started_at.as_ref()?.at.to_string().into()),
            ["ended_at"] => Some(step.ended_at.as_ref()?.at.to_string().into()),
            _ => None,
        }
    }
}

impl RunScope<'_> {
    /// What became of every item of a group, once it is open.
    fn items(&self, group: usize) -> Option<Value> {
        let members = self.plan.graph.members(group);
        self.state.step(self.plan.address(group)).opened.then(|| members.map(|node| self.item(node)).collect())
    }

    fn item(&self, node: usize) -> Value {
        let step = self.state.step(self.plan.address(node));
        let item = self.plan.item(node);
        json!({
            "key": item.map(|item| item.key.as_str()),
            "item": item.map(|item| &item.item),
            "state": step.status.word(),
            "outputs": step.outputs.clone().unwrap_or_default(),
        })
    }
}

fn at(map: &Map<String, Value>, name: &str, rest: &[&str]) -> Option<Value> {
    dig(map.get(name)?, rest).cloned()
}

fn fact(plan: &Plan, name: &str) -> Option<Value> {
    Some(match name {
        "id" | "short_id" => plan.run.to_string().into(),
        "started_at" => plan.started_at.to_string().into(),
        "outage_began" => json!(plan.outage_began?.to_string()),
        "mode" => match plan.mode {
            Mode::Real => "real".into(),
            Mode::Drill => "drill".into(),
        },
        _ => return None,
    })
}

/// The variables of a plan, computed once. Only they may read the environment.
pub fn vars(plan: &Plan) -> Result<Map<String, Value>, Fault> {
    struct Early<'a>(&'a Plan);

    impl Scope for Early<'_> {
        fn get(&self, path: &[&str]) -> Option<Value> {
            match path {
                ["params", name, rest @ ..] => at(&self.0.params, name, rest),
                ["run", name] => fact(self.0, name),
                ["env", name] => Some(std::env::var(name).ok()?.into()),
                _ => None,
            }
        }
    }

    resolve(&plan.runbook, &Early(plan))
}
