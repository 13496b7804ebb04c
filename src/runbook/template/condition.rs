//! `if` and `require`: one expression of boolean value, braces optional.

use std::sync::Arc;

use serde_json::Value;

use super::compile::Flaw;
use super::eval::{Cx, Scope};
use super::{Expr, Reference, Template};
use crate::model::Fault;
use crate::runbook::codes;
use crate::runbook::source::{Source, Span};

#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// As it is written.
    pub text: String,
    pub span: Span,
    expr: Expr,
    references: Vec<Reference>,
}

impl Condition {
    /// Compiles the text of the scalar at `span`.
    pub fn compile(text: &str, source: &Arc<Source>, span: Span) -> Result<Self, Box<Flaw>> {
        let braced = text.trim_start().starts_with("{{");
        let template = if braced {
            Template::compile(text.trim(), Some((source, span)))?
        } else {
            Template::compile(&format!("{{{{{}}}}}", text.trim()), None)?
        };
        let Some(expr) = template.single().cloned() else {
            let help = "write `(and … …)` or `(or … …)` around several".to_string();
            return Err(Flaw::new(codes::NOT_BOOLEAN, "a condition is exactly one expression", help));
        };
        let mut references = template.references;
        if !braced {
            references.iter_mut().for_each(|reference| reference.span = span);
        }
        Ok(Self { text: text.to_string(), span, expr, references })
    }

    /// `if: true`, written as a boolean.
    pub fn literal(yes: bool, span: Span) -> Self {
        Self { text: yes.to_string(), span, expr: Expr::Literal(yes.into()), references: Vec::new() }
    }

    /// Written as `false`, whatever the run is given.
    pub fn is_never(&self) -> bool {
        self.expr == Expr::Literal(false.into())
    }

    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    pub fn expr(&self) -> &Expr {
        &self.expr
    }

    pub fn eval(&self, scope: &dyn Scope) -> Result<bool, Fault> {
        let mut cx = Cx::new(scope);
        let value = cx.eval(&self.expr)?;
        if cx.secret {
            let message = format!("the condition `{}` asks for a secret", self.text);
            return Err(Fault::new(codes::SECRET_MISPLACED, message).hint("conditions are written down, secrets never"));
        }
        match value {
            Value::Bool(yes) => Ok(yes),
            other => {
                let message = format!("the condition `{}` is neither true nor false but {other}", self.text);
                Err(Fault::new(codes::NOT_BOOLEAN, message).hint("compare it: `(eq … …)`, or ask `(exists …)`"))
            }
        }
    }
}
