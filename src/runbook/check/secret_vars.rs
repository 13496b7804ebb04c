//! Which names in `vars` lead to a secret. Worked out once, along the names and not by following them anew: variables may
//! be as many as fit into a file, use one another twice, or, by mistake, in a ring.

use std::collections::{HashMap, HashSet};

use crate::runbook::ast::Runbook;
use crate::runbook::tree::Tree;

type Path<'a> = &'a [String];

pub struct SecretVars<'a> {
    runbook: &'a Runbook,
    /// Variables that hold a secret somewhere, directly or through others.
    holders: HashSet<Path<'a>>,
    /// What variables read that leads to one. A path into a variable that leads beside its secret is none: `vars.live.url`.
    paths: HashSet<Path<'a>>,
}

impl<'a> SecretVars<'a> {
    pub fn of(runbook: &'a Runbook) -> Self {
        let mut reads = HashMap::new();
        for (name, tree) in &runbook.vars {
            reads.insert(std::slice::from_ref(name), paths(tree, true));
        }
        let holders = leading(&reads);
        let mut reads = HashMap::new();
        for path in runbook.vars.values().flat_map(|tree| paths(tree, false)).filter(|path| path[0] == "vars") {
            reads.entry(path).or_insert_with(|| match inner(runbook, path) {
                Some(tree) => paths(tree, false),
                // Not written out: it comes with whatever the variable holds.
                None if path.get(1..2).is_some_and(|name| holders.contains(name)) => vec![SECRETS.as_slice()],
                None => Vec::new(),
            });
        }
        let paths = leading(&reads);
        Self { runbook, holders, paths }
    }

    /// Whether a path that begins with `vars` leads to a secret.
    pub fn lead_to_one(&self, path: &[String]) -> bool {
        path.get(1..2).is_some_and(|name| self.holders.contains(name))
            && inner(self.runbook, path).is_none_or(|tree| {
                tree.references().iter().any(|read| read.root() == "secrets" || self.paths.contains(&read.path[..]))
            })
    }
}

/// Stands for any secret.
static SECRETS: std::sync::LazyLock<Vec<String>> = std::sync::LazyLock::new(|| vec!["secrets".to_string()]);

fn inner<'a>(runbook: &'a Runbook, path: &[String]) -> Option<&'a Tree> {
    runbook.vars.get(path.get(1)?)?.at(&path[2..])
}

/// What a tree reads; of variables only the name, if `only_names`.
fn paths(tree: &Tree, only_names: bool) -> Vec<Path<'_>> {
    let one = |read: &'_ crate::runbook::template::Reference| -> Option<(usize, usize)> {
        match (read.root(), read.path.len()) {
            ("vars", len) if only_names && len > 1 => Some((1, 2)),
            ("vars", len) if len > 1 => Some((0, len)),
            ("secrets", len) => Some((0, len)),
            _ => None,
        }
    };
    tree.references().into_iter().filter_map(|read| one(read).map(|(from, to)| &read.path[from..to])).collect()
}

/// All that lead to a secret, one step after the other back from those that read one.
fn leading<'a>(reads: &HashMap<Path<'a>, Vec<Path<'a>>>) -> HashSet<Path<'a>> {
    let mut readers: HashMap<Path<'a>, Vec<Path<'a>>> = HashMap::new();
    let mut found = HashSet::new();
    let mut queue = Vec::new();
    for (path, read) in reads {
        for read in read {
            readers.entry(read).or_default().push(path);
            if read[0] == "secrets" && found.insert(*path) {
                queue.push(*path);
            }
        }
    }
    while let Some(path) = queue.pop() {
        let new = readers.remove(path).unwrap_or_default().into_iter().filter(|reader| found.insert(reader));
        queue.extend(new.collect::<Vec<_>>());
    }
    found
}
