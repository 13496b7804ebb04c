//! A mapping with known keys: unknown ones are reported when it is opened, the rest is taken out one by one.

use super::scalars::place;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys::Keys;
use crate::runbook::source::Span;
use crate::runbook::suggest;
use crate::runbook::tree::{Entry, Name, Node, Tree};

pub struct Fields {
    /// Where the mapping begins: a missing field is reported here.
    pub span: Span,
    of: &'static str,
    entries: Vec<Option<Entry>>,
}

impl Fields {
    /// Opens a mapping. `None`, and a problem, if it is something else. `key` is what it stands under.
    pub fn open(tree: Tree, key: Option<&Name>, keys: &Keys, report: &mut Report) -> Option<Self> {
        let at = place(&tree, key);
        let span = start(&tree);
        let Node::Map(entries) = tree.node else {
            let message = format!("{} has to be a mapping, not {}", keys.of, tree.what());
            let listed = keys.names().take(6).map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ");
            report.error_help(codes::WRONG_TYPE, at, message, format!("it has keys such as {listed}"));
            return None;
        };
        let entries = entries.into_iter().filter(|entry| knows(keys, &entry.key, report)).map(Some).collect();
        Some(Self { span, of: keys.of, entries })
    }

    /// Takes a field out. A key with nothing behind it counts as absent.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let found = self.entries.iter_mut().find(|entry| entry.as_ref().is_some_and(|entry| entry.key.text == key))?;
        found.take().filter(|entry| !entry.value.is_null())
    }

    /// Takes a field out or reports that it is missing.
    pub fn require(&mut self, key: &str, report: &mut Report) -> Option<Entry> {
        let taken = self.take(key);
        if taken.is_none() {
            self.missing(key, report);
        }
        taken
    }

    pub fn missing(&self, key: &str, report: &mut Report) {
        report.error_help(
            codes::MISSING_FIELD,
            self.span,
            format!("{} lacks `{key}`", self.of),
            format!("add `{key}:`"),
        );
    }

    /// The span of a key, if it is there and not yet taken.
    pub fn key_span(&self, key: &str) -> Option<Span> {
        self.entries.iter().flatten().find(|entry| entry.key.text == key).map(|entry| entry.key.span)
    }
}

/// Whether a key may stand here; if not, that is reported.
fn knows(keys: &Keys, key: &Name, report: &mut Report) -> bool {
    if keys.knows(&key.text) {
        return true;
    }
    if keys.later.contains(&key.text.as_str()) {
        let message = format!("`{}` is not in this version", key.text);
        report.error_help(codes::KEY_LATER, key.span, message, "take it away, or write the step out");
        return false;
    }
    let message = format!("unknown key `{}` in {}", key.text, keys.of);
    match suggest::help(&key.text, keys.names()) {
        Some(help) => report.error_help(codes::UNKNOWN_KEY, key.span, message, help),
        None => report.error(codes::UNKNOWN_KEY, key.span, message),
    }
    false
}

/// Where a mapping begins: its first key, or its brace.
pub fn start(tree: &Tree) -> Span {
    match tree.entries().first() {
        Some(first) if tree.span.len == 0 => first.key.span,
        _ => tree.span,
    }
}
