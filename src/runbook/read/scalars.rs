//! Single values of the envelope: text, numbers, durations, words of a fixed set.

use std::time::Duration;

use crate::runbook::ast::whole;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::source::Span;
use crate::runbook::template::Condition;
use crate::runbook::tree::{Entry, Name, Node, Tree};
use crate::runbook::{duration, suggest};

/// Where to point at a value: at itself, or at its key if it is a block of several lines.
pub fn place(tree: &Tree, key: Option<&Name>) -> Span {
    let block = matches!(tree.node, Node::List(_) | Node::Map(_) | Node::Null) && tree.span.len == 0;
    match key {
        Some(key) if block => key.span,
        _ => tree.span,
    }
}

pub fn wrong_type(entry: &Entry, wanted: &str, report: &mut Report) {
    wrong(&entry.value, Some(&entry.key), wanted, report);
}

pub fn wrong(tree: &Tree, key: Option<&Name>, wanted: &str, report: &mut Report) {
    let name = key.map_or_else(String::new, |key| format!("`{}` ", key.text));
    let message = format!("{name}has to be {wanted}, not {}", tree.what());
    let at = place(tree, key);
    match (&tree.node, wanted.starts_with("text")) {
        (Node::Number(_) | Node::Bool(_), true) => {
            let help = format!("quote it: `\"{}\"`", report.source.slice(tree.span));
            report.error_help(codes::WRONG_TYPE, at, message, help);
        }
        _ => match key.and_then(|key| instead(tree, &key.text, wanted)) {
            Some(help) => report.error_help(codes::WRONG_TYPE, at, message, help),
            None => report.error_help(codes::WRONG_TYPE, at, message, format!("write {wanted}")),
        },
    }
}

/// How it is written, where that is plain to see.
fn instead(tree: &Tree, key: &str, wanted: &str) -> Option<String> {
    match (&tree.node, key, wanted) {
        (Node::Map(_), "steps" | "finally", "a list") => Some("begin each step with `- id: NAME`".to_owned()),
        (Node::Text(that), "require", _) => {
            Some(format!("write `require: [{{ that: {that}, otherwise: \"why it cannot begin\" }}]`"))
        }
        (Node::Text(text), _, wanted) if wanted.starts_with("a list: the program") => {
            Some(format!("write `{key}: [{}]`", text.split_whitespace().collect::<Vec<_>>().join(", ")))
        }
        (Node::Text(text), _, "a list") => Some(format!("write `{key}: [{text}]`")),
        _ => None,
    }
}

/// Text without templates.
pub fn text(entry: &Entry, report: &mut Report) -> Option<String> {
    plain(&entry.value, Some(&entry.key), report)
}

pub fn plain(tree: &Tree, key: Option<&Name>, report: &mut Report) -> Option<String> {
    let Some(text) = tree.as_text() else {
        wrong(tree, key, "text", report);
        return None;
    };
    if text.contains("{{") {
        forbidden(tree, key, report);
        return None;
    }
    Some(text.to_string())
}

pub fn forbidden(tree: &Tree, key: Option<&Name>, report: &mut Report) {
    let name = key.map_or_else(|| "this value".to_string(), |key| format!("`{}`", key.text));
    let raw = report.source.slice(tree.span);
    let at = raw.find("{{").map_or(tree.span, |at| {
        let len = raw[at..].find("}}").map_or(raw.len() - at, |end| end + 2);
        Span::new(tree.span.offset + at, len)
    });
    let help = "templates stand in `name`, `instructions`, `with`, `verify`, `estimate`, `not_before`, `undo` and `creates` of `run`, `vars` and messages";
    report.error_help(codes::TEMPLATE_FORBIDDEN, at, format!("{name} takes no template"), help);
}

/// A value that may hold templates, compiled.
pub fn templated(mut entry: Entry, report: &mut Report) -> Tree {
    entry.value.compile(report);
    entry.value
}

/// Text that may hold templates, compiled.
pub fn templated_text(entry: Entry, report: &mut Report) -> Option<Tree> {
    if entry.value.as_text().is_none() {
        wrong_type(&entry, "text", report);
        return None;
    }
    Some(templated(entry, report))
}

pub fn boolean(entry: &Entry, report: &mut Report) -> Option<bool> {
    match &entry.value.node {
        Node::Bool(yes) => Some(*yes),
        Node::Text(text) if text.contains("{{") => {
            forbidden(&entry.value, Some(&entry.key), report);
            None
        }
        _ => {
            wrong_type(entry, "`true` or `false`", report);
            None
        }
    }
}

/// A whole number from `least` on.
pub fn integer(entry: &Entry, least: u32, report: &mut Report) -> Option<u32> {
    within(entry, least, 1_000_000, report)
}

