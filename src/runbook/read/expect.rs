//! `verify`: proofs, each a probe and what is expected of it. `expect` is a mapping of operators, or of names of parts to
//! mappings of operators.

use super::fields::Fields;
use super::scalars;
use crate::runbook::ast::Proof;
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::duration;
use crate::runbook::expect::{Expect, Operator, Test, Want};
use crate::runbook::keys;
use crate::runbook::source::Span;
use crate::runbook::suggest;
use crate::runbook::tree::{Entry, Name, Node, Tree};

pub fn proofs(entry: Entry, report: &mut Report) -> Vec<Proof> {
    let key = entry.key.clone();
    let items = match entry.value.node {
        Node::Map(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &keys::PROOF, report)?;
        let probe = fields.require("probe", report)?;
        let span = probe.value.span;
        let with = fields.take("with");
        let wanted = fields.require("expect", report).map(|entry| expect(entry, report));
        Some(Proof {
            probe: scalars::text(&probe, report)?,
            with: with.map_or_else(|| Tree::empty_map(span), |entry| scalars::templated(entry, report)),
            expect: wanted.unwrap_or_default(),
            within: fields.take("within").and_then(|entry| scalars::duration(&entry, report)),
            stable_for: fields.take("stable_for").and_then(|entry| scalars::duration(&entry, report)),
            span,
        })
    });
    read.collect()
}

fn expect(entry: Entry, report: &mut Report) -> Expect {
    let span = scalars::place(&entry.value, Some(&entry.key));
    let entries = match entry.value.node {
        Node::Map(entries) => entries,
        // `expect: 3` and `expect: true` say plainly what is meant.
        Node::Number(_) | Node::Bool(_) | Node::Text(_) => {
            return Expect {
                main: operator_test(Operator::Equals, entry, report).into_iter().collect(),
                parts: vec![],
                span,
            };
        }
        _ => {
            scalars::wrong_type(&entry, "a mapping of operators", report);
            return Expect::default();
        }
    };
    if entries.is_empty() {
        report.error_help(codes::MISSING_FIELD, span, "`expect` asks for nothing", "write for example `{ equals: 0 }`");
    }
    let mut expect = Expect { span, ..Expect::default() };
    for entry in entries {
        // Operators win over parts of the same name; a part is known by the mapping behind it.
        if let Some(operator) = Operator::parse(&entry.key.text) {
            expect.main.extend(operator_test(operator, entry, report));
        } else if let Node::Map(inner) = entry.value.node {
            if inner.is_empty() {
                let message = format!("`{}` is asked for nothing", entry.key.text);
                report.error_help(codes::MISSING_FIELD, entry.key.span, message, "write for example `{ equals: 0 }`");
            }
            let tests = inner.into_iter().filter_map(|entry| test(entry, false, report)).collect();
            expect.parts.push((entry.key, tests));
        } else {
            unknown(&entry.key, report);
        }
    }
    expect
}

fn unknown(key: &Name, report: &mut Report) {
    let words: Vec<&str> = Operator::ALL.iter().map(|(word, _)| *word).collect();
    let help = suggest::help(&key.text, words).unwrap_or_default();
    report.error_help(codes::UNKNOWN_OPERATOR, key.span, format!("`expect` has no operator `{}`", key.text), help);
}

/// `nested`: under `not`, `all` or `any`.
fn test(entry: Entry, nested: bool, report: &mut Report) -> Option<Test> {
    match Operator::parse(&entry.key.text) {
        Some(Operator::SameAcrossItems) if nested => {
            let help = "write it beside `not`, `all` and `any`";
            report.error_help(codes::NOT_ALLOWED, entry.key.span, "`same_across_items` cannot be nested", help);
            None
        }
        Some(operator) => operator_test(operator, entry, report),
        None => {
            unknown(&entry.key, report);
            None
        }
    }
}

