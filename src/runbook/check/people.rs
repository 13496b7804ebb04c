//! Roles against the people file: whether somebody has them, and enough of them.

use super::nearest;
use crate::runbook::ast::{Approval, Minimum, Runbook};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::source::Span;
use crate::runbook::tree::{Name, Tree};

/// Judges `responders`. What was wrong with the file itself was said when it was read.
pub fn judge(runbook: &Runbook, report: &mut Report) {
    for (role, responder) in &runbook.responders {
        let role = Name { text: role.clone(), span: responder.span };
        is_somebodys(runbook, &role, report);
        enough(runbook, std::slice::from_ref(&role), responder.minimum, responder.minimum_span, report);
    }
}

/// Judges who is asked for an approval.
pub fn approval(runbook: &Runbook, approval: &Approval, report: &mut Report) {
    asked(runbook, &approval.from, approval.minimum, approval.minimum_span, report);
    wider(runbook, &approval.from, approval.asked_later(), report);
}

/// The same for `manual.approval`, as far as its fields hold no template.
pub fn manual_approval(runbook: &Runbook, with: &Tree, report: &mut Report) {
    let text = |tree: &Tree| tree.as_text().map(|text| Name { text: text.into(), span: tree.span });
    let names = |path: &[&str]| -> Vec<Name> {
        with.at(path).map(Tree::items).unwrap_or_default().iter().filter_map(text).collect()
    };
    let from = names(&["from"]);
    let minimum = with.get("minimum");
    let wanted = Minimum::said(&minimum.map(Tree::written).unwrap_or_default());
    let span = minimum.map_or(with.span, |tree| tree.span);
    asked(runbook, &from, wanted, span, report);
    wider(runbook, &from, &names(&["escalate_after", "to"]), report);
}

/// The roles that a question goes to later.
fn wider(runbook: &Runbook, from: &[Name], to: &[Name], report: &mut Report) {
    if let (true, Some(first)) = (from.is_empty(), to.first()) {
        let message = format!("`{}` may answer from the start, as anybody may", first.text);
        report.error_help(codes::NOT_ALLOWED, first.span, message, "name under `from` who is asked first");
    }
    to.iter().for_each(|role| is_known(runbook, role, report));
}

fn asked(runbook: &Runbook, from: &[Name], minimum: Minimum, span: Span, report: &mut Report) {
    from.iter().for_each(|role| is_known(runbook, role, report));
    enough(runbook, from, minimum, span, report);
}

/// `responders` says who has to be there; others may be asked if the people file knows them.
fn is_known(runbook: &Runbook, role: &Name, report: &mut Report) {
    let known = &runbook.responders;
    if !runbook.people.is_empty() || known.is_empty() || known.contains_key(&role.text) {
        return is_somebodys(runbook, role, report);
    }
    let message = format!("`responders` has no role `{}`", role.text);
    let help = nearest(&role.text, known.keys().map(String::as_str));
    report.error_help(codes::UNKNOWN_ROLE, role.span, message, help);
}

fn is_somebodys(runbook: &Runbook, role: &Name, report: &mut Report) {
    if runbook.people.is_empty() || runbook.holders(std::slice::from_ref(&role.text)).next().is_some() {
        return;
    }
    let message = format!("nobody in the people file has the role `{}`", role.text);
    let roles = runbook.people.values().flat_map(|somebody| &somebody.roles).map(String::as_str);
    report.error_help(codes::NOBODYS_ROLE, role.span, message, nearest(&role.text, roles));
}

/// A role that nobody has is a problem of its own.
fn enough(runbook: &Runbook, from: &[Name], minimum: Minimum, span: Span, report: &mut Report) {
    let roles: Vec<String> = from.iter().map(|role| role.text.clone()).collect();
    let there = runbook.holders(&roles).count();
    let Minimum::Count(wanted) = minimum else { return };
    if runbook.people.is_empty() || there == 0 || usize::try_from(wanted).is_ok_and(|wanted| wanted <= there) {
        return;
    }
    let whom = if roles.is_empty() { "people".into() } else { format!("of {}", roles.join(" or ")) };
    let names: Vec<&str> = runbook.holders(&roles).map(|(name, _)| name.as_str()).collect();
    let message = format!("{wanted} {whom} are wanted, and there are {there}");
    let help = format!("the people file has {}: want fewer, or add somebody", names.join(", "));
    report.error_help(codes::TOO_FEW_PEOPLE, span, message, help);
}
