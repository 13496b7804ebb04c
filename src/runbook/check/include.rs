//! Includes: what the file is given by `with`, what it puts out, and where secrets may go in it.

use std::collections::{BTreeMap, HashSet};

use super::names::{Names, Site, put_out};
use super::{nearest, secrets, types};
use crate::runbook::ast::{ParamSpec, Part, Runbook};
use crate::runbook::catalog::{Catalog, Late, OutputType, Shape};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::params::fit;
use crate::runbook::source::Span;
use crate::runbook::template::{Template, Type};
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// Help for a name that only the runbook has.
pub const HAND_IN: &str =
    "an included file sees only its own names: declare a parameter, and hand the value in by `with`";

/// What an included file is given by name, and where in it secrets are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Given {
    secrecy: BTreeMap<String, Secrecy>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Secrecy {
    Open,
    Whole,
    /// By key, all that are written.
    Within(BTreeMap<String, Secrecy>),
}

impl Given {
    /// Whether a path of parameter and keys leads to a secret.
    pub fn is_secret(&self, path: &[String]) -> bool {
        let Some((name, rest)) = path.split_first() else { return false };
        self.secrecy.get(name).is_some_and(|secrecy| secrecy.at(rest).holds_any())
    }

    /// A map that holds a secret somewhere, key by key, each the name that leads to it: what a schema can judge.
    pub fn spread(&self, path: &[String], span: Span) -> Option<Tree> {
        let (name, rest) = path.split_first()?;
        let secrecy = self.secrecy.get(name)?.at(rest);
        let spread = matches!(secrecy, Secrecy::Within(_)) && secrecy.holds_any();
        spread.then(|| secrecy.tree(&format!("params.{}", path.join(".")), span))
    }

    /// Whether a parameter is given, and not in a secret: then it stands in the journal as it is.
    pub fn is_open(&self, path: &[String]) -> bool {
        path.first().is_some_and(|name| self.secrecy.contains_key(name)) && !self.is_secret(path)
    }
}

impl Secrecy {
    fn at(&self, path: &[String]) -> &Secrecy {
        match (self, path.split_first()) {
            (Secrecy::Within(inner), Some((key, rest))) => {
                inner.get(key).map_or(&Secrecy::Open, |found| found.at(rest))
            }
            _ => self,
        }
    }

    fn tree(&self, name: &str, span: Span) -> Tree {
        let node = match self {
            Secrecy::Within(inner) => {
                let entry = |(key, secrecy): (&String, &Secrecy)| Entry {
                    value: secrecy.tree(&format!("{name}.{key}"), span),
                    key: Name { text: key.clone(), span },
                };
                Node::Map(inner.iter().map(entry).collect())
            }
            Secrecy::Open | Secrecy::Whole => match Template::compile(&format!("{{{{ {name} }}}}"), None) {
                Ok(template) => template.into_node(),
                // A key that no name can lead to.
                Err(_) => Node::Null,
            },
        };
        Tree { node, span }
    }

    fn holds_any(&self) -> bool {
        match self {
            Secrecy::Open => false,
            Secrecy::Whole => true,
            Secrecy::Within(inner) => inner.values().any(Secrecy::holds_any),
        }
    }
}

/// Variables in one another; a ring of them ends here.
const MOST_DEEP: usize = 16;

impl Names<'_, '_> {
    fn secrecy(&self, tree: &Tree, site: &Site, depth: usize) -> Secrecy {
        let any = || tree.references().iter().any(|reference| self.is_secret(&reference.path, site));
        match &tree.node {
            Node::Map(entries) => {
                let inner =
                    entries.iter().map(|entry| (entry.key.text.clone(), self.secrecy(&entry.value, site, depth)));
                Secrecy::Within(inner.collect())
            }
            Node::Template(template) => match template.single_path() {
                Some(path) if path[0] == "vars" && path.len() > 1 && depth < MOST_DEEP => {
                    let held = self.runbook.vars.get(&path[1]).and_then(|tree| tree.at(&path[2..]));
                    held.map_or(Secrecy::Open, |tree| self.secrecy(tree, site, depth + 1))
                }
                Some(path) if path[0] == "params" && path.len() > 1 => self
                    .given
                    .and_then(|given| given.secrecy.get(&path[1]))
                    .map_or(Secrecy::Open, |secrecy| secrecy.at(&path[2..]).clone()),
                _ if any() => Secrecy::Whole,
                _ => Secrecy::Open,
            },
            Node::List(_) if any() => Secrecy::Whole,
            Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) | Node::List(_) => Secrecy::Open,
        }
    }
}

