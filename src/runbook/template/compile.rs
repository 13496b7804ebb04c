//! Text to [`Expr`], and the place of every tag in the file.

use std::sync::Arc;

use handlebars::Template as Parsed;
use handlebars::template::{HelperTemplate, Parameter, TemplateElement};
use serde_json::Value;

use super::helpers::{self, Helper};
use super::{Expr, Piece, Reference, Template};
use crate::runbook::codes;
use crate::runbook::diagnostic::Problem;
use crate::runbook::source::{Source, Span};
use crate::runbook::suggest;

/// Longer texts are data, not templates; Handlebars' time grows with the square of the length in bad cases.
const MAX_TEXT: usize = 64 << 10;
/// Parentheses in one another: the parser recurses.
const MAX_NESTING: usize = 32;

/// What is wrong with a template, before its place in a file is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Flaw {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    /// Byte in the text.
    pub at: usize,
    text: String,
}

type Result<T> = std::result::Result<T, Box<Flaw>>;

impl Flaw {
    pub(super) fn new(code: &'static str, message: impl Into<String>, help: impl Into<Option<String>>) -> Box<Self> {
        Box::new(Self { code, message: message.into(), help: help.into(), at: 0, text: String::new() })
    }

    fn at(mut self: Box<Self>, at: usize) -> Box<Self> {
        self.at = at;
        self
    }

    /// As a problem, at the tag inside the scalar that stands at `scalar`.
    pub fn problem(&self, source: &Arc<Source>, scalar: Span) -> Problem {
        let span = tag_span(source, scalar, &self.text, self.at);
        let problem = Problem::at(source, self.code, span, &self.message);
        match &self.help {
            Some(help) => problem.help(help),
            None => problem,
        }
    }
}

impl Template {
    /// Compiles a text; `place` is the scalar it was read from.
    pub fn compile(text: &str, place: Option<(&Arc<Source>, Span)>) -> Result<Self> {
        let compiled = compile(text).map_err(|mut flaw| {
            flaw.text = text.to_string();
            flaw
        })?;
        let mut references = Vec::new();
        let mut parts = Vec::with_capacity(compiled.len());
        for (mut piece, at) in compiled {
            if let Piece::Expr(expr, span) = &mut piece {
                *span = place.map_or_else(Span::default, |(source, scalar)| tag_span(source, scalar, text, at));
                let span = *span;
                expr.paths(false, &mut |path, optional| {
                    references.push(Reference { path: path.to_vec(), optional, lazy: expr.is_lazy(), span });
                });
            }
            parts.push(piece);
        }
        Ok(Self { text: text.to_string(), parts, references })
    }
}

fn compile(text: &str) -> Result<Vec<(Piece, usize)>> {
    refuse_early(text)?;
    let parsed = Parsed::compile(text).map_err(|error| {
        let at = error.pos().map_or(0, |(line, column)| offset(text, line, column));
        syntax(text, open_before(text, at))
    })?;
    let mut pieces = Vec::with_capacity(parsed.elements.len());
    for (element, place) in parsed.elements.iter().zip(&parsed.mapping) {
        let at = offset(text, place.0, place.1);
        match element {
            TemplateElement::RawString(raw) => pieces.push((Piece::Raw(raw.clone()), at)),
            TemplateElement::Expression(tag) | TemplateElement::HtmlExpression(tag) => {
                let expr = expression(tag).map_err(|flaw| flaw.at(at))?;
                pieces.push((Piece::Expr(expr, Span::default()), at));
            }
            TemplateElement::Comment(_) => {}
            _ => return Err(block().at(at)),
        }
    }
    Ok(pieces)
}

fn syntax(text: &str, at: usize) -> Box<Flaw> {
    let tag = &text[at..];
    let help = if !tag.contains("}}") {
        "the `{{` that opens here has no `}}`"
    } else if tag.starts_with("{{\"") || tag.starts_with("{{ \"") {
        "a text needs no template around it"
    } else {
        "an expression is a name, `params.table`, or a helper with arguments, `upper params.table`; an argument that is \
         itself a helper stands in parentheses"
    };
    Flaw::new(codes::TEMPLATE_SYNTAX, "the template cannot be read", help.to_string()).at(at)
}

fn block() -> Box<Flaw> {
    let help =
        "a value is one expression, or text with expressions in it; for a choice use `default`, or a step with `if`";
    Flaw::new(codes::TEMPLATE_BLOCK, "blocks, partials and decorators have no place in a value", help.to_string())
}

/// What must not reach the parser: too much text, too much nesting, blocks (which nest without parentheses).
fn refuse_early(text: &str) -> Result<()> {
    if text.len() > MAX_TEXT {
        let message = format!("a text with templates has at most {} KiB", MAX_TEXT >> 10);
        return Err(Flaw::new(codes::TEMPLATE_LIMIT, message, None));
    }
    let mut rest = 0;
    while let Some(found) = text[rest..].find("{{") {
        let at = rest + found;
        let inner = text[at..].trim_start_matches('{');
        rest = text.len() - inner.len();
        if text[..at].ends_with('\\') {
            continue;
        }
        let inner = inner.trim_start_matches('~').trim_start();
        let word = inner.split(|c: char| c.is_whitespace() || "}~".contains(c)).next().unwrap_or_default();
        if inner.starts_with(['#', '/', '^', '>', '*']) || word == "else" || text[at..].starts_with("{{{{") {
            return Err(block().at(at));
        }
        let end = inner.find("}}").unwrap_or(inner.len());
        if nesting(&inner[..end]) > MAX_NESTING {
            let message = format!("an expression is nested at most {MAX_NESTING} deep");
            return Err(Flaw::new(codes::TEMPLATE_LIMIT, message, None).at(at));
        }
    }
    Ok(())
}

