//! Secrets where they must not be: in clear text, in URLs, in fields that would show them.

use std::sync::LazyLock;

use super::names::Names;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::params::url_with_password;
use crate::runbook::read::is_secret_name;
use crate::runbook::source::Span;
use crate::runbook::tree::{Name, Node, Tree};

/// URLs with a password, anywhere in the file.
pub fn urls(tree: &Tree, report: &mut Report) {
    let mut found = Vec::new();
    tree.walk(None, &mut |key, inner| {
        if let Some(url) = inner.as_text().and_then(without_password) {
            found.push((key.cloned(), inner.span, url));
        }
    });
    for (key, span, url) in found {
        let key = key.map_or_else(String::new, |key: Name| format!("{}: ", key.text));
        let help = match url.starts_with("http") {
            // What calls by HTTP takes no connection.
            true => "leave it out; what calls a web server takes secrets in `headers`".into(),
            false => format!("write `{key}{{ url: \"{url}\", password: \"{{{{ secrets.NAME }}}}\" }}`"),
        };
        report.error_help(codes::URL_PASSWORD, span, "a URL holds a password", help);
    }
}

/// The URL without its password, with templates standing for any text.
pub fn without_password(text: &str) -> Option<String> {
    static TAG: LazyLock<Option<regex::Regex>> = LazyLock::new(|| regex::Regex::new(r"\{\{.*?\}\}").ok());
    if !text.contains("://") {
        return None;
    }
    url_with_password(&TAG.as_ref()?.replace_all(text, "…"))
}

pub fn misplaced(span: Span, name: &str, report: &mut Report) {
    let message = format!("`{name}` is a secret, and this field would show it");
    report.error_help(codes::SECRET_MISPLACED, span, message, MISPLACED_HELP);
}

pub const MISPLACED_HELP: &str =
    "secrets are taken only by fields such as `password`, `env`, `stdin`, `headers` and `body`";

/// Clear text under a key that names a secret. `name` is the key of the whole.
pub fn in_clear(names: &Names<'_, '_>, tree: &Tree, name: &str, report: &mut Report) {
    let whole = Name { text: name.into(), span: tree.span };
    let mut found = Vec::new();
    tree.walk(Some(&whole), &mut |key, inner| {
        let Some(key) = key.filter(|key| is_secret_name(&key.text)) else { return };
        let clear = match &inner.node {
            Node::Text(text) => !text.is_empty(),
            Node::Number(_) => true,
            // A parameter is written to the journal as it is, unless an include was given a secret in it.
            Node::Template(template) => {
                let open =
                    |path: &[String]| path[0] == "params" && names.given.is_none_or(|given| given.is_open(&path[1..]));
                template.references().iter().all(|reference| open(&reference.path))
            }
            Node::Null | Node::Bool(_) | Node::List(_) | Node::Map(_) => false,
        };
        if clear {
            found.push((key.text.clone(), inner.span));
        }
    });
    for (key, span) in found {
        let message = format!("`{key}` stands in clear text");
        let help = format!("declare it under `secrets:` and write `{key}: \"{{{{ secrets.NAME }}}}\"`");
        report.error_help(codes::SECRET_IN_CLEAR, span, message, help);
    }
}
