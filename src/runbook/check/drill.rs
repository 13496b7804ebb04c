//! What a step says of drills, against its kind; and what stands in for variables.

use super::names::{Names, Site};
use super::{nearest, steps};
use crate::runbook::ast::Step;
use crate::runbook::catalog::{KindFace, OutputType, Shape};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::drill::Way;
use crate::runbook::holds::{Held, Part};
use crate::runbook::tree::{Entry, Node, Tree};

pub fn judge(names: &Names<'_, '_>, node: usize, kind: &dyn KindFace, report: &mut Report) {
    let step = names.step(node);
    let Some(drill) = step.drill.as_deref() else { return };
    if let Some(with) = step.with_in_drill() {
        // What is wrong in a run as well was said of the step itself.
        let known: Vec<_> = report.problems.iter().map(|it| (it.code, it.span)).collect();
        let before = report.problems.len();
        steps::with(names, kind, &with, step.kind_span, &Site::step(node), report);
        let mut found = report.problems.split_off(before);
        found.retain(|it| !known.contains(&(it.code, it.span)));
        report.problems.append(&mut found);
    }
    if let Some(outputs) = &drill.outputs {
        stub(names, node, kind, outputs, report);
    }
    if let Some(held) = step.held.as_deref() {
        half_held(names, step, held, report);
    }
}

/// What a stub puts out is what later steps read as if it were the kind's own.
fn stub(names: &Names<'_, '_>, node: usize, kind: &dyn KindFace, outputs: &Tree, report: &mut Report) {
    names.judge_tree(outputs, &Site::step(node), report);
    let Shape::Closed(shape) = kind.outputs(&names.late(node)) else { return };
    for Entry { key, value } in outputs.entries() {
        let Some(wanted) = shape.get(&key.text) else {
            let message = format!("`{}` has no output `{}` that a stub could give", kind.name(), key.text);
            report.error_help(codes::STUB, key.span, message, nearest(&key.text, shape.keys().map(String::as_str)));
            continue;
        };
        let is_late = matches!(value.node, Node::Template(_));
        if *wanted == OutputType::Secret {
            let message = format!("the output `{}` is secret, and a stub would show it", key.text);
            report.error_help(codes::STUB, key.span, message, "leave it out: steps that read it are left out, too");
        } else if !is_late && !wanted.takes(&value.written()) {
            let message =
                format!("the output `{}` is {}, and no stub of it is {}", key.text, wanted.what(), value.what());
            let help = format!("give {}", wanted.what());
            report.error_help(codes::STUB, super::places::of_value(value, Some(key)), message, help);
        }
    }
}

/// A hold that is taken is given back, and one that is not is not.
fn half_held(names: &Names<'_, '_>, step: &Step, held: &Held, report: &mut Report) {
    let real = |part| names.runbook.step(&held.beside(part)).and_then(Step::in_drill) == Some(Way::Real);
    if held.part != Part::Read && step.in_drill() == Some(Way::Real) && !names.runbook.is_real_hold(&held.hold) {
        let other = if real(Part::Take) { Part::Release } else { Part::Take };
        let message = format!("a drill takes `{}` only if it gives it back as well", held.hold);
        let help = format!("write `drill: real` on its `{}`, too", other.word());
        report.error_help(codes::HALF_HELD, step.drill.as_ref().map_or(step.span, |it| it.span), message, help);
    }
}
