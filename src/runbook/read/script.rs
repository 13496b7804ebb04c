//! Scripts of `run` and `command`: values never enter shell text.

use super::scalars;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::source::Span;
use crate::runbook::tree::{Entry, Name, Node, Tree};

/// Puts the text of `run: |` into `with.script`. False if that cannot be.
pub fn add(with: &mut Tree, run: Entry, report: &mut Report) -> bool {
    for key in ["script", "command"] {
        if let Some(entry) = with.entries().iter().find(|entry| entry.key.text == key) {
            report.error_help(
                codes::ONE_OF,
                entry.key.span,
                format!("`run` and `with.{key}` exclude one another"),
                "take one of the two away",
            );
            return false;
        }
    }
    if run.value.as_text().is_none() {
        let help = match run.value.node {
            Node::List(_) => "for a program with arguments write `uses: run` and `with: { command: [ … ] }`",
            _ => "write `run: |` and the lines of the script below it",
        };
        let at = scalars::place(&run.value, Some(&run.key));
        report.error_help(codes::WRONG_TYPE, at, format!("`run` has to be text, not {}", run.value.what()), help);
        return false;
    }
    if let Node::Map(entries) = &mut with.node {
        let key = Name { text: "script".into(), span: run.key.span };
        entries.insert(0, Entry { key, value: run.value });
    }
    true
}

/// Makes the script plain text: a template in it is an error, escaped braces (`\{{`) are braces.
pub fn settle(script: &mut Entry, report: &mut Report) {
    let Node::Text(text) = &mut script.value.node else { return };
    let open = text.match_indices("{{").map(|(at, _)| at).find(|at| !text[..*at].ends_with('\\'));
    match open {
        Some(at) => forbidden(text, at, script.value.span, report),
        None => *text = text.replace("\\{{", "{{"),
    }
}

fn forbidden(text: &str, at: usize, span: Span, report: &mut Report) {
    let inner = text[at..].trim_start_matches(['{', '~', ' ']);
    let word: String = inner.chars().take_while(|c| c.is_alphanumeric() || "._-".contains(*c)).collect();
    let name = word.rsplit('.').next().unwrap_or_default().replace('-', "_").to_uppercase();
    let name = if name.is_empty() { "VALUE".into() } else { name };
    let help = format!(
        "hand the value over: `with: {{ env: {{ {name}: \"{{{{ {word} }}}}\" }} }}`, and write `\"${name}\"` in the script \
         (braces that are meant as text: `\\{{{{`)"
    );
    let nth = text[..at].matches("{{").count();
    let tag = tag(report.source.slice(span), nth).map_or(span, |tag| Span::new(span.offset + tag.offset, tag.len));
    report.error_help(codes::TEMPLATE_IN_SCRIPT, tag, "a template stands in a shell script", help);
}

/// The nth `{{ … }}` of a raw text.
fn tag(raw: &str, nth: usize) -> Option<Span> {
    let (start, _) = raw.match_indices("{{").nth(nth)?;
    Some(Span::new(start, raw[start..].find("}}").map_or(2, |end| end + 2)))
}
