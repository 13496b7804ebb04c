//! Computes expressions. Strict: what is not there is a fault, except as the first argument of `default` and `exists`.

use serde_json::Value;

use super::helpers::Special;
use super::open::{SECRET, holds_secret, placeholder, sealed_above};
use super::{Expr, Piece, Template};
use crate::model::Fault;
use crate::runbook::codes;

/// Where names get their values from. A template asks only for the names it holds.
pub trait Scope {
    /// The value at a path such as `["steps", "copy", "outputs", "rows"]`; `None` if there is none.
    fn get(&self, path: &[&str]) -> Option<Value>;

    /// Where it is, if names mean something else elsewhere: a placeholder that is made here says so.
    fn place(&self) -> Option<String> {
        None
    }

    /// Why there is none where it was to be put out, if more can be said than that.
    fn lacks(&self, _path: &[&str]) -> Option<Fault> {
        None
    }

    /// Whether parameters are handed in by the runbook itself, so that a secret in one is its author's.
    fn is_handed_in(&self) -> bool {
        false
    }

    /// The scope at a place; `None`: this one.
    fn at(&self, _: Option<&str>) -> Option<Box<dyn Scope + '_>> {
        None
    }
}

/// A JSON value is a scope: tests and tools.
impl Scope for Value {
    fn get(&self, path: &[&str]) -> Option<Value> {
        dig(self, path).cloned()
    }
}

/// What stands at `path` inside a value; list items are named by their index.
pub fn dig<'a>(value: &'a Value, path: &[&str]) -> Option<&'a Value> {
    path.iter().try_fold(value, |value, key| match value {
        Value::Object(map) => map.get(*key),
        Value::Array(list) => list.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// What a value may take at most: as much as a whole runbook. Variables that use one another twice grow without end.
pub const LARGEST: usize = 8 << 20;

/// About what a value takes.
fn weigh(value: &Value) -> usize {
    const ONE: usize = 16;
    ONE + match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(list) => list.iter().map(weigh).sum(),
        Value::Object(map) => map.iter().map(|(key, inner)| key.len() + weigh(inner)).sum(),
    }
}

/// Takes what `value` weighs off the room that is left.
pub(in crate::runbook) fn take_room(room: &mut usize, value: &Value) -> Result<(), Fault> {
    *room = room.checked_sub(weigh(value)).ok_or_else(|| {
        Fault::new(codes::TEMPLATE_LIMIT, format!("what templates make here is larger than {} MiB", LARGEST >> 20))
            .hint("values hold names and settings; put data into files and name them")
    })?;
    Ok(())
}

/// One evaluation.
pub(super) struct Cx<'a> {
    scope: &'a dyn Scope,
    /// Whether secrets may be read: only while placeholders are opened.
    opening: bool,
    /// A secret was among the operands.
    pub(super) secret: bool,
}

impl<'a> Cx<'a> {
    pub(super) fn new(scope: &'a dyn Scope) -> Self {
        Self { scope, opening: false, secret: false }
    }

