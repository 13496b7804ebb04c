//! Judges a runbook against the kinds there are: its graph, the names its templates read, the fields of every kind.
//!
//! Pure, and complete: one pass says everything. What the text cannot tell is left to the run.

mod conditions;
mod foreach;
mod graph;
mod limits;
mod names;
mod places;
mod schema;
mod secret_vars;
mod secrets;
mod steps;
mod types;
mod values;

use std::sync::Arc;

use super::ast::Runbook;
use super::catalog::Catalog;
use super::diagnostic::{Problem, Report};
use super::source::Source;
use super::vars;
use super::{codes, suggest};
use crate::graph::Graph;

pub(super) use secrets::urls;

use names::{Names, Site};

/// Everything that is wrong with a runbook whose shape was read.
pub fn check(runbook: &Runbook, source: &Arc<Source>, catalog: &dyn Catalog) -> Vec<Problem> {
    let mut report = Report::new(source);
    let (graph, defects) = Graph::build(runbook);
    graph::judge(runbook, &graph, &defects, &mut report);
    let names = Names::new(runbook, &graph, catalog);
    judge_vars(runbook, &names, &mut report);
    for node in 0..graph.len() {
        steps::judge(&names, node, &mut report);
    }
    graph::forgotten_needs(&names, &mut report);
    report.problems
}

fn judge_vars(runbook: &Runbook, names: &Names<'_>, report: &mut Report) {
    if let Err(ring) = vars::order(runbook) {
        let tree = &runbook.vars[ring[0]];
        let mut shown = ring.clone();
        shown.push(ring[0]);
        let message = format!("variables use one another in a ring: {}", shown.join(" → "));
        report.error_help(codes::VARS_RING, tree.span, message, "write one of them without the others");
    }
    for (name, tree) in &runbook.vars {
        names.judge_tree(tree, &Site::vars(), report);
        secrets::in_clear(tree, name, report);
    }
}

/// Help for a word that is none of the known.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    suggest::help(word, known).unwrap_or_default()
}
