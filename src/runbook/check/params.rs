//! `required_if`: a condition that is known once the other parameters are.

use super::conditions;
use super::names::{Names, Site};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;

pub fn judge(names: &Names<'_, '_>, report: &mut Report) {
    for (name, spec) in &names.runbook.params {
        let Some(condition) = &spec.required_if else { continue };
        let is_other = |path: &[String]| path[0] == "params" && path.get(1) != Some(name);
        let mut wrong = condition.references().iter().filter(|reference| !is_other(&reference.path)).peekable();
        if wrong.peek().is_none() {
            conditions::judge(names, condition, &Site::vars(), report);
        }
        for reference in wrong {
            let message =
                format!("`required_if` of `{name}` reads `{}`, which is no other parameter", reference.dotted());
            report.error_help(
                codes::UNKNOWN_NAME,
                reference.span,
                message,
                "it is asked before all else: read `params.NAME`",
            );
        }
    }
}