    pub(super) fn opening(scope: &'a dyn Scope) -> Self {
        Self { scope, opening: true, secret: false }
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Result<Value, Fault> {
        let value = match expr {
            Expr::Literal(value) => value.clone(),
            Expr::Path(path) => self.path(path)?,
            Expr::Call(helper, args) => return self.call(helper, args),
        };
        Ok(value)
    }

    fn path(&mut self, path: &[String]) -> Result<Value, Fault> {
        if path[0] == "secrets" && !self.opening {
            self.secret = true;
            return Ok(Value::String(String::new()));
        }
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let Some(value) = self.scope.get(&names) else {
            if !self.opening && sealed_above(self.scope, &names).is_some() {
                self.secret = true;
                return Ok(Value::String(String::new()));
            }
            return Err(self.scope.lacks(&names).unwrap_or_else(|| missing(&path.join("."))));
        };
        if holds_secret(&value) {
            trusted(path, &value, self.scope.is_handed_in())?;
            self.secret = true;
        }
        Ok(value)
    }

    fn call(&mut self, helper: &'static super::Helper, args: &[Expr]) -> Result<Value, Fault> {
        match helper.special {
            Some(Special::Default) => match self.eval(&args[0]) {
                Ok(Value::Null) => self.eval(&args[1]),
                Err(fault) if fault.code == codes::MISSING_VALUE => self.eval(&args[1]),
                other => other,
            },
            Some(Special::Exists) => match self.eval(&args[0]) {
                Ok(value) => Ok(Value::Bool(!value.is_null())),
                Err(fault) if fault.code == codes::MISSING_VALUE => Ok(Value::Bool(false)),
                Err(fault) => Err(fault),
            },
            Some(Special::And) => self.all(helper, args, true),
            Some(Special::Or) => self.all(helper, args, false),
            None => {
                let mut room = LARGEST;
                let mut values = Vec::with_capacity(args.len());
                for arg in args {
                    let value = self.eval(arg)?;
                    take_room(&mut room, &value)?;
                    values.push(value);
                }
                if self.secret && !self.opening {
                    // Nothing is computed from what is not at hand; the placeholder stands for the result.
                    return Ok(Value::String(String::new()));
                }
                helper.run(&values)
            }
        }
    }

    /// `and` while `going` is true, `or` while it is false: stops at the first that decides.
    fn all(&mut self, helper: &super::Helper, args: &[Expr], going: bool) -> Result<Value, Fault> {
        for arg in args {
            match self.eval(arg)? {
                Value::Bool(yes) if yes == going => {}
                Value::Bool(yes) => return Ok(Value::Bool(yes)),
                other => return Err(helper.wrong(&other, "true or false")),
            }
        }
        Ok(Value::Bool(going))
    }
}

fn missing(dotted: &str) -> Fault {
    Fault::new(codes::MISSING_VALUE, format!("`{dotted}` has no value"))
        .hint(format!("where it may be missing, write `(default {dotted} …)`"))
}

/// Outputs come from outside: a placeholder among them that asks for one of our secrets is not ours.
/// What an included file is given was rendered by this very rule.
fn trusted(path: &[String], value: &Value, included: bool) -> Result<(), Fault> {
    let forged = match path[0].as_str() {
        "vars" => false,
        "params" => !included,
        "steps" | "self" | "hold" => ["secrets.", "vars.", "params."].iter().any(|root| value_mentions(value, root)),
        _ => true,
    };
    if !forged {
        return Ok(());
    }
    let message = format!("`{}` holds the key `{SECRET}`, which belongs to regrow", path.join("."));
    Err(Fault::new(codes::RESERVED_KEY, message))
}

fn value_mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::Object(map) => map.iter().any(|(key, inner)| {
            (key == SECRET && inner.as_str().is_none_or(|text| text.contains(word))) || value_mentions(inner, word)
        }),
        Value::Array(list) => list.iter().any(|inner| value_mentions(inner, word)),
        _ => false,
    }
}

impl Template {
    /// The value. Exactly one expression keeps its type; a text with a secret in it becomes a placeholder as a whole.
    pub fn render(&self, scope: &dyn Scope) -> Result<Value, Fault> {
        let mut cx = Cx::new(scope);
        let value = self.compute(&mut cx)?;
        // One bare name passes on what stands there, placeholders included: `target: "{{ vars.live }}"`.
        let passes_on = self.single_path().is_some() && holds_secret(&value);
        if cx.secret && !passes_on {
            return Ok(placeholder(&self.text, scope.place().as_deref()));
        }
        Ok(value)
    }

    /// For people, before all of it is known: names that cannot be read yet stay as they are written.
    pub fn render_known(&self, scope: &dyn Scope) -> String {
        let mut cx = Cx::new(scope);
        let mut text = String::with_capacity(self.text.len());
        for piece in &self.parts {
            match piece {
                Piece::Raw(raw) => text.push_str(raw),
                Piece::Expr(expr, _) => match (cx.eval(expr).ok().as_ref().and_then(scalar), expr) {
                    (Some(value), _) if !cx.secret => text.push_str(&value),
                    (None, Expr::Path(path)) => text.push_str(&format!("{{{{ {} }}}}", path.join("."))),
                    _ => return self.text.clone(),
                },
            }
        }
        text
    }

    pub(super) fn compute(&self, cx: &mut Cx<'_>) -> Result<Value, Fault> {
        if let Some(expr) = self.single() {
            return cx.eval(expr);
        }
        let mut text = String::with_capacity(self.text.len());
        let mut room = LARGEST;
        for piece in &self.parts {
            match piece {
                Piece::Raw(raw) => text.push_str(raw),
                Piece::Expr(expr, _) => {
                    let value = cx.eval(expr)?;
                    take_room(&mut room, &value)?;
                    if cx.secret && !cx.opening {
                        continue;
                    }
                    text.push_str(&scalar(&value).ok_or_else(|| not_text(&self.text, &value))?);
                }
            }
        }
        Ok(Value::String(text))
    }
}

/// A scalar as text; nothing for lists, maps and null.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn not_text(template: &str, value: &Value) -> Fault {
    let (what, hint) = match value {
        Value::Array(_) => ("a list", "write `{{ json … }}` to put it into a text, or `{{ join … \", \" }}`"),
        Value::Object(_) => ("a map", "write `{{ json … }}` to put it into a text, or name one of its fields"),
        _ => ("nothing", "write `{{ default … \"…\" }}` where it may be empty"),
    };
    Fault::new(codes::NOT_TEXT, format!("`{template}` puts {what} into a text")).hint(hint)
}
