//! What a drill makes of each step: the one place where the mode of a run changes what is done.
//!
//! Pure, and the same whenever it is asked: what a step is given beside production follows from its fields, the run's name and
//! the ledger alone. In a run every answer is that nothing changes.

use serde_json::{Map, Value};

use super::Plan;
use super::scope::RunScope;
use crate::kind::{Rehearsal, Role, Scratch};
use crate::model::ledger::LedgerEntry;
use crate::model::record::{Mode, NotDone, SkipReason};
use crate::model::{Address, RunState};
use crate::runbook::ast::Step;
use crate::runbook::catalog::Late;
use crate::runbook::drill::Way;
use crate::runbook::template::{Reference, Scope};

impl Plan {
    pub fn is_drill(&self) -> bool {
        self.mode == Mode::Drill
    }

    /// What its author says of it, in a drill.
    pub fn way(&self, node: usize) -> Option<Way> {
        if self.is_drill() { self.step(node).in_drill() } else { None }
    }

    /// What becomes of it, in a drill, where its author says nothing.
    fn rehearsal(&self, node: usize, with: &Value, ledger: &[LedgerEntry]) -> Rehearsal {
        if !self.is_drill() || self.way(node).is_some() || self.is_group(node) {
            return Rehearsal::AsIs;
        }
        self.kinds[node].drill(&Late { value: with }, &Scratch { run: &self.run, step: self.address(node), ledger })
    }

    /// Why a drill leaves it out, as far as its text tells.
    pub fn left_out_of_drill(&self, node: usize) -> Option<NotDone> {
        match self.way(node) {
            Some(Way::Skip) => Some(NotDone::Said),
            Some(Way::Untaken) => Some(NotDone::Hold),
            Some(Way::Plan) if self.kinds[node].role() == Role::Intrinsic => Some(NotDone::Said),
            Some(Way::Real | Way::Plan | Way::Stub) => None,
            None => match self.rehearsal(node, &self.step(node).with.written(), &[]) {
                Rehearsal::LeftOut(why) => Some(NotDone::Kind(why.into())),
                Rehearsal::AsIs | Rehearsal::Beside(_) | Rehearsal::Planned => None,
            },
        }
    }

    /// Whether it is left out whatever happens, by request or by a drill.
    pub fn is_never_done(&self, node: usize) -> bool {
        self.is_left_out(node) || self.left_out_of_drill(node).is_some()
    }

    /// What it is given: in a drill perhaps what does the same beside production.
    pub fn beside(&self, node: usize, with: Value, ledger: &[LedgerEntry]) -> Value {
        match self.rehearsal(node, &with, ledger) {
            Rehearsal::Beside(with) => with,
            Rehearsal::AsIs | Rehearsal::Planned | Rehearsal::LeftOut(_) => with,
        }
    }

    /// What a proof of it is given: where it names what the step was to work on, it looks at what the step worked on instead.
    /// None where it is not asked, since a drill has nothing that it could look at.
    pub fn proof_beside(&self, state: &RunState, node: usize, probe: &str, mut proof: Value) -> Option<Value> {
        if !self.is_drill() {
            return Some(proof);
        }
        let Ok(said) = self.step(node).with.render(&RunScope::of(self, state, node)) else { return Some(proof) };
        let given = self.beside(node, said.clone(), &state.ledger);
        if given == said {
            return Some(proof);
        }
        let (Some(proof_of), Some(said)) = (proof.as_object_mut(), said.as_object()) else { return Some(proof) };
        proof_of.retain(|name, value| given.get(name).is_some() || said.get(name) != Some(value));
        let mut moved = Vec::new();
        if let Some(given) = given.as_object() {
            field_by_field(said, given, &mut moved);
        }
        put_in_place(&mut proof, &moved);
        self.kinds[node].proof_beside(&Late { value: &given }, probe, proof)
    }

