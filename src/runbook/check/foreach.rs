//! `foreach`: what its list may read, and where the item at hand may be read.

use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::template::{Reference, Type};
use crate::runbook::tree::Tree;

pub fn judge(names: &Names<'_>, node: usize, report: &mut Report) {
    let Some(foreach) = &names.step(node).foreach else { return };
    let site = Site::step(node);
    if early(names, &foreach.list, report) {
        names.judge_tree(&foreach.list, &site, report);
        gives_items(names, &foreach.list, &site, report);
    }
    if let Some(key) = &foreach.key {
        names.judge_tree(key, &site, report);
    }
}

/// Whether the list can be had before the run starts; what cannot is reported.
fn early(names: &Names<'_>, list: &Tree, report: &mut Report) -> bool {
    let mut early = true;
    for reference in list.references() {
        let (code, message, help) = match reference.root() {
            "steps" | "self" => (
                codes::VALUE_LATER,
                "a list that is known only at run time is not in this version",
                "name a parameter, a variable, or write the list out",
            ),
            "params" if names.given.is_some_and(|given| given.is_late(&reference.path)) => (
                codes::VALUE_LATER,
                "an include gives this list a value that is known only at run time, which is not in this version",
                "hand in a parameter or variable of the runbook, or a list that is written out",
            ),
            "item" | "item_key" => {
                (codes::UNKNOWN_NAME, "the list itself has no item at hand", "`item` stands in the fields of the step")
            }
            _ => continue,
        };
        report.error_help(code, reference.span, message, help);
        early = false;
    }
    early
}

fn gives_items(names: &Names<'_>, list: &Tree, site: &Site, report: &mut Report) {
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

impl Names<'_> {
    pub(super) fn of_item(&self, reference: &Reference, site: &Site, report: &mut Report) {
        if site.node.is_some_and(|node| self.step(node).foreach.is_some()) {
            return;
        }
        let message = format!("`{}` can be read only in a step with `foreach`", reference.root());
        report.error_help(codes::UNKNOWN_NAME, reference.span, message, "add `foreach:` to the step");
    }

    pub(super) fn has_items(&self, id: &str) -> bool {
        self.graph.find(id).is_some_and(|node| self.step(node).foreach.is_some())
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
