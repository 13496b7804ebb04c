//! Outputs that somebody reads: what a step has to put out whoever does it.

use std::collections::HashMap;

use crate::graph::dag::Graph;
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::template::{Condition, Reference};
use crate::runbook::tree::Tree;

/// Of each step of each file the outputs that some step of that file, or what the file puts out, reads where a missing one
/// would be an error.
pub struct Reads<'a>(HashMap<(Option<usize>, &'a str), Vec<String>>);

impl<'a> Reads<'a> {
    pub fn of(runbook: &'a Runbook, graph: &Graph) -> Self {
        let mut reads = Self(HashMap::new());
        let mut files: Vec<Option<usize>> = Vec::new();
        for (node, at) in graph.nodes.iter().enumerate() {
            // The steps of a file lie side by side.
            if files.last() != Some(&at.unit) && !files.contains(&at.unit) {
                files.push(at.unit);
                reads.add(at.unit, graph.book(runbook, node));
            }
        }
        reads
    }

    fn add(&mut self, file: Option<usize>, book: &'a Runbook) {
        let steps = book.all_steps().flat_map(|(_, step)| read_by(step));
        let outputs = book.outputs.values().flat_map(Tree::references);
        for reference in steps.chain(outputs).filter(|reference| !reference.optional) {
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            let ["steps", of, "outputs", name, ..] = path[..] else { continue };
            let names = self.0.entry((file, of)).or_default();
            if !names.iter().any(|known| known == name) {
                names.push(name.to_string());
            }
        }
    }

    /// In the order in which they are read.
    pub fn of_step(&self, file: Option<usize>, step: &Step) -> Vec<String> {
        self.0.get(&(file, step.id.as_str())).cloned().unwrap_or_default()
    }
}

fn read_by(step: &Step) -> impl Iterator<Item = &Reference> {
    let trees = std::iter::once(&step.with).chain(step.verify.iter().map(|proof| &proof.with));
    let conditions = step.condition.as_deref().into_iter().chain(step.require.iter().map(|it| &it.that));
    trees.flat_map(Tree::references).chain(conditions.flat_map(Condition::references))
}
