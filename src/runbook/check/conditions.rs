//! `if` and `require`.

use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::template::{Condition, Type};

pub fn judge(names: &Names<'_, '_>, condition: &Condition, site: &Site, report: &mut Report) {
    for reference in condition.references() {
        names.judge(reference, site, report);
        if names.is_secret(&reference.path, site) {
            super::secrets::misplaced(reference.span, &reference.dotted(), report);
        }
    }
    let span = condition.span;
    let mut complaints = Vec::new();
    let found = names.infer(condition.expr(), site, &mut |message, help| complaints.push((message, help)));
    for (message, help) in complaints {
        report.error_help(codes::ARGUMENT_TYPE, span, message, help);
    }
    if !found.fits(Type::Boolean) {
        let message = format!("the condition is {}, not true or false", found.what());
        report.error_help(codes::NOT_BOOLEAN, span, message, "compare it: `(eq … …)`, or ask `(exists …)`");
    }
}
