//! Outputs that somebody reads: what a step has to put out whoever does it.

use std::collections::{HashMap, HashSet};

use crate::graph::dag::Graph;
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::holds::Part;
use crate::runbook::template::{Condition, Reference};
use crate::runbook::tree::Tree;

/// Of each step of each body, by the place it has in memory, the outputs that some step of that body or of a block in it, or
/// what the body puts out, reads where a missing one would be an error.
pub struct Reads<'a>(HashMap<(*const Runbook, &'a str), Vec<String>>);

impl<'a> Reads<'a> {
    pub fn of(runbook: &'a Runbook, graph: &Graph) -> Self {
        let mut reads = Self(HashMap::new());
        let mut seen = HashSet::new();
        for book in (0..graph.len()).map(|node| graph.book(runbook, node)) {
            if seen.insert(std::ptr::from_ref(book)) {
                reads.add(book);
            }
        }
        reads
    }

    fn add(&mut self, book: &'a Runbook) {
        for reference in read_in(book).into_iter().filter(|reference| !reference.optional) {
            let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
            let ["steps", of, "outputs", name, ..] = path[..] else { continue };
            self.note(book, of, name);
        }
        for (step, held) in book.all_steps().filter_map(|(_, step)| Some((step, step.held.as_deref()?))) {
            let Some(read) = book.step(&held.beside(Part::Read)) else { continue };
            for reference in read_by(step).filter(|reference| !reference.optional && reference.root() == "hold") {
                reference.path.get(2).into_iter().for_each(|name| self.note(book, &read.id, name));
            }
        }
    }

    fn note(&mut self, book: &'a Runbook, of: &'a str, name: &str) {
        let names = self.0.entry((std::ptr::from_ref(book), of)).or_default();
        if !names.iter().any(|known| known == name) {
            names.push(name.to_string());
        }
    }

    /// In the order in which they are read.
    pub fn of_step(&self, book: &Runbook, step: &Step) -> Vec<String> {
        self.0.get(&(std::ptr::from_ref(book), step.id.as_str())).cloned().unwrap_or_default()
    }
}

/// What a body reads, and the blocks in it.
fn read_in(book: &Runbook) -> Vec<&Reference> {
    let mut read = Vec::new();
    for (_, step) in book.all_steps() {
        read.extend(read_by(step));
        read.extend(step.block.as_deref().into_iter().flat_map(read_in));
    }
    read.extend(book.outputs.values().flat_map(Tree::references));
    read
}

fn read_by(step: &Step) -> impl Iterator<Item = &Reference> {
    let lists = step.foreach.iter().flat_map(|foreach| std::iter::once(&foreach.list).chain(&foreach.key));
    let trees = std::iter::once(&step.with)
        .chain(step.verify.iter().map(|proof| &proof.with))
        .chain(lists)
        .chain(step.not_before.as_deref());
    let conditions = step.condition.as_deref().into_iter().chain(step.require.iter().map(|it| &it.that));
    trees.flat_map(Tree::references).chain(conditions.flat_map(Condition::references))
}
