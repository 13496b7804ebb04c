//! A value as it stands in the file: shaped like JSON, every key and value with its place, strings that are templates
//! compiled. `with`, `vars` and everything else that may hold templates is kept in this form until it is rendered.

use serde_json::{Map, Number, Value};

use super::diagnostic::Report;
use super::source::Span;
use super::template::{LARGEST, Reference, Scope, Template, take_room};
use crate::model::Fault;

#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    pub node: Node,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    /// Text with at least one expression in it.
    Template(Box<Template>),
    List(Vec<Tree>),
    Map(Vec<Entry>),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub key: Name,
    pub value: Tree,
}

/// A word and where it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name {
    pub text: String,
    pub span: Span,
}

impl Tree {
    /// A map with nothing in it, for a `with` that is not written.
    pub fn empty_map(span: Span) -> Self {
        Self { node: Node::Map(Vec::new()), span }
    }

    pub fn is_null(&self) -> bool {
        matches!(self.node, Node::Null)
    }

    pub fn is_empty_map(&self) -> bool {
        matches!(&self.node, Node::Map(entries) if entries.is_empty())
    }

    /// What it is, in words of the author.
    pub fn what(&self) -> &'static str {
        match &self.node {
            Node::Null => "nothing",
            Node::Bool(_) => "true or false",
            Node::Number(_) => "a number",
            Node::Text(_) | Node::Template(_) => "text",
            Node::List(_) => "a list",
            Node::Map(_) => "a mapping",
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.node {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_template(&self) -> Option<&Template> {
        match &self.node {
            Node::Template(template) => Some(template),
            _ => None,
        }
    }

    pub fn entries(&self) -> &[Entry] {
        match &self.node {
            Node::Map(entries) => entries,
            _ => &[],
        }
    }

    pub fn items(&self) -> &[Tree] {
        match &self.node {
            Node::List(items) => items,
            _ => &[],
        }
    }

    pub fn get(&self, key: &str) -> Option<&Tree> {
        self.entries().iter().find(|entry| entry.key.text == key).map(|entry| &entry.value)
    }

    /// What stands at the path; list items are named by their index.
    pub fn at<S: AsRef<str>>(&self, path: &[S]) -> Option<&Tree> {
        path.iter().try_fold(self, |tree, key| match &tree.node {
            Node::List(items) => items.get(key.as_ref().parse::<usize>().ok()?),
            _ => tree.get(key.as_ref()),
        })
    }

    /// Compiles every text that holds `{{`. A text that holds only escaped braces becomes plain text again.
    pub fn compile(&mut self, report: &mut Report) {
        match &mut self.node {
            Node::Text(text) if text.contains("{{") => {
                match Template::compile(text, Some((&report.source, self.span))) {
                    Ok(template) => self.node = template.into_node(),
                    Err(flaw) => report.problems.push(flaw.problem(&report.source, self.span)),
                }
            }
            Node::List(items) => items.iter_mut().for_each(|item| item.compile(report)),
            Node::Map(entries) => entries.iter_mut().for_each(|entry| entry.value.compile(report)),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Template(_) => {}
        }
    }

    /// Fills the templates in. Text that holds a secret becomes a placeholder, see [`super::template::open`].
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, Fault> {
        let mut room = LARGEST;
        self.render_within(&mut room, scope)
    }

    /// The same, in what is left of `room` for all that templates make.
    pub fn render_within(&self, room: &mut usize, scope: &dyn Scope) -> Result<Value, Fault> {
        Ok(match &self.node {
            Node::Null => Value::Null,
            Node::Bool(yes) => Value::Bool(*yes),
            Node::Number(number) => Value::Number(number.clone()),
            Node::Text(text) => Value::String(text.clone()),
            Node::Template(template) => {
                let value = template.render(scope)?;
                take_room(room, &value)?;
                value
            }
            Node::List(items) => items.iter().map(|item| item.render_within(room, scope)).collect::<Result<_, _>>()?,
            Node::Map(entries) => {
                let pair = |entry: &Entry| Ok((entry.key.text.clone(), entry.value.render_within(room, scope)?));
                Value::Object(entries.iter().map(pair).collect::<Result<Map<_, _>, Fault>>()?)
            }
        })
    }

    /// The value as it is written, templates as their text: what a [`super::catalog::Late`] looks at.
    pub fn written(&self) -> Value {
        match &self.node {
            Node::Null => Value::Null,
            Node::Bool(yes) => Value::Bool(*yes),
            Node::Number(number) => Value::Number(number.clone()),
            Node::Text(text) => Value::String(text.clone()),
            Node::Template(template) => Value::String(template.text.clone()),
            Node::List(items) => items.iter().map(Tree::written).collect(),
            Node::Map(entries) => entries.iter().map(|e| (e.key.text.clone(), e.value.written())).collect(),
        }
    }

    /// Calls `visit` for this value and everything in it, with the key it stands under.
    pub fn walk<'a>(&'a self, key: Option<&'a Name>, visit: &mut dyn FnMut(Option<&'a Name>, &'a Tree)) {
        visit(key, self);
        match &self.node {
            Node::List(items) => items.iter().for_each(|item| item.walk(key, visit)),
            Node::Map(entries) => entries.iter().for_each(|entry| entry.value.walk(Some(&entry.key), visit)),
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::Template(_) => {}
        }
    }

    /// Every name that its templates read.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        self.walk(None, &mut |_, tree| {
            if let Node::Template(template) = &tree.node {
                found.extend(template.references());
            }
        });
        found
    }
}
