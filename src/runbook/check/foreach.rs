//! `foreach`: what its list may read, and where the item at hand may be read.

use std::collections::HashSet;

use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::source::Span;
use crate::runbook::template::{Reference, Type};
use crate::runbook::tree::{Node, Tree};

pub fn judge(names: &Names<'_, '_>, node: usize, report: &mut Report) {
    let Some(foreach) = &names.step(node).foreach else { return };
    let site = Site::step(node);
    if no_item_yet(names, &foreach.list, report) {
        names.judge_tree(&foreach.list, &site, report);
        gives_items(names, &foreach.list, &site, report);
    }
    match &foreach.key {
        Some(key) => {
            names.judge_tree(key, &site, report);
            tells_apart(key, &foreach.list, report);
        }
        None => written_keys(&foreach.list, report),
    }
}

/// A key that is the same for every item, or that nothing gives.
fn tells_apart(key: &Tree, list: &Tree, report: &mut Report) {
    let references = key.references();
    let help = "name a field of the item: `key: \"{{ item.name }}\"`";
    let is_list = matches!(list.node, Node::List(_));
    if is_list && references.iter().any(|reference| reference.root() == "item_key") {
        let message = "the items of a list have no `item_key` before `key` gives them one";
        report.error_help(codes::BAD_KEY, key.span, message, help);
    } else if list.items().len() > 1 && references.is_empty() {
        report.error_help(codes::BAD_KEY, key.span, "every item would have the same key", help);
    }
}

/// What tells the items apart, as far as it is written out.
fn written_keys(list: &Tree, report: &mut Report) {
    let keys: Vec<(String, Span)> = match &list.node {
        Node::Map(entries) => entries.iter().map(|entry| (entry.key.text.clone(), entry.key.span)).collect(),
        _ => list.items().iter().filter_map(|item| Some((scalar(&item.node)?, item.span))).collect(),
    };
    let unnamed = |item: &&Tree| matches!(item.node, Node::Null | Node::List(_) | Node::Map(_));
    for item in list.items().iter().filter(unnamed) {
        let message = format!("{} is no key of an item, and there is no `key`", item.what());
        report.error_help(
            codes::BAD_KEY,
            item.span,
            message,
            "say what tells the items apart: `key: \"{{ item.name }}\"`",
        );
    }
    let mut seen = HashSet::new();
    for (key, span) in &keys {
        if !is_item_key(key) {
            let message = format!("`{}` is no key of an item", key.escape_debug());
            report.error_help(codes::BAD_KEY, *span, message, "a key is not empty and has none of `/ : [ ]`");
        } else if !seen.insert(key) {
            let message = format!("two items have the key `{key}`");
            report.error_help(codes::BAD_KEY, *span, message, "take one of the two away");
        }
    }
}

fn scalar(node: &Node) -> Option<String> {
    match node {
        Node::Text(text) => Some(text.clone()),
        Node::Number(number) => Some(number.to_string()),
        Node::Bool(yes) => Some(yes.to_string()),
        Node::Null | Node::Template(_) | Node::List(_) | Node::Map(_) => None,
    }
}

/// Whether it can stand behind the colon of an address.
pub fn is_item_key(key: &str) -> bool {
    !key.is_empty() && !key.chars().any(|c| matches!(c, '/' | ':' | '[' | ']') || c.is_control())
}

/// The list is worked out before there are items: it may read only what is at hand around the step.
fn no_item_yet(names: &Names<'_, '_>, list: &Tree, report: &mut Report) -> bool {
    let mut none = true;
    for reference in list.references() {
        if matches!(reference.root(), "item" | "item_key") && !names.has_item_around() {
            let (message, help) = ("the list itself has no item at hand", "`item` stands in the fields of the step");
            report.error_help(codes::UNKNOWN_NAME, reference.span, message, help);
            none = false;
        }
    }
    none
}

fn gives_items(names: &Names<'_, '_>, list: &Tree, site: &Site, report: &mut Report) {
    let Some(template) = list.as_template() else { return };
    for (expr, span) in template.expressions() {
        // What is wrong inside of it was said by the walk over the tree.
        let found = names.infer(expr, site, &mut |_, _| {});
        if !found.fits(Type::List) && !found.fits(Type::Map) {
            let message = format!("`foreach` wants a list or a mapping, and this is {}", found.what());
            report.error_help(codes::WRONG_TYPE, span, message, "`(split text \",\")` makes a list of a text");
        }
    }
}

impl Names<'_, '_> {
    pub(super) fn of_item(&self, reference: &Reference, site: &Site, report: &mut Report) {
        if self.has_item(site.node) {
            return;
        }
        let message = format!("`{}` can be read only in a step with `foreach`, or inside of one", reference.root());
        report.error_help(codes::UNKNOWN_NAME, reference.span, message, "add `foreach:` to the step");
    }

    /// What a step with `foreach` shows to others.
    pub(super) fn of_items(&self, reference: &Reference, field: &str, report: &mut Report) {
        if field == "items" {
            return;
        }
        let id = &reference.path[1];
        let message = format!("step `{id}` is done once an item and has no outputs of its own");
        let help = format!("read its list: `steps.{id}.items`, each with `key`, `item`, `state` and `outputs`");
        report.error_help(codes::UNKNOWN_OUTPUT, reference.span, message, help);
    }
}