    /// What a run would change with it and a drill does not, since the step is `given` a copy to work on; one thing a line.
    pub fn spared(&self, state: &RunState, node: usize, given: &Value) -> Vec<String> {
        if !self.is_drill() {
            return Vec::new();
        }
        let Ok(said) = self.step(node).with.render(&RunScope::of(self, state, node)) else { return Vec::new() };
        let touched = |with: &Value| self.kinds[node].foresee(&Late { value: with }).touches;
        let beside = if said == *given { return Vec::new() } else { touched(given) };
        touched(&said).into_iter().filter(|it| !beside.contains(it)).collect()
    }

    /// Whether a drill only looks at what it would change. `with` is as it is written, or as [`Plan::beside`] was given it.
    pub fn is_only_planned(&self, node: usize, with: &Value, ledger: &[LedgerEntry]) -> bool {
        self.way(node) == Some(Way::Plan) || self.rehearsal(node, with, ledger) == Rehearsal::Planned
    }

    /// A step that a drill did not do, and without whose outputs this one cannot be done.
    pub fn lacks(&self, state: &RunState, node: usize) -> Option<Address> {
        if !self.is_drill() {
            return None;
        }
        let scope = RunScope::of(self, state, node);
        let missing = |reference: &&Reference| {
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            !reference.optional && reference.root() == "steps" && scope.get(&path).is_none()
        };
        let not_done = |reference: &Reference| {
            let other = scope.find(reference.path.get(1)?)?;
            self.is_not_done(state, other).then(|| self.address(other).clone())
        };
        self.read_by(node).into_iter().filter(missing).find_map(not_done)
    }

    /// Whether a drill left it out, or something in it.
    fn is_not_done(&self, state: &RunState, node: usize) -> bool {
        let left_out = matches!(state.step(self.address(node)).skipped, Some(SkipReason::Drill(_)));
        let mut inside = self.graph.nodes[node].members.clone().into_iter().flatten();
        left_out || inside.any(|member| self.is_not_done(state, member))
    }

    /// What it has to know before it begins, and for its proof.
    pub(super) fn read_by(&self, node: usize) -> Vec<&Reference> {
        let step: &Step = self.step(node);
        let mut trees = Vec::new();
        let mut conditions = Vec::new();
        if self.is_list(node) {
            trees.extend(step.foreach.as_ref().map(|foreach| &foreach.list));
        } else {
            trees.push(&step.with);
            trees.extend(step.drill.as_ref().filter(|_| self.is_drill()).and_then(|drill| drill.outputs.as_ref()));
            for proof in &step.verify {
                trees.push(&proof.with);
                trees.extend(proof.expect.trees());
            }
            conditions.extend(step.condition.as_deref());
            conditions.extend(step.require.iter().map(|requirement| &requirement.that));
        }
        trees.extend(step.not_before.as_deref());
        let of_trees = trees.into_iter().flat_map(|tree| tree.references());
        of_trees.chain(conditions.into_iter().flat_map(|condition| condition.references())).collect()
    }
}

/// The smallest parts that are others: a single field of a map, unless the map has lost some.
fn differences<'a>(said: &'a Value, given: &'a Value, found: &mut Vec<(&'a Value, &'a Value)>) {
    match (said, given) {
        _ if said == given => {}
        (Value::Object(said), Value::Object(given)) if said.keys().all(|name| given.contains_key(name)) => {
            field_by_field(said, given, found);
        }
        _ => found.push((said, given)),
    }
}

fn field_by_field<'a>(
    said: &'a Map<String, Value>,
    given: &'a Map<String, Value>,
    found: &mut Vec<(&'a Value, &'a Value)>,
) {
    let in_both = said.iter().filter_map(|(name, value)| Some((value, given.get(name)?)));
    in_both.for_each(|(said, given)| differences(said, given, found));
}

fn put_in_place(value: &mut Value, moved: &[(&Value, &Value)]) {
    match (moved.iter().find(|(said, _)| *said == value), value) {
        (Some((_, instead)), value) => value.clone_from(instead),
        (None, Value::Object(fields)) => fields.values_mut().for_each(|value| put_in_place(value, moved)),
        (None, Value::Array(items)) => items.iter_mut().for_each(|value| put_in_place(value, moved)),
        (None, _) => {}
    }
}
