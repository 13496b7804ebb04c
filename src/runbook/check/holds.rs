//! Holds: whether they are there, stand where they may, and only look where they only look.

use super::names::{Names, Site};
use super::nearest;
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::holds::{Part, id};
use crate::runbook::template::Reference;

/// `under` of a step, and `read` of a hold.
pub fn judge(names: &Names<'_, '_>, node: usize, report: &mut Report) {
    let step = names.step(node);
    if step.mends.is_some() {
        return;
    }
    if !step.under.is_empty() && (names.outer.is_some() || names.given.is_some() || names.graph.nodes[node].finally) {
        return misplaced(names, step, node, report);
    }
    for (at, name) in step.under.iter().enumerate() {
        if step.under[..at].iter().any(|other| other.text == name.text) {
            let message = format!("step `{}` is under `{}` twice", step.id, name.text);
            report.error_help(codes::UNKNOWN_HOLD, name.span, message, "take one of the two away");
        }
        if names.runbook.holds.contains_key(&name.text) {
            continue;
        }
        let message = format!("step `{}` is under unknown hold `{}`", step.id, name.text);
        let help = match names.runbook.holds.is_empty() {
            true => "declare it at the top: `holds: { NAME: { read, take, release } }`".into(),
            false => nearest(&name.text, names.runbook.holds.keys().map(String::as_str)),
        };
        report.error_help(codes::UNKNOWN_HOLD, name.span, message, help);
    }
    let changes = || names.catalog.kind(&step.kind).is_some_and(|kind| kind.changes(&names.late(node)));
    if step.part_of_hold() == Some(Part::Read) && changes() {
        let message = "`read` of a hold only looks, and this may change something";
        let help = match step.kind.as_str() {
            "run" => "say so: `with: { effect: read }`; what changes something belongs into `take`",
            _ => "what changes something belongs into `take`",
        };
        report.error_help(codes::HOLD_READ_CHANGES, step.kind_span, message, help);
    }
}

fn misplaced(names: &Names<'_, '_>, step: &Step, node: usize, report: &mut Report) {
    let hold = &step.under[0];
    let message = format!("step `{}` cannot say that it is under a hold", step.id);
    let help = match names.outer {
        _ if names.given.is_some() => {
            format!(
                "an included file has no holds: write `under: [{}]` on the step of the runbook that includes it",
                hold.text
            )
        }
        _ if names.graph.nodes[node].finally => "holds are given back before `finally` begins".into(),
        Some((outer, block)) => {
            format!(
                "write `under: [{}]` on the block `{}`: it is taken before the first of its steps starts",
                hold.text,
                outer.step(block).id
            )
        }
        None => String::new(),
    };
    report.error_help(codes::HOLD_MISPLACED, hold.span, message, help);
}

/// A hold that nobody asks for is never taken.
pub fn idle(runbook: &Runbook, report: &mut Report) {
    for (name, hold) in &runbook.holds {
        if !runbook.steps.iter().any(|step| step.is_under(name)) {
            let message = format!("no step is under the hold `{name}`, so it is never taken");
            let help = format!("write `under: [{name}]` on the steps that need it, or take the hold away");
            report.warning(codes::IDLE_HOLD, hold.span, message, help);
        }
    }
}

impl Names<'_, '_> {
    /// The step that read the value before, where it may be used.
    pub(super) fn read_of_hold(&self, site: &Site) -> Option<usize> {
        let held = self.step(site.node?).held.as_ref().filter(|held| held.part != Part::Read)?;
        self.graph.find(&id(&held.hold, Part::Read))
    }

    pub(super) fn of_hold(&self, reference: &Reference, site: &Site, report: &mut Report) {
        let Some(read) = self.read_of_hold(site) else {
            let message = "`hold.previous` can be read only in `take` and `release` of a hold";
            let help = "elsewhere let a step of its own put the value out: `steps.ID.outputs.NAME`";
            return report.error_help(codes::UNKNOWN_NAME, reference.span, message, help);
        };
        match (reference.path.get(1).map(String::as_str), reference.path.len()) {
            (Some("previous"), 3..) => self.output(reference, 2, read, report),
            _ => super::names::vague(reference, "name what `read` put out: `hold.previous.NAME`", report),
        }
    }
}
