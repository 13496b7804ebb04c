//! Where the templates of a run get their values from: parameters, variables, and what steps have put out so far.

use serde_json::{Map, Value, json};

use super::{Plan, include};
use crate::kind::Outputs;
use crate::model::record::Mode;
use crate::model::{Address, Fault, Item, RunState, Status};
use crate::runbook::codes;
use crate::runbook::holds::Part;
use crate::runbook::template::{Scope, dig};
use crate::runbook::vars::resolve;

/// A run as a template sees it.
pub struct RunScope<'a> {
    pub plan: &'a Plan,
    pub state: &'a RunState,
    /// The step whose template it is, with its item at hand.
    pub node: Option<usize>,
    /// The body in which the template is written: a block, or an include, whose names are those of its file.
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

    /// What a body sees of the run, beside its steps.
    pub fn inside(plan: &'a Plan, state: &'a RunState, body: usize) -> Self {
        Self { unit: Some(body), ..Self::new(plan, state) }
    }
}

impl Scope for RunScope<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        match path {
            ["params", name, rest @ ..] => match self.file() {
                Some(include) => include::param(self.plan, self.state, include, name, rest),
                None => at(&self.plan.params, name, rest),
            },
            ["vars", name, rest @ ..] if self.file().is_none() => at(&self.plan.vars, name, rest),
            ["self", "outputs", name, rest @ ..] => at(self.own?, name, rest),
            ["run", name] => fact(self.plan, name),
            ["item", rest @ ..] => dig(&self.item()?.item, rest).cloned(),
            ["item_key"] => Some(self.item()?.key.clone().into()),
            ["steps", id, rest @ ..] => self.step(id, rest),
            ["hold", "previous", name, rest @ ..] => self.step(&self.hold()?, &[&["outputs", name], rest].concat()),
            _ => None,
        }
    }

    /// A step that succeeded without what it was to put out is where the cause lies, and not the one that reads it.
    fn lacks(&self, path: &[&str]) -> Option<Fault> {
        let ["steps", id, "outputs", name, ..] = path else { return None };
        let node = self.find(id).filter(|node| !self.plan.is_body(*node))?;
        let (step, address) = (self.state.step(self.plan.address(node)), self.plan.address(node));
        let has_it = step.outputs.as_ref().is_none_or(|outputs| outputs.contains_key(*name));
        if has_it || step.status != Status::Succeeded {
            return None;
        }
        let message = format!("`{address}` succeeded and did not put out `{name}`: `{}` has no value", path.join("."));
        let again = format!("`regrow logs {address}` shows why; `regrow rerun {address} --because TEXT` does it again");
        let hint = format!("{again}; where it may be missing, write `(default {} …)`", path.join("."));
        Some(Fault::new(codes::MISSING_VALUE, message).hint(hint))
    }

    fn place(&self) -> Option<String> {
        let of = |node: usize| self.plan.address(node).as_str();
        match self.node.filter(|node| self.plan.item(*node).is_some()) {
            Some(node) => Some(format!("{AS_SEEN_BY}{}", of(node))),
            None => self.unit.map(|unit| of(unit).to_string()),
        }
    }

    fn is_handed_in(&self) -> bool {
        self.file().is_some()
    }

    fn at(&self, place: Option<&str>) -> Option<Box<dyn Scope + '_>> {
        if place == self.place().as_deref() {
            return None;
        }
        let find = |address: &str| self.plan.graph.find(address);
        // A place that does not exist sees nothing, rather than what the whole run sees.
        let there = match place {
            None => Some(RunScope::new(self.plan, self.state)),
            Some(place) => match place.strip_prefix(AS_SEEN_BY) {
                Some(item) => find(item).map(|node| RunScope::of(self.plan, self.state, node)),
                None => find(place).map(|unit| RunScope::inside(self.plan, self.state, unit)),
            },
        };
        Some(there.map_or_else(|| Box::new(Value::Null) as Box<dyn Scope>, |there| Box::new(there)))
    }
}

/// In front of the address of an item in whose own fields a template stands, and not in its steps.
const AS_SEEN_BY: char = '=';

