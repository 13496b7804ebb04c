//! The type of a name, as far as the text tells.

use super::names::{Names, Site};
use crate::runbook::ast::ParamType;
use crate::runbook::catalog::{OutputType, Shape};
use crate::runbook::template::Type;
use crate::runbook::tree::{Node, Tree};

impl Names<'_, '_> {
    pub fn type_of(&self, path: &[String], site: &Site) -> Type {
        let part = |index: usize| path.get(index).map(String::as_str);
        match (part(0), part(1)) {
            (Some("params"), Some(name)) if path.len() == 2 => {
                self.runbook.params.get(name).map_or(Type::Any, |spec| of_param(spec.kind))
            }
            (Some("vars"), Some(name)) => {
                let tree = self.runbook.vars.get(name).and_then(|tree| tree.at(&path[2..]));
                tree.map_or(Type::Any, |tree| self.of_tree(tree))
            }
            (Some("secrets" | "env"), Some(_)) => Type::Text,
            (Some("run"), Some("started_at" | "outage_began")) => Type::Timestamp,
            (Some("run"), Some(_)) => Type::Text,
            (Some("steps"), Some(id)) if path.len() == 4 && part(2) == Some("outputs") => {
                self.seen(id, site).map_or(Type::Any, |(names, node, _)| names.of_output(node, &path[3]))
            }
            (Some("steps"), Some(id)) if path.len() == 3 && part(2) == Some("items") => {
                let has_items = self.seen(id, site).is_some_and(|(names, node, _)| names.step(node).foreach.is_some());
                if has_items { Type::List } else { Type::Any }
            }
            (Some("item_key"), None) => Type::Text,
            (Some("steps"), Some(_)) if matches!(part(2), Some("started_at" | "ended_at")) => Type::Timestamp,
            (Some("self"), Some("outputs")) if path.len() == 3 => {
                site.node.map_or(Type::Any, |node| self.of_output(node, &path[2]))
            }
            (Some("hold"), Some("previous")) if path.len() == 3 => {
                self.read_of_hold(site).map_or(Type::Any, |read| self.of_output(read, &path[2]))
            }
            _ => Type::Any,
        }
    }

    fn of_output(&self, node: usize, name: &str) -> Type {
        let Shape::Closed(outputs) = &self.shapes[node] else { return Type::Any };
        match outputs.get(name) {
            Some(OutputType::Text) => Type::Text,
            Some(OutputType::Integer | OutputType::Number) => Type::Number,
            Some(OutputType::Boolean) => Type::Boolean,
            Some(OutputType::Timestamp) => Type::Timestamp,
            Some(OutputType::List) => Type::List,
            Some(OutputType::Map) => Type::Map,
            // A connection may be a URL or a map.
            Some(OutputType::Connection | OutputType::Secret) | None => Type::Any,
        }
    }

    fn of_tree(&self, tree: &Tree) -> Type {
        match &tree.node {
            Node::Bool(_) => Type::Boolean,
            Node::Number(_) => Type::Number,
            Node::Text(_) => Type::Text,
            Node::Template(template) => match template.single() {
                Some(_) => Type::Any,
                None => Type::Text,
            },
            Node::List(_) => Type::List,
            Node::Map(_) => Type::Map,
            Node::Null => Type::Any,
        }
    }
}

pub(super) fn of_param(kind: ParamType) -> Type {
    match kind {
        ParamType::String | ParamType::Url => Type::Text,
        ParamType::Integer | ParamType::Number => Type::Number,
        ParamType::Boolean => Type::Boolean,
        ParamType::Timestamp => Type::Timestamp,
        ParamType::Duration => Type::Duration,
        ParamType::List => Type::List,
        ParamType::Map => Type::Map,
    }
}
