//! `not_before`: what it may read, and that it gives a time.

use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::template::Type;

pub fn not_before(names: &Names<'_, '_>, node: usize, report: &mut Report) {
    let Some(tree) = &names.step(node).not_before else { return };
    let site = Site::step(node);
    names.judge_tree(tree, &site, report);
    let Some(template) = tree.as_template() else { return };
    for (expr, span) in template.expressions() {
        // What is wrong inside of it was said by the walk over the tree.
        let found = names.infer(expr, &site, &mut |_, _| {});
        if !found.fits(Type::Timestamp) {
            let message = format!("`not_before` wants a timestamp, and this is {}", found.what());
            let help = "`(time_add steps.ID.ended_at \"1h\")` is a time that long after a step";
            report.error_help(codes::WRONG_TYPE, span, message, help);
        }
    }
}
