//! The items of a step with `foreach`: worked out once for a run, and then for ever the same, whatever the list would say
//! later.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Plan;
use super::scope::RunScope;
use crate::model::{Address, Fault, RunState};
use crate::runbook::ast::Foreach;
use crate::runbook::check::is_item_key;
use crate::runbook::codes;
use crate::runbook::template::{Scope, dig, holds_secret};

/// More than any recovery has, few enough to be planned at once.
const MOST: usize = 100_000;

/// By the address of the step.
pub type Items = BTreeMap<Address, Vec<Item>>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    pub key: String,
    pub item: Value,
}

/// The items of every step with `foreach`; what `known` holds stays as it is.
pub fn of(plan: &Plan, known: &Items) -> Result<Items, Fault> {
    let mut items = Items::new();
    for node in 0..plan.len() {
        let Some(foreach) = &plan.step(node).foreach else { continue };
        let address = plan.address(node);
        let found = match known.get(address) {
            Some(known) => known.clone(),
            None => list(plan, node, foreach).map_err(|fault| of_step(address, fault))?,
        };
        items.insert(address.clone(), found);
    }
    let all = plan.len() + items.values().map(Vec::len).sum::<usize>();
    if all > MOST {
        return Err(Fault::new(
            codes::TOO_MANY_STEPS,
            format!("with all items there are {all} steps, more than 100,000"),
        )
        .hint("split the lists over several runs"));
    }
    Ok(items)
}

fn of_step(address: &Address, mut fault: Fault) -> Fault {
    fault.message = format!("`foreach` of step `{address}`: {}", fault.message);
    fault
}

fn list(plan: &Plan, node: usize, foreach: &Foreach) -> Result<Vec<Item>, Fault> {
    let state = RunState::default();
    let scope = RunScope::of(plan, &state, node);
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
