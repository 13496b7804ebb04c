//! `repair:` of a step: what is done against which of its faults, each a step body of its own.

use super::fields::Fields;
use super::{scalars, step};
use crate::runbook::ast::{Need, Step};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys;
use crate::runbook::repair::{Mends, Repair, When, id};
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// Gives the step its repairs, and the steps that do them.
pub fn add(entry: Entry, step: &mut Step, report: &mut Report) -> Vec<Step> {
    if step.foreach.is_some() {
        let message = "`repair` cannot stand beside `foreach`: each item would need a repair of its own";
        let help = format!("write a block: `steps: [{{ id: {}, …, repair: … }}]` under the `foreach`", step.id);
        report.error_help(codes::REPAIR_MISPLACED, entry.key.span, message, help);
        return Vec::new();
    }
    let key = entry.key.clone();
    let list = match entry.value.node {
        Node::Map(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    list.into_iter().enumerate().filter_map(|(at, tree)| one(tree, &key, at, step, report)).collect()
}

fn one(tree: Tree, key: &Name, at: usize, step: &mut Step, report: &mut Report) -> Option<Step> {
    let mut fields = Fields::open(tree, Some(key), &keys::REPAIR, report)?;
    let when = fields.require("when", report).and_then(|entry| when(&entry, report));
    let attempts = fields.take("attempts").and_then(|entry| scalars::integer(&entry, 1, report)).unwrap_or(1);
    let body = fields.require("do", report)?;
    let own = Fields::open(body.value, Some(&body.key), &keys::REPAIR_STEP, report)?;
    let id = Name { text: id(&step.id, at), span: body.key.span };
    let when = when.unwrap_or(When::Says(String::new()));
    step.repairs.push(Repair { by: id.text.clone(), when: when.clone(), attempts });
    Some(of_step(own, id, when, step, report))
}

fn when(entry: &Entry, report: &mut Report) -> Option<When> {
    let text = scalars::text(entry, report)?;
    if text.trim().is_empty() {
        let message = "`when` of a repair is empty, which would be against every fault";
        let help = "write the code of a fault, or words of what it says; to try again whatever it was, use `retry`";
        report.error_help(codes::NOT_ALLOWED, entry.value.span, message, help);
        return None;
    }
    Some(When::of(&text))
}

/// It is under the holds and the lock of its step, and its failure is the step's.
fn of_step(fields: Fields, id: Name, when: When, of: &Step, report: &mut Report) -> Step {
    let mut step = step::rest(fields, Some(id), report);
    step.needs = Some(vec![Need { step: of.id.clone(), when: None, span: step.span }]);
    step.mends = Some(Box::new(Mends { step: of.id.clone(), when }));
    step.allow_failure = true;
    step.under.clone_from(&of.under);
    if step.lock.is_none() {
        step.lock.clone_from(&of.lock);
    }
    step
}
