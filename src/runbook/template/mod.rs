//! Templates and conditions: Handlebars text, evaluated by our own strict rules.
//!
//! Handlebars parses; [`compile`] turns its tree into an [`Expr`], refusing what values have no use for (blocks,
//! partials, decorators); [`eval`] computes it. We evaluate ourselves rather than render, because a value that is exactly
//! one expression keeps its JSON type, a missing name is an error wherever it stands, and `default` alone may see one.
//!
//! **Secrets.** Text that holds a secret never becomes a value that could be written down: it renders to the placeholder
//! `{"$secret": "<the template>"}`, and [`open`] computes the real text for the one call that needs it.

mod compile;
mod condition;
mod eval;
mod helpers;
mod lists;
mod open;
#[cfg(test)]
mod tests;
mod types;

use serde_json::Value;

use super::source::Span;
use super::tree::Node;

pub use compile::Flaw;
pub use condition::Condition;
pub(super) use eval::take_room;
pub use eval::{LARGEST, Scope, dig};
pub use helpers::{Helper, names as helper_names};
pub use open::{SECRET, Secrets, holds_secret, open, sealed_name};
pub use types::{Type, infer};

pub(crate) use helpers::order;

/// A text with at least one expression in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// As it is written.
    pub text: String,
    parts: Vec<Piece>,
    references: Vec<Reference>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Raw(String),
    /// With the `{{ … }}` it stands in.
    Expr(Expr, Span),
}

/// One expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Literal(Value),
    Path(Vec<String>),
    Call(&'static Helper, Vec<Expr>),
}

/// A name that a template reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// `["steps", "copy", "outputs", "rows"]`
    pub path: Vec<String>,
    /// Stands inside `(default …)` or `(exists …)`: may be missing.
    pub optional: bool,
    /// Stands inside `(and …)` or `(or …)`, which may be worked out without it.
    pub lazy: bool,
    /// The `{{ … }}` it stands in.
    pub span: Span,
}

impl Reference {
    pub fn root(&self) -> &str {
        &self.path[0]
    }

    pub fn dotted(&self) -> String {
        self.path.join(".")
    }
}

impl Template {
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    /// The expression, if the text is exactly one.
    pub fn single(&self) -> Option<&Expr> {
        match self.parts.as_slice() {
            [Piece::Expr(expr, _)] => Some(expr),
            _ => None,
        }
    }

    /// The path, if the text is exactly one name.
    pub fn single_path(&self) -> Option<&[String]> {
        match self.single() {
            Some(Expr::Path(path)) => Some(path),
            _ => None,
        }
    }

    /// Every expression with the `{{ … }}` it stands in.
    pub fn expressions(&self) -> impl Iterator<Item = (&Expr, Span)> {
        self.parts.iter().filter_map(|piece| match piece {
            Piece::Expr(expr, span) => Some((expr, *span)),
            Piece::Raw(_) => None,
        })
    }

    /// The text with every expression replaced by `by`.
    pub fn masked(&self, by: &str) -> String {
        let pieces = self.parts.iter().map(|piece| match piece {
            Piece::Raw(raw) => raw.as_str(),
            Piece::Expr(..) => by,
        });
        pieces.collect()
    }

    /// Itself, or the plain text that is left where no expression was in it (`\{{`).
    pub(crate) fn into_node(self) -> Node {
        if self.expressions().next().is_some() {
            return Node::Template(Box::new(self));
        }
        Node::Text(self.masked(""))
    }
}

impl Expr {
    /// Calls `visit` for every path, saying whether it may be missing.
    /// Whether it may be worked out without some of what it names.
    pub(crate) fn is_lazy(&self) -> bool {
        match self {
            Expr::Call(helper, args) => matches!(helper.name, "and" | "or") || args.iter().any(Expr::is_lazy),
            Expr::Literal(_) | Expr::Path(_) => false,
        }
    }

    pub(crate) fn paths<'a>(&'a self, optional: bool, visit: &mut dyn FnMut(&'a [String], bool)) {
        match self {
            Expr::Literal(_) => {}
            Expr::Path(path) => visit(path, optional),
            Expr::Call(helper, args) => {
                for (index, arg) in args.iter().enumerate() {
                    arg.paths(optional || (index == 0 && helper.takes_missing()), visit);
                }
            }
        }
    }
}
