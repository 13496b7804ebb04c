//! Judges a runbook against the kinds there are: its graph, the names its templates read, the fields of every kind.
//!
//! Pure, and complete: one pass says everything. What the text cannot tell is left to the run.

mod around;
mod conditions;
mod drill;
pub mod expanded;
mod foreach;
mod graph;
mod holds;
mod in_place;
mod include;
mod instead;
mod limits;
mod names;
mod params;
mod people;
mod places;
mod schema;
mod secret_vars;
mod secrets;
mod side_by_side;
mod steps;
mod tell;
mod time;
mod types;
mod values;

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::Loaded;
use super::ast::{Part, Runbook};
use super::catalog::Catalog;
use super::diagnostic::{Problem, Report};
use super::source::Source;
use super::vars;
use super::{codes, suggest};
use crate::graph::Graph;

pub use foreach::is_item_key;
pub(super) use secrets::urls;

use include::Given;
use names::{Names, Site};
use side_by_side::side_by_side;

/// Everything that is wrong with a runbook whose shape was read, and with the files that it includes.
pub fn check(loaded: &Loaded, catalog: &dyn Catalog) -> Vec<Problem> {
    let mut checker = Checker { loaded, catalog, done: HashSet::new(), problems: Vec::new() };
    checker.book(&loaded.runbook, &loaded.source, None);
    checker.problems
}

/// Judges each file by itself: what is inside of an include is not seen from outside, and the other way round.
struct Checker<'a> {
    loaded: &'a Loaded,
    catalog: &'a dyn Catalog,
    /// Files that were judged, each with what it was given: the same again says nothing new.
    done: HashSet<(&'a str, Given)>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    fn book(&mut self, book: &'a Runbook, source: &Arc<Source>, given: Option<&Given>) {
        let mut report = Report::new(source);
        let (graph, defects) = Graph::build(book);
        graph::too_many(book, &mut report);
        expanded::judge(book, &mut report);
        graph::judge(book, &graph, &defects, None, &mut report);
        let names = Names::new(book, &graph, self.catalog, given, &self.loaded.runbook);
        judge_vars(book, &names, &mut report);
        params::judge(&names, &mut report);
        if given.is_none() {
            people::judge(book, &mut report);
            tell::judge(&names, &mut report);
            holds::idle(book, &mut report);
        }
        let mut inside = Vec::new();
        body(&names, &mut inside, &mut report);
        self.problems.append(&mut report.problems);
        for (part, given) in inside {
            let Some(source) = self.loaded.files.get(&part.key) else { continue };
            if self.done.insert((&part.key, given.clone())) {
                self.book(&part.book, source, Some(&given));
            }
        }
    }
}

/// The steps of a file or of a block in it. Files that they include are added to `inside`, to be judged by themselves.
fn body<'a>(names: &Names<'_, 'a>, inside: &mut Vec<(&'a Part, Given)>, report: &mut Report) {
    side_by_side(names.body.all_steps().count(), report, |node, report| steps::judge(names, node, report));
    for (node, (_, step)) in names.body.all_steps().enumerate() {
        if let Some(part) = step.part() {
            inside.push((part, include::judge(names, node, part, report)));
        }
        if let Some(block) = step.block.as_deref() {
            let (graph, defects) = Graph::build(block);
            graph::judge(block, &graph, &defects, Some(names), report);
            body(&names.within(node, block, &graph), inside, report);
        }
    }
    // Ways of a `try` follow one another as they are written.
    if names.outer.is_none_or(|(outer, node)| !outer.step(node).tries()) {
        graph::forgotten_needs(names, report);
    }
    include::outputs(names, report);
}

fn judge_vars(runbook: &Runbook, names: &Names<'_, '_>, report: &mut Report) {
    let mut drilled = Runbook::of_steps(Vec::new(), IndexMap::new());
    drilled.vars =
        runbook.vars.iter().chain(&runbook.drill.vars).map(|(name, it)| (name.clone(), it.clone())).collect();
    if let Err(ring) = vars::order(runbook).and_then(|_| vars::order(&drilled)) {
        let tree = &drilled.vars[ring[0]];
        let mut shown = ring.clone();
        shown.push(ring[0]);
        let message = format!("variables use one another in a ring: {}", shown.join(" → "));
        report.error_help(codes::VARS_RING, tree.span, message, "write one of them without the others");
    }
    for (name, tree) in runbook.vars.iter().chain(&runbook.drill.vars) {
        names.judge_tree(tree, &Site::vars(), report);
        secrets::in_clear(names, tree, name, report);
    }
}

/// Help for a word that is none of the known.
fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    suggest::help(word, known).unwrap_or_default()
}
