//! `defaults`: what a step does not say is taken from here, field by field, before the step is read.
//!
//! Merged as a tree: a problem in what was taken over points at the place where it is written.

use super::fields::Fields;
use super::scalars;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::holds::Part;
use crate::runbook::keys;
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// Judges the block itself; [`spread`] has merged it.
pub fn judge(entry: Entry, report: &mut Report) {
    let Some(mut fields) = Fields::open(entry.value, Some(&entry.key), &keys::DEFAULTS, report) else { return };
    let Some(kinds) = fields.take("kinds") else { return };
    let Node::Map(patterns) = kinds.value.node else {
        return scalars::wrong_type(&kinds, "a mapping from kinds to fields of `with`", report);
    };
    for pattern in patterns {
        if !matches!(pattern.value.node, Node::Map(_)) {
            scalars::wrong_type(&pattern, "a mapping of fields of `with`", report);
        }
        let name = pattern.key.text.strip_suffix('*').unwrap_or(&pattern.key.text);
        if name.contains('*') || name.is_empty() {
            let message = format!("`{}` is no pattern of kinds", pattern.key.text);
            report.error_help(
                codes::BAD_FORMAT,
                pattern.key.span,
                message,
                "a kind, or the beginning of some: `postgres.*`",
            );
        }
    }
}

/// Gives every step of a runbook what it does not say itself.
pub fn spread(runbook: &mut Tree) {
    let Some(defaults) = runbook.get("defaults").cloned() else { return };
    let Node::Map(entries) = &mut runbook.node else { return };
    for list in entries.iter_mut().filter(|entry| matches!(entry.key.text.as_str(), "steps" | "finally")) {
        let Node::List(steps) = &mut list.value.node else { continue };
        steps.iter_mut().for_each(|step| fill(step, &defaults, &keys::STEP));
    }
    let holds = entries.iter_mut().filter(|entry| entry.key.text == "holds");
    for hold in holds.flat_map(|entry| fields_of(&mut entry.value)) {
        let parts = fields_of(&mut hold.value).iter_mut();
        let steps = parts.filter(|entry| Part::ALL.iter().any(|part| part.word() == entry.key.text));
        steps.for_each(|step| fill(&mut step.value, &defaults, &keys::HOLD_STEP));
    }
}

fn fields_of(tree: &mut Tree) -> &mut [Entry] {
    match &mut tree.node {
        Node::Map(fields) => fields,
        _ => &mut [],
    }
}

/// What its repairs do not say themselves.
fn fill_repairs(step: &mut Tree, defaults: &Tree) {
    for entry in fields_of(step).iter_mut().filter(|entry| entry.key.text == "repair") {
        let repairs = match &mut entry.value.node {
            Node::List(repairs) => &mut repairs[..],
            _ => std::slice::from_mut(&mut entry.value),
        };
        let bodies = repairs.iter_mut().flat_map(fields_of).filter(|field| field.key.text == "do");
        bodies.for_each(|body| fill(&mut body.value, defaults, &keys::REPAIR_STEP));
    }
}

/// The steps of a block are steps of this file; the block itself does nothing of its own.
fn fill_block(block: &mut Tree, defaults: &Tree) {
    let Node::Map(fields) = &mut block.node else { return };
    for list in fields.iter_mut().filter(|entry| matches!(entry.key.text.as_str(), "steps" | "try")) {
        let Node::List(steps) = &mut list.value.node else { continue };
        steps.iter_mut().for_each(|step| fill(step, defaults, &keys::STEP));
    }
}

/// `takes`: what can be said of it at all.
fn fill(step: &mut Tree, defaults: &Tree, takes: &keys::Keys) {
    // What is said once here must not change what a file means that others include, too.
    if step.get("include").is_some() {
        return;
    }
    if step.get("steps").is_some() || step.get("try").is_some() {
        return fill_block(step, defaults);
    }
    let kind = match step.get("uses") {
        Some(uses) => uses.as_text().unwrap_or_default().to_string(),
        None => "run".to_string(),
    };
    fill_repairs(step, defaults);
    let span = step.span;
    let Node::Map(fields) = &mut step.node else { return };
    let known = |key: &str| key != "kinds" && keys::DEFAULTS.knows(key) && takes.knows(key);
    for default in defaults.entries().iter().filter(|entry| known(&entry.key.text)) {
        merge(fields, default);
    }
    let mut patterns: Vec<&Entry> = defaults.get("kinds").map(Tree::entries).unwrap_or_default().iter().collect();
    // The nearest first: what is there is not taken from a wider pattern.
    patterns.sort_by_key(|entry| std::cmp::Reverse((!entry.key.text.ends_with('*'), entry.key.text.len())));
    for pattern in patterns.into_iter().filter(|entry| fits(&entry.key.text, &kind)) {
        merge(fields, &Entry { key: Name { text: "with".into(), span }, value: pattern.value.clone() });
    }
}

fn fits(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => kind == pattern,
    }
}

/// Adds a field that is missing; of two mappings, their fields.
fn merge(fields: &mut Vec<Entry>, default: &Entry) {
    let Some(own) = fields.iter_mut().find(|entry| entry.key.text == default.key.text) else {
        return fields.push(default.clone());
    };
    if let (Node::Map(own), Node::Map(inner)) = (&mut own.value.node, &default.value.node) {
        inner.iter().for_each(|entry| merge(own, entry));
    }
}