/// A whole number within limits.
pub fn within(entry: &Entry, least: u32, most: u32, report: &mut Report) -> Option<u32> {
    let Node::Number(number) = &entry.value.node else {
        wrong_type(entry, "a whole number", report);
        return None;
    };
    match whole(number).and_then(|n| u32::try_from(n).ok()).filter(|n| (least..=most).contains(n)) {
        Some(number) => Some(number),
        None => {
            let message = format!("`{}` has to be a whole number from {least} to {most}, not {number}", entry.key.text);
            let help = format!("write a number from {least} to {most}");
            report.error_help(codes::OUT_OF_RANGE, entry.value.span, message, help);
            None
        }
    }
}

/// A duration longer than nothing.
pub fn duration(entry: &Entry, report: &mut Report) -> Option<Duration> {
    let read = duration_or_zero(entry, report)?;
    if read.is_zero() {
        let message = format!("`{}` has to be longer than 0", entry.key.text);
        let help = "leave it away for no limit".to_string();
        report.error_help(codes::OUT_OF_RANGE, entry.value.span, message, help);
        return None;
    }
    Some(read)
}

pub fn duration_or_zero(entry: &Entry, report: &mut Report) -> Option<Duration> {
    let text = match &entry.value.node {
        Node::Number(number) if number.as_f64() == Some(0.0) => return Some(Duration::ZERO),
        Node::Number(number) => {
            let message = format!("`{}` has no unit: {number}", entry.key.text);
            report.error_help(codes::BAD_DURATION, entry.value.span, message, duration::DURATION_HELP);
            return None;
        }
        _ => text(entry, report)?,
    };
    match duration::parse(&text) {
        Ok(read) => Some(read),
        Err(message) => {
            report.error_help(codes::BAD_DURATION, entry.value.span, message, duration::DURATION_HELP);
            None
        }
    }
}

/// The items of a list. `None`, and a problem, if it is something else.
pub fn list(entry: Entry, report: &mut Report) -> Option<Vec<Tree>> {
    match entry.value.node {
        Node::List(items) => Some(items),
        _ => {
            wrong_type(&entry, "a list", report);
            None
        }
    }
}

/// A list of plain texts; one text alone stands for a list of one.
pub fn names(entry: Entry, report: &mut Report) -> Vec<Name> {
    let key = entry.key.clone();
    let items = match entry.value.node {
        Node::Text(_) => vec![entry.value],
        _ => list(entry, report).unwrap_or_default(),
    };
    let read = items.into_iter().filter_map(|item| {
        let span = item.span;
        plain(&item, Some(&key), report).map(|text| Name { text, span })
    });
    read.collect()
}

/// One word of a fixed set.
pub fn word<T: Copy>(tree: &Tree, key: &Name, known: &[(&'static str, T)], report: &mut Report) -> Option<T> {
    let text = plain(tree, Some(key), report)?;
    let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    if found.is_none() {
        let message = format!("`{}` cannot be `{text}`", key.text);
        let words: Vec<&str> = known.iter().map(|(word, _)| *word).collect();
        let help = suggest::help(&text, words).unwrap_or_default();
        report.error_help(codes::NOT_ALLOWED, tree.span, message, help);
    }
    found
}

/// One boolean expression.
pub fn condition(entry: &Entry, report: &mut Report) -> Option<Condition> {
    let span = entry.value.span;
    match &entry.value.node {
        Node::Bool(yes) => Some(Condition::literal(*yes, span)),
        Node::Text(text) => match Condition::compile(text, &report.source, span) {
            Ok(condition) => Some(condition),
            Err(flaw) => {
                let problem = flaw.problem(&report.source, span);
                report.problems.push(problem);
                None
            }
        },
        _ => {
            wrong_type(entry, "one expression of the value true or false", report);
            None
        }
    }
}

/// An argv: a list of texts, not empty, compiled where templates are allowed.
pub fn argv(entry: Entry, report: &mut Report) -> Option<Tree> {
    let Node::List(items) = &entry.value.node else {
        wrong_type(&entry, "a list: the program and its arguments", report);
        return None;
    };
    if items.is_empty() {
        let message = format!("`{}` names no program", entry.key.text);
        let help = format!("write the program and its arguments: `{}: [program, argument]`", entry.key.text);
        report.error_help(codes::MISSING_FIELD, place(&entry.value, Some(&entry.key)), message, help);
        return None;
    }
    let mut good = true;
    for item in items.iter().filter(|item| item.as_text().is_none()) {
        wrong(item, Some(&entry.key), "text in each item", report);
        good = false;
    }
    good.then(|| templated(entry, report))
}
