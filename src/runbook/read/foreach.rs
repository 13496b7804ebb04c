//! `foreach` of a step, with what says how its items go.

use super::fields::Fields;
use super::scalars;
use crate::runbook::ast::{Foreach, OnItemFailure, Order};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys::{ON_ITEM_FAILURE, ORDERS};
use crate::runbook::tree::{Entry, Node};

/// What makes sense only beside `foreach`.
const COMPANIONS: &[&str] = &["key", "order", "on_item_failure", "max_parallel"];

pub fn read(fields: &mut Fields, report: &mut Report) -> Option<Foreach> {
    let [key, order, on_item_failure, max_parallel] = [0, 1, 2, 3].map(|index| fields.take(COMPANIONS[index]));
    let Some(foreach) = fields.take("foreach") else {
        for alone in [key, order, on_item_failure, max_parallel].into_iter().flatten() {
            let message = format!("`{}` means nothing without `foreach`", alone.key.text);
            report.error_help(codes::MISSING_FIELD, alone.key.span, message, "add `foreach:`, or take it away");
        }
        return None;
    };
    let span = foreach.key.span;
    let order =
        order.and_then(|entry| scalars::word(&entry.value, &entry.key, ORDERS, report)).unwrap_or(Order::Parallel);
    let on_item_failure =
        on_item_failure.and_then(|entry| scalars::word(&entry.value, &entry.key, ON_ITEM_FAILURE, report));
    Some(Foreach {
        list: list(foreach, report)?,
        key: key.and_then(|entry| scalars::templated_text(entry, report)),
        order,
        on_item_failure: on_item_failure.unwrap_or(match order {
            Order::Serial => OnItemFailure::Stop,
            Order::Parallel => OnItemFailure::Isolate,
        }),
        max_parallel: max_parallel.and_then(|entry| scalars::integer(&entry, 1, report)).map(|most| most as usize),
        span,
    })
}

/// A list or map, or one expression that gives one.
fn list(entry: Entry, report: &mut Report) -> Option<crate::runbook::tree::Tree> {
    let (key, written) = (entry.key.clone(), entry.value.clone());
    let tree = scalars::templated(entry, report);
    let fits = match &tree.node {
        Node::List(_) | Node::Map(_) => true,
        Node::Template(template) => template.single().is_some(),
        // A template that could not be read was reported.
        Node::Text(text) => text.contains("{{"),
        Node::Null | Node::Bool(_) | Node::Number(_) => false,
    };
    if !fits {
        scalars::wrong(&written, Some(&key), "a list, a mapping, or one expression that gives one", report);
        return None;
    }
    Some(tree)
}
