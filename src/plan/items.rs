//! The items of a step with `foreach`: worked out once for a run, and then for ever the same, whatever the list would say
//! later. What is known before the run is kept in the plan, what only the run knows in the journal.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Plan;
use super::scope::RunScope;
use crate::model::{Address, Fault, Item, RunState};
use crate::runbook::ast::Foreach;
use crate::runbook::check::expanded::{MOST, MOST_HELP, too_many};
use crate::runbook::check::is_item_key;
use crate::runbook::codes;
use crate::runbook::include::written_out;
use crate::runbook::template::{Scope, dig, holds_secret};
use crate::runbook::tree::Tree;

/// By the address of the step.
pub type Items = BTreeMap<Address, Vec<Item>>;

/// The items of every list that can be known before the run and has none yet. `known` are those of an earlier binding.
pub fn early(plan: &Plan, known: &Items) -> Result<Items, Fault> {
    let state = RunState::default();
    let mut items = Items::new();
    for (node, foreach) in open_lists(plan) {
        let address = plan.address(node);
        let found = match known.get(address) {
            Some(known) => known.clone(),
            None if is_late(plan, node, foreach) => continue,
            None => list(plan, &state, node, foreach).map_err(|fault| of_step(address, fault))?,
        };
        items.insert(address.clone(), found);
    }
    let more: usize = items.iter().filter_map(|(list, items)| Some(weight(plan, plan.find(list)?, items.len()))).sum();
    fits(plan, more)?;
    Ok(items)
}

/// The items that the run has worked out since, of lists that have none yet.
pub fn recorded(plan: &Plan, state: &RunState) -> Items {
    let of = |node: usize| Some((plan.address(node).clone(), state.step(plan.address(node)).list.clone()?));
    open_lists(plan).filter_map(|(node, _)| of(node)).collect()
}

/// The items of a list that is about to open. Owned: they are worked out now and go to the journal.
pub fn at_opening<'a>(plan: &'a Plan, state: &'a RunState, node: usize) -> Result<Cow<'a, [Item]>, Fault> {
    let address = plan.address(node);
    if let Some(known) = plan.items.get(address) {
        return Ok(Cow::Borrowed(known));
    }
    if let Some(known) = &state.step(address).list {
        return Ok(Cow::Borrowed(known));
    }
    let Some(foreach) = &plan.step(node).foreach else { return Ok(Cow::Borrowed(&[])) };
    let items = list(plan, state, node, foreach)?;
    fits(plan, weight(plan, node, items.len()))?;
    Ok(Cow::Owned(items))
}

fn open_lists(plan: &Plan) -> impl Iterator<Item = (usize, &Foreach)> {
    let lists = (0..plan.len()).filter(|node| plan.is_list(*node) && !plan.items.contains_key(plan.address(*node)));
    lists.filter_map(|node| Some((node, plan.step(node).foreach.as_deref()?)))
}

/// How many steps so many items are, with what lies under each.
fn weight(plan: &Plan, node: usize, items: usize) -> usize {
    items.saturating_mul(1 + plan.step(node).inside().map_or(0, |book| written_out(book, MOST)))
}

fn fits(plan: &Plan, more: usize) -> Result<(), Fault> {
    let all = plan.len().saturating_add(more);
    if all <= MOST {
        return Ok(());
    }
    Err(Fault::new(codes::TOO_MANY_STEPS, too_many(all)).hint(MOST_HELP))
}

/// Whether only the run knows the list: it is made of what steps put out, also where an include hands that in.
pub fn is_late(plan: &Plan, node: usize, foreach: &Foreach) -> bool {
    std::iter::once(&foreach.list).chain(&foreach.key).any(|tree| reads_steps(plan, node, tree))
}

fn reads_steps(plan: &Plan, node: usize, tree: &Tree) -> bool {
    tree.references().iter().any(|reference| match (reference.root(), reference.path.get(1)) {
        ("steps" | "self", _) => true,
        ("params", Some(name)) => plan.graph.file(&plan.runbook, node).is_some_and(|include| {
            plan.step(include).with.get(name).is_some_and(|tree| reads_steps(plan, include, tree))
        }),
        _ => false,
    })
}

fn of_step(address: &Address, mut fault: Fault) -> Fault {
    fault.message = format!("`foreach` of step `{address}`: {}", fault.message);
    fault
}

fn list(plan: &Plan, state: &RunState, node: usize, foreach: &Foreach) -> Result<Vec<Item>, Fault> {
    let scope = RunScope::of(plan, state, node);
    let list = foreach.list.render(&scope)?;
    if holds_secret(&list) {
        return Err(Fault::new(codes::SECRET_MISPLACED, "an item holds a secret; items are shown and written down")
            .hint("name the secret in the field that takes it"));
    }
    let items: Vec<(Option<String>, Value)> = match list {
        Value::Array(list) => list.into_iter().map(|item| (None, item)).collect(),
        Value::Object(map) => map.into_iter().map(|(key, item)| (Some(key), item)).collect(),
        other => return Err(Fault::new(codes::WRONG_TYPE, format!("it has to be a list or a map, not `{other}`"))),
    };
    let mut seen = BTreeSet::new();
    let mut named = Vec::with_capacity(items.len());
    for (key, item) in items {
        let key = key_of(foreach, &scope, key, &item)?;
        if !seen.insert(key.clone()) {
            return Err(bad_key(format!("two items have the key `{key}`")));
        }
        named.push(Item { key, item });
    }
    Ok(named)
}

fn key_of(foreach: &Foreach, scope: &RunScope<'_>, key: Option<String>, item: &Value) -> Result<String, Fault> {
    let key = match &foreach.key {
        Some(written) => plain(&written.render(&WithItem { scope, key: key.as_deref(), item })?),
        None => key.or_else(|| plain(item)),
    };
    let key = key.ok_or_else(|| bad_key(format!("the item {item} has no key of its own")))?;
    match is_item_key(&key) {
        true => Ok(key),
        false => Err(bad_key(format!("`{}` is no key of an item", key.escape_debug()))),
    }
}

fn bad_key(message: String) -> Fault {
    Fault::new(codes::BAD_KEY, message)
        .hint("`key: \"{{ item.NAME }}\"` says what tells the items apart; a key has none of `/ : [ ]`")
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A run as the `key` of an item sees it.
struct WithItem<'a> {
    scope: &'a RunScope<'a>,
    key: Option<&'a str>,
    item: &'a Value,
}

impl Scope for WithItem<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        match path {
            ["item", rest @ ..] => dig(self.item, rest).cloned(),
            ["item_key"] => Some(self.key?.into()),
            _ => self.scope.get(path),
        }
    }
}