fn nesting(text: &str) -> usize {
    let (mut depth, mut most) = (0usize, 0);
    for c in text.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

fn expression(tag: &HelperTemplate) -> Result<Expr> {
    if let Some(key) = tag.hash.keys().min() {
        let message = format!("helpers take no named arguments such as `{key}=`");
        return Err(Flaw::new(codes::ARGUMENT_COUNT, message, "write the arguments one after the other".to_string()));
    }
    if tag.params.is_empty() {
        return parameter(&tag.name);
    }
    let Some(name) = tag.name.as_name() else { return Err(block()) };
    let Some(helper) = helpers::find(name) else { return Err(unknown_helper(name)) };
    let args = tag.params.iter().map(parameter).collect::<Result<Vec<_>>>()?;
    call(helper, args)
}

fn call(helper: &'static Helper, args: Vec<Expr>) -> Result<Expr> {
    helper
        .check_count(args.len())
        .map_err(|message| Flaw::new(codes::ARGUMENT_COUNT, message, format!("use it as `{}`", helper.usage)))?;
    if helper.name == "exists" && !matches!(args[0], Expr::Path(_)) {
        let message = "`exists` asks for a name, not for a value";
        return Err(Flaw::new(codes::ARGUMENT_TYPE, message, format!("use it as `{}`", helper.usage)));
    }
    Ok(Expr::Call(helper, args))
}

fn unknown_helper(name: &str) -> Box<Flaw> {
    let help = suggest::help(name, helpers::names());
    Flaw::new(codes::UNKNOWN_HELPER, format!("there is no helper `{name}`"), help)
}

fn parameter(parameter: &Parameter) -> Result<Expr> {
    use handlebars::Path;
    use handlebars::template::Parameter as P;
    match parameter {
        P::Literal(value) => Ok(Expr::Literal(value.clone())),
        P::Subexpression(inner) => match inner.as_element() {
            TemplateElement::Expression(tag) => expression(tag),
            _ => Err(block()),
        },
        P::Name(name) => path(name, vec![name.clone()]),
        P::Path(Path::Relative((segments, raw))) => {
            let names = segments.iter().map(|segment| match segment {
                handlebars::PathSeg::Named(name) => Ok(name.clone()),
                _ => Err(relative(raw)),
            });
            path(raw, names.collect::<Result<_>>()?)
        }
        P::Path(Path::Local((_, _, raw))) => Err(relative(raw)),
        _ => Err(block()),
    }
}

fn relative(raw: &str) -> Box<Flaw> {
    let message = format!("`{raw}` means nothing here");
    Flaw::new(codes::UNKNOWN_NAME, message, "names begin at the top: `params.x`, `steps.copy.outputs.rows`".to_string())
}

fn path(raw: &str, names: Vec<String>) -> Result<Expr> {
    // Where an expression stands alone Handlebars reads `true` and `5` as names.
    let begins_like_json =
        raw.starts_with(|c: char| c.is_ascii_digit() || c == '-') || matches!(raw, "true" | "false" | "null");
    if begins_like_json && let Ok(value) = serde_json::from_str::<Value>(raw) {
        return Ok(Expr::Literal(value));
    }
    if raw.starts_with("this") && names.first().is_none_or(|name| name != "this")
        || raw.starts_with('.')
        || names.is_empty()
    {
        return Err(relative(raw));
    }
    if let ([name], Some(helper)) = (names.as_slice(), helpers::find(raw)) {
        let message = format!("the helper `{name}` needs arguments");
        return Err(Flaw::new(codes::ARGUMENT_COUNT, message, format!("use it as `{}`", helper.usage)));
    }
    Ok(Expr::Path(names))
}

/// The start of the last tag that opens at or before `at`; the first one if none does.
fn open_before(text: &str, at: usize) -> usize {
    let end = text.len().min(at + 2);
    let before = text.get(..end).unwrap_or(text);
    before.rfind("{{").or_else(|| text.find("{{")).unwrap_or(0)
}

fn offset(text: &str, line: usize, column: usize) -> usize {
    let start = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum::<usize>();
    let rest = text.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at)
}

/// The tag's place in the file. Quoting and folding of YAML never change the number of `{{`, so the tag is found by
/// counting; where the counts differ all the same (an escape spells a brace), the whole scalar is named.
fn tag_span(source: &Source, scalar: Span, text: &str, at: usize) -> Span {
    let raw = source.slice(scalar);
    let nth = text.get(..at).unwrap_or_default().matches("{{").count();
    if raw.matches("{{").count() != text.matches("{{").count() {
        return scalar;
    }
    let Some((start, _)) = raw.match_indices("{{").nth(nth) else { return scalar };
    let len = raw[start..].find("}}").map_or(raw.len() - start, |close| {
        let braces = raw[start + close..].chars().take_while(|c| *c == '}').count().min(3);
        close + braces.max(2)
    });
    Span::new(scalar.offset + start, len)
}