impl RunScope<'_> {
    /// The bodies around the template, the nearest first.
    fn units(&self) -> impl Iterator<Item = usize> + '_ {
        self.unit.into_iter().flat_map(|unit| std::iter::once(unit).chain(self.plan.graph.units(unit)))
    }

    fn is_include(&self, unit: usize) -> bool {
        self.plan.step(unit).include.is_some()
    }

    /// The include in whose file the template is written.
    fn file(&self) -> Option<usize> {
        self.units().find(|unit| self.is_include(*unit))
    }

    /// The item at hand: the step's own, or the nearest around it in the same file.
    fn item(&self) -> Option<&Item> {
        let own = self.node.and_then(|node| self.plan.item(node));
        own.or_else(|| self.units().take_while(|unit| !self.is_include(*unit)).find_map(|unit| self.plan.item(unit)))
    }

    /// The step of that id beside the template, or around it in the same file.
    pub(super) fn find(&self, id: &str) -> Option<usize> {
        let (graph, id) = (&self.plan.graph, Address::top(id));
        for unit in self.units() {
            let beside = graph.find(self.plan.address(unit).under(&id).as_str());
            if beside.is_some() || self.is_include(unit) {
                return beside;
            }
        }
        graph.find(id.as_str())
    }

    /// The step that read the value before, of the hold at hand.
    fn hold(&self) -> Option<String> {
        Some(self.plan.step(self.node?).held.as_ref()?.beside(Part::Read))
    }

    fn step(&self, id: &str, rest: &[&str]) -> Option<Value> {
        let node = self.find(id)?;
        let step = self.state.step(self.plan.address(node));
        let has_outputs = match step.status {
            Status::Succeeded | Status::Verifying | Status::Unproven => true,
            // As far as a drill foresees them.
            Status::Skipped => step.skipped.as_ref().is_some_and(|why| why.planned().is_some()),
            _ => false,
        };
        match rest {
            ["outputs", name, rest @ ..] if has_outputs && self.plan.is_body(node) => {
                include::output(self.plan, self.state, node, name, rest)
            }
            ["outputs", name, rest @ ..] if has_outputs => at(step.outputs.as_ref()?, name, rest),
            ["outputs"] if has_outputs => Some(Value::Object(step.outputs.clone()?)),
            ["items", rest @ ..] => dig(&self.items(node)?, rest).cloned(),
            ["winner"] => Some(self.plan.step(include::winner(self.plan, self.state, node)?).id.clone().into()),
            ["started_at"] => Some(step.started_at.as_ref()?.at.to_string().into()),
            ["ended_at"] => Some(step.ended_at.as_ref()?.at.to_string().into()),
            _ => None,
        }
    }
}

impl RunScope<'_> {
    /// What became of every item of a list, once it is open.
    fn items(&self, list: usize) -> Option<Value> {
        let opened = self.plan.is_list(list) && self.state.step(self.plan.address(list)).opened;
        opened.then(|| self.plan.graph.members(list).map(|node| self.of_item(node)).collect())
    }

    fn of_item(&self, node: usize) -> Value {
        let step = self.state.step(self.plan.address(node));
        let item = self.plan.item(node);
        json!({
            "key": item.map(|item| item.key.as_str()),
            "item": item.map(|item| &item.item),
            "state": self.standing(node).word(),
            "outputs": step.outputs.clone().unwrap_or_default(),
        })
    }

    /// Where an item stands, as others see it that come behind the list. Nothing of it begins any more then, but for an end
    /// before its time: what is not begun is blocked.
    fn standing(&self, node: usize) -> Status {
        let step = self.state.step(self.plan.address(node));
        match step.status {
            Status::Pending if self.state.ending.is_none() => return Status::Blocked,
            Status::Running if self.plan.is_group(node) => {}
            status => return status,
        }
        let is_list = self.plan.is_list(node);
        let fails = |member: usize| match self.standing(member) {
            Status::Failed => is_list || !self.plan.step(member).allow_failure,
            Status::Blocked => is_list,
            _ => false,
        };
        let members = || self.plan.graph.members(node);
        match () {
            () if members().any(fails) => Status::Failed,
            () if members().any(|member| self.standing(member) == Status::Undone) => Status::Undone,
            () => step.status,
        }
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
