//! Problems of the graph: ids, needs, rings.

use super::names::{Names, Site};
use crate::graph::{Defect, Graph};
use crate::runbook::ast::Runbook;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::include;
use crate::runbook::source::Span;

/// More than anybody wrote by hand, few enough to be judged in half a second.
const MAX_STEPS: usize = 10_000;

pub fn too_many(runbook: &Runbook, report: &mut Report) {
    if let Some((_, step)) = runbook.all_steps().nth(MAX_STEPS) {
        let message = format!("the runbook has {} steps, more than 10,000", runbook.all_steps().count());
        report.error_help(codes::TOO_MANY_STEPS, step.span, message, "split it into several runbooks");
    } else if include::written_out(runbook, MAX_STEPS) > MAX_STEPS {
        let message = "with its blocks and the files that it includes the runbook has more than 10,000 steps";
        let largest = runbook
            .all_steps()
            .max_by_key(|(_, step)| step.inside().map_or(0, |inside| include::written_out(inside, MAX_STEPS)));
        let span = largest.map_or(Span::default(), |(_, step)| step.kind_span);
        report.error_help(codes::TOO_MANY_STEPS, span, message, "split it into several runbooks");
    }
}

/// `around`: what is seen around a block.
pub fn judge(
    runbook: &Runbook,
    graph: &Graph,
    defects: &[Defect],
    around: Option<&Names<'_, '_>>,
    report: &mut Report,
) {
    for defect in defects {
        one(runbook, graph, defect, around, report);
    }
}

fn one(runbook: &Runbook, graph: &Graph, defect: &Defect, around: Option<&Names<'_, '_>>, report: &mut Report) {
    let step = |node: usize| graph.step(runbook, node);
    let need = |node: usize, need: usize| step(node).needs.as_ref().map(|needs| &needs[need]);
    match defect {
        Defect::DuplicateId { node } => {
            let again = step(*node);
            // A step without an id was reported as that.
            if let Some(first) = graph.find(&again.id).filter(|_| !again.id.is_empty()) {
                let line = report.source.place(step(first).span.offset).0;
                let message = format!("a second step has the id `{}`; the first stands in line {line}", again.id);
                report.error_help(codes::DUPLICATE_ID, again.span, message, "give one of them another id");
            }
        }
        Defect::UnknownNeed { node, need: at } => {
            let Some(need) = need(*node, *at) else { return };
            let ids = || {
                let ids = runbook
                    .all_steps()
                    .filter(|(finally, step)| *finally == graph.nodes[*node].finally && step.mends.is_none());
                ids.map(|(_, step)| step.id.as_str()).filter(|id| *id != step(*node).id).collect()
            };
            if around.is_some_and(|names| names.seen(&need.step, &Site::outputs()).is_some()) {
                let message =
                    format!("step `{}` needs `{}`, which stands outside of the block", step(*node).id, need.step);
                let help = format!("write `needs: [{}]` on the block: its steps start when it does", need.step);
                return report.error_help(codes::UNKNOWN_NEED, need.span, message, help);
            }
            let message = format!("step `{}` needs unknown step `{}`", step(*node).id, need.step);
            let inside = runbook.all_steps().find(|(_, step)| {
                step.block.as_ref().is_some_and(|block| block.step(&need.step).is_some()) && step.id != need.step
            });
            let help = match need.step.split_once('/') {
                Some((include, _)) if runbook.step(include).is_some() => {
                    format!(
                        "what is inside of `{include}` is not seen from here: `needs: [{include}]` waits for all of it"
                    )
                }
                _ => match inside {
                    Some((_, block)) => {
                        format!("it stands inside of `{}`: `needs: [{}]` waits for all of that", block.id, block.id)
                    }
                    None => report.nearest(&need.step, ids),
                },
            };
            report.error_help(codes::UNKNOWN_NEED, need.span, message, help);
        }
        Defect::DuplicateNeed { node, need: at } => {
            let Some(need) = need(*node, *at) else { return };
            let message = format!("step `{}` needs `{}` twice", step(*node).id, need.step);
            report.error_help(
                codes::DUPLICATE_NEED,
                need.span,
                message,
                "name it once, with all its ends under `when`",
            );
        }
        Defect::Border { node, need: at } => {
            let Some(need) = need(*node, *at) else { return };
            let (message, help) = border(&step(*node).id, &need.step, graph.nodes[*node].finally);
            report.error_help(codes::NEEDS_FINALLY, need.span, message, help);
        }
        Defect::Ring { nodes } => ring(runbook, graph, nodes, report),
    }
}

fn border(step: &str, needed: &str, finally: bool) -> (String, &'static str) {
    if finally {
        let message = format!("step `{step}` stands in `finally` and cannot need `{needed}` of `steps`");
        return (message, "take it away: `finally` begins when all steps have ended");
    }
    let message = format!("step `{step}` needs `{needed}`, which stands in `finally`");
    (message, "`finally` runs at the end, however the run ends; move the step to `steps` if others need it")
}

fn ring(runbook: &Runbook, graph: &Graph, nodes: &[usize], report: &mut Report) {
    let first = graph.step(runbook, nodes[0]);
    let second = graph.step(runbook, nodes[nodes.len().min(2) - 1]);
    let need = first.needs.iter().flatten().find(|need| need.step == second.id);
    let span = need.map_or(first.needs_span, |need| need.span);
    let ids: Vec<&str> = nodes.iter().chain(nodes.first()).map(|node| graph.step(runbook, *node).id.as_str()).collect();
    let message = match ids.as_slice() {
        [id, _] => format!("step `{id}` needs itself"),
        _ => format!("steps need one another in a ring: {}", ids.join(" → ")),
    };
    report.error_help(codes::CYCLE, span, message, "take one of these needs away");
}

/// Only `needs` makes order, so a changing step that says nothing has probably been forgotten.
pub fn forgotten_needs(names: &Names<'_, '_>, report: &mut Report) {
    for (index, step) in names.body.steps.iter().enumerate().skip(1) {
        let changes = || match step.inside() {
            Some(inside) => super::include::changes(names.catalog, inside),
            None => names.catalog.kind(&step.kind).is_some_and(|kind| kind.changes(&names.late(index))),
        };
        if step.needs.is_none() && changes() {
            let above = names.body.steps[..index].iter().rev().find(|step| step.mends.is_none());
            let above = above.map(|step| step.id.as_str()).filter(|id| !id.is_empty());
            let message =
                format!("step `{}` changes something and does not say what it needs, so it starts at once", step.id);
            let help = match above {
                Some(above) => format!("add `needs: [{above}]`, or `needs: []` if it may start at once"),
                None => "add `needs:` with the steps it needs, or `needs: []` if it may start at once".to_owned(),
            };
            report.warning(codes::FORGOTTEN_NEEDS, step.span, message, help);
        }
    }
}