/// Judges `with` of an include against the parameters of the file, and says which of them hold secrets.
pub fn judge(names: &Names<'_, '_>, node: usize, part: &Part, report: &mut Report) -> Given {
    let step = names.step(node);
    let site = Site { takes_secret: true, ..Site::step(node) };
    names.judge_tree(&step.with, &site, report);
    let mut given = Given::default();
    for entry in step.with.entries() {
        secrets::in_clear(names, &entry.value, &entry.key.text, report);
        let Some(spec) = part.book.params.get(&entry.key.text) else {
            let message = format!("`{}` has no parameter `{}`", part.key, entry.key.text);
            let known: Vec<&str> = part.book.params.keys().map(String::as_str).collect();
            let help = match known.is_empty() {
                true => "the file has no `params`".into(),
                false => nearest(&entry.key.text, known),
            };
            report.error_help(codes::PARAM_UNKNOWN, entry.key.span, message, help);
            continue;
        };
        if !entry.value.is_null() {
            fits(names, entry, spec, &site, report);
            given.secrecy.insert(entry.key.text.clone(), names.secrecy(&entry.value, &site, 0));
        }
    }
    let absent = |name: &str| step.with.get(name).is_none_or(Tree::is_null);
    for (name, _) in part.book.params.iter().filter(|(name, spec)| spec.default.is_none() && absent(name)) {
        let message = format!("`{}` needs the parameter `{name}`", part.key);
        report.error_help(codes::PARAM_MISSING, step.kind_span, message, format!("add `{name}:` under `with:`"));
    }
    given
}

/// What is written out is judged whole, a template by its type; the run judges what only it knows.
fn fits(names: &Names<'_, '_>, entry: &Entry, spec: &ParamSpec, site: &Site, report: &mut Report) {
    let (name, span) = (&entry.key.text, super::places::of_value(&entry.value, Some(&entry.key)));
    let wrong = |report: &mut Report, what: &str| {
        let message = format!("the parameter `{name}` does not fit: it is {what}");
        report.error_help(codes::PARAM_TYPE, span, message, format!("its type is `{}`", spec.kind.word()));
    };
    let wanted = types::of_param(spec.kind);
    let whole = |tree: &Tree| tree.references().is_empty();
    match &entry.value.node {
        Node::Template(template) => {
            let found = template.single().map_or(Type::Text, |expr| names.infer(expr, site, &mut |_, _| {}));
            if !found.fits(wanted) {
                wrong(report, found.what());
            }
        }
        Node::Map(_) if !whole(&entry.value) && wanted != Type::Map => wrong(report, "a map"),
        Node::List(_) if !whole(&entry.value) && wanted != Type::List => wrong(report, "a list"),
        _ if !whole(&entry.value) || (wanted == Type::Timestamp && entry.value.as_text() == Some("now")) => {}
        _ => {
            if let Err(misfit) = fit(&entry.value.written(), spec) {
                let message = format!("the parameter `{name}` does not fit: {}", misfit.message);
                report.error_help(misfit.code, span, message, misfit.help);
            }
        }
    }
}

/// `outputs` of an included file or of a block.
pub fn outputs(names: &Names<'_, '_>, report: &mut Report) {
    for tree in names.body.outputs.values() {
        names.judge_tree(tree, &Site::outputs(), report);
    }
}

/// The outputs of an include, by name; what they are is known when the file has ended.
pub fn shape(book: Option<&Runbook>) -> Shape {
    let Some(book) = book else { return Shape::Open };
    // A value of any type: a connection is what may be text or a map, and nothing is said against it.
    Shape::Closed(book.outputs.keys().map(|name| (name.clone(), OutputType::Connection)).collect())
}

/// What others may read of a `try`: what each of its ways puts out.
pub fn shape_of_ways(ways: Option<&Runbook>, catalog: &dyn Catalog) -> Shape {
    let shapes = ways.into_iter().flat_map(|ways| ways.steps.iter().zip(put_out(ways, catalog).1));
    shapes.filter(|(way, _)| way.mends.is_none()).map(|(_, shape)| shape).reduce(Shape::common).unwrap_or(Shape::Open)
}

/// Whether a step of a file or a block changes the world.
pub fn changes(catalog: &dyn Catalog, inside: &Runbook) -> bool {
    changes_beside(catalog, inside, &mut HashSet::new())
}

/// `seen` are files that were looked at: they may be included many times.
fn changes_beside(catalog: &dyn Catalog, book: &Runbook, seen: &mut HashSet<*const Runbook>) -> bool {
    seen.insert(std::ptr::from_ref(book))
        && book.steps.iter().any(|step| match step.inside() {
            Some(inner) => changes_beside(catalog, inner, seen),
            None => {
                let value = step.with.written();
                catalog.kind(&step.kind).is_some_and(|kind| kind.changes(&Late { value: &value }))
            }
        })
}
