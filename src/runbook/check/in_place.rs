//! Changes whose old state cannot be had back: the author says why, and people agree.

use crate::runbook::ast::Step;
use crate::runbook::catalog::{InPlace, KindFace, Late};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;

pub fn judge(step: &Step, kind: &dyn KindFace, with: &Late<'_>, report: &mut Report) {
    let said = step.in_place.as_deref();
    let found = kind.in_place(with);
    let at = said.map_or(step.kind_span, |said| said.span);
    if let (InPlace::Yes(lost), None) = (found, said) {
        let message = format!("`{}` is a change in place: {lost}", step.id);
        let help = "add `in_place: { because: WHY, safety_copy: WHERE }`, or let the kind keep what it replaces";
        report.error_help(codes::IN_PLACE_UNSAID, at, message, help);
    }
    if let (InPlace::No, Some(_)) = (found, said) {
        let message = format!("`{}` is no change in place: what it replaces, if anything, is kept", step.id);
        report.warning(codes::NOT_IN_PLACE, at, message, "take `in_place` away");
    } else if step.approval.is_none() && (said.is_some() || matches!(found, InPlace::Yes(_))) {
        let message = format!("`{}` is a change in place, and nobody is asked", step.id);
        report.error_help(codes::IN_PLACE_UNAPPROVED, at, message, "add `approval: { from: [ROLE] }`");
    }
}
