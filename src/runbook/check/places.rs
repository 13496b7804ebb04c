//! Where in a `with` a complaint belongs.

use crate::runbook::source::Span;
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// The value at the path, the key of its block, or, for what is not there, the mapping that lacks it; `whole` stands
/// for the `with` itself.
pub fn of_path(with: &Tree, path: &[String], whole: Span) -> Span {
    let (mut tree, mut key, mut depth) = (with, None::<&Name>, 0);
    for part in path {
        let next = match &tree.node {
            Node::Map(entries) => {
                entries.iter().find(|entry| entry.key.text == *part).map(|Entry { key, value }| (value, Some(key)))
            }
            Node::List(items) => part.parse::<usize>().ok().and_then(|index| items.get(index)).map(|item| (item, key)),
            _ => None,
        };
        let Some(found) = next else { break };
        (tree, key) = found;
        depth += 1;
    }
    if depth == 0 { whole } else { of_value(tree, key) }
}

pub fn of_value(tree: &Tree, key: Option<&Name>) -> Span {
    let block = matches!(tree.node, Node::List(_) | Node::Map(_) | Node::Null) && tree.span.len == 0;
    match key {
        Some(key) if block => key.span,
        _ => tree.span,
    }
}

/// Where a mapping begins: its first key, or its brace.
pub fn of_start(tree: &Tree) -> Span {
    match tree.entries().first() {
        Some(first) if tree.span.len == 0 => first.key.span,
        _ => tree.span,
    }
}