fn tests(tree: Tree, report: &mut Report) -> Vec<Test> {
    match tree.node {
        Node::Map(entries) => entries.into_iter().filter_map(|entry| test(entry, true, report)).collect(),
        _ => Vec::new(),
    }
}

fn operator_test(operator: Operator, entry: Entry, report: &mut Report) -> Option<Test> {
    let nests = matches!(operator, Operator::Not | Operator::All | Operator::Any);
    let want = match entry.value.node {
        Node::Map(_) if nests => Want::Tests(tests(entry.value, report)),
        Node::List(items)
            if nests && !items.is_empty() && items.iter().all(|item| matches!(item.node, Node::Map(_))) =>
        {
            Want::Several(items.into_iter().map(|item| tests(item, report)).collect())
        }
        _ => {
            if !fits(operator, &entry, report) {
                return None;
            }
            Want::Value(scalars::templated(entry, report))
        }
    };
    Some(Test { operator, want })
}

/// What can be told of an operand before the run.
fn fits(operator: Operator, entry: &Entry, report: &mut Report) -> bool {
    let is_template = entry.value.as_text().is_some_and(|text| text.contains("{{"));
    let wrong = |wanted: &str, report: &mut Report| {
        scalars::wrong_type(entry, wanted, report);
        false
    };
    match (operator, &entry.value.node) {
        _ if is_template && operator != Operator::SameAcrossItems => true,
        (Operator::Between, Node::List(items)) if items.len() == 2 => range_fits(entry, items, report),
        (Operator::Between, _) => wrong("a list of two, the least and the most", report),
        (Operator::AtLeast | Operator::AtMost, _) if is_limit(&entry.value) => true,
        (Operator::AtLeast | Operator::AtMost, _) => wrong(LIMIT, report),
        (Operator::Matches, Node::Text(pattern)) => pattern_fits(pattern, entry.value.span, report),
        (Operator::Matches, _) => wrong("text: a regular expression", report),
        (Operator::All | Operator::Any, Node::List(_)) => true,
        (Operator::All | Operator::Any, _) => wrong("a list", report),
        (Operator::SameAcrossItems, Node::Bool(true)) => true,
        (Operator::SameAcrossItems, _) => wrong("`true`", report),
        (Operator::Refused, Node::Bool(_)) => true,
        (Operator::Refused, _) => wrong("`true` or `false`", report),
        (Operator::Equals | Operator::Contains | Operator::Not, _) => true,
    }
}

/// What there is an order of.
const LIMIT: &str = "a number, a timestamp or a duration";

fn is_limit(tree: &Tree) -> bool {
    let text = match &tree.node {
        Node::Number(_) => return true,
        Node::Text(text) => text,
        // Known when it is looked at.
        Node::Template(_) => return true,
        _ => return false,
    };
    text.contains("{{")
        || text.parse::<serde_json::Number>().is_ok()
        || duration::parse(text).is_ok()
        || duration::parse_timestamp(text).is_ok()
}

fn range_fits(entry: &Entry, items: &[Tree], report: &mut Report) -> bool {
    if let Some(item) = items.iter().find(|item| !is_limit(item)) {
        scalars::wrong(item, Some(&entry.key), LIMIT, report);
        return false;
    }
    let number = |tree: &Tree| if let Node::Number(number) = &tree.node { number.as_f64() } else { None };
    let is_empty = matches!((number(&items[0]), number(&items[1])), (Some(least), Some(most)) if least > most);
    if is_empty {
        let help = "write the least first";
        report.error_help(codes::NOT_ALLOWED, entry.value.span, "nothing lies between these two", help);
    }
    !is_empty
}

fn pattern_fits(pattern: &str, span: Span, report: &mut Report) -> bool {
    let good = regex::Regex::new(pattern).is_ok();
    if !good {
        let help = "put `\\` before a letter that is meant as itself";
        report.error_help(codes::BAD_PATTERN, span, format!("`{pattern}` is no regular expression"), help);
    }
    good
}
