//! `tell` at the top of a runbook.

use super::fields::Fields;
use super::scalars;
use crate::model::told::Matter;
use crate::runbook::diagnostic::Report;
use crate::runbook::tell::Tell;
use crate::runbook::tree::{Entry, Name, Node, Tree};
use crate::runbook::{codes, keys};

pub fn tell(entry: Entry, report: &mut Report) -> Vec<Tell> {
    let key = entry.key.clone();
    let items = scalars::list(entry, report).unwrap_or_default();
    items.into_iter().filter_map(|item| one(item, &key, report)).collect()
}

fn one(tree: Tree, key: &Name, report: &mut Report) -> Option<Tell> {
    let mut fields = Fields::open(tree, Some(key), &keys::TELL, report)?;
    let when = fields.require("when", report).map(|entry| when(entry, report));
    let to = fields.require("to", report).and_then(|entry| to(entry, report));
    let repeat = fields.take("repeat").and_then(|entry| scalars::duration(&entry, report));
    Some(Tell { when: when?, to: to?, repeat })
}

fn when(entry: Entry, report: &mut Report) -> Vec<Matter> {
    let (key, at) = (entry.key.clone(), scalars::place(&entry.value, Some(&entry.key)));
    let words = scalars::names(entry, report);
    if words.is_empty() {
        report.error_help(
            codes::MISSING_FIELD,
            at,
            "`when` names nothing",
            "name one or more of `waiting`, `failed`, `ended`",
        );
    }
    let word = |name: Name| {
        let tree = Tree { node: Node::Text(name.text), span: name.span };
        scalars::word(&tree, &key, Matter::ALL, report)
    };
    words.into_iter().filter_map(word).collect()
}

fn to(entry: Entry, report: &mut Report) -> Option<Tree> {
    let span = entry.value.span;
    let tree = scalars::templated_text(entry, report)?;
    let text = tree.as_text().filter(|text| !text.contains("{{"));
    let fits =
        |url: url::Url| matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|it| !it.is_empty());
    if text.is_some_and(|text| !url::Url::parse(text.trim()).is_ok_and(fits)) {
        let help = "write `https://…`, or `\"{{ secrets.NAME }}\"` where the address is a secret";
        report.error_help(codes::BAD_FORMAT, span, "`to` is no address of a web hook", help);
        return None;
    }
    Some(tree)
}
