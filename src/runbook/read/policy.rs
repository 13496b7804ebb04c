//! The fields of a step that say when it runs, how often, who agrees and what is left of it.

use super::fields::Fields;
use super::scalars;
use super::top::minimum;
use crate::runbook::ast::{
    Approval, Backoff, Creates, Escalation, InPlaceSaid, Minimum, Need, Requirement, Retry, RetryOn, Temporary, Undo,
};
use crate::runbook::diagnostic::Report;
use crate::runbook::tree::{Entry, Name, Node, Tree};
use crate::runbook::{codes, duration, keys, suggest};

/// Who waits for more of them waits for nothing.
const MOST_ATTEMPTS: u32 = 1000;

pub fn needs(entry: Entry, report: &mut Report) -> Vec<Need> {
    let key = entry.key.clone();
    let items = match entry.value.node {
        // `needs: a` is what users of other systems write, and it is plain what they mean.
        Node::Text(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    items.into_iter().filter_map(|item| need(item, &key, report)).collect()
}

fn need(item: Tree, key: &Name, report: &mut Report) -> Option<Need> {
    if !matches!(item.node, Node::Map(_)) {
        let span = item.span;
        return scalars::plain(&item, Some(key), report).map(|step| Need { step, when: None, span });
    }
    let mut fields = Fields::open(item, Some(key), &keys::NEED, report)?;
    let step = fields.require("step", report)?;
    let span = step.value.span;
    let step = scalars::text(&step, report)?;
    let when = fields.take("when").map(|entry| {
        let key = entry.key.clone();
        let at = scalars::place(&entry.value, Some(&key));
        let words = scalars::names(entry, report);
        if words.is_empty() {
            report.error_help(
                codes::MISSING_FIELD,
                at,
                "`when` names no end",
                "name one or more of `succeeded`, `skipped`, `failed`",
            );
        }
        let ends = words.into_iter().filter_map(|name| {
            let tree = Tree { node: Node::Text(name.text), span: name.span };
            scalars::word(&tree, &key, keys::ENDS, report)
        });
        ends.collect()
    });
    Some(Need { step, when, span })
}

pub fn requirements(entry: Entry, report: &mut Report) -> Vec<Requirement> {
    let key = entry.key.clone();
    let items = match entry.value.node {
        Node::Map(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &keys::REQUIREMENT, report)?;
        let that = fields.require("that", report).and_then(|entry| scalars::condition(&entry, report));
        let otherwise = fields.require("otherwise", report).and_then(|entry| scalars::templated_text(entry, report));
        Some(Requirement { that: that?, otherwise: otherwise? })
    });
    read.collect()
}

pub fn retry(entry: Entry, report: &mut Report) -> Retry {
    let mut retry = Retry { attempts: 3, ..Retry::default() };
    if matches!(entry.value.node, Node::Number(_)) {
        retry.attempts = scalars::within(&entry, 1, MOST_ATTEMPTS, report).unwrap_or(1);
        return retry;
    }
    let Some(mut fields) = Fields::open(entry.value, Some(&entry.key), &keys::RETRY, report) else {
        return Retry::default();
    };
    if let Some(attempts) = fields.take("attempts").and_then(|entry| scalars::within(&entry, 1, MOST_ATTEMPTS, report))
    {
        retry.attempts = attempts;
    }
    if let Some(delay) = fields.take("delay").and_then(|entry| scalars::duration_or_zero(&entry, report)) {
        retry.delay = delay;
    }
    if let Some(backoff) = fields.take("backoff").and_then(|entry| backoff(&entry, report)) {
        retry.backoff = backoff;
    }
    if let Some(entry) = fields.take("when") {
        retry.when = scalars::names(entry, report).into_iter().filter_map(|name| retry_on(name, report)).collect();
    }
    retry
}

fn backoff(entry: &Entry, report: &mut Report) -> Option<Backoff> {
    match &entry.value.node {
        Node::Number(number) => match number.as_f64().filter(|factor| (1.0..=100.0).contains(factor)) {
            Some(factor) => Some(Backoff::Factor(factor)),
            None => {
                let message = format!("`backoff` has to be from 1 to 100, not {number}");
                report.error_help(codes::OUT_OF_RANGE, entry.value.span, message, "2 doubles the delay each time");
                None
            }
        },
        _ => scalars::word(&entry.value, &entry.key, keys::BACKOFFS, report),
    }
}

fn retry_on(name: Name, report: &mut Report) -> Option<RetryOn> {
    let is_code = |text: &str| {
        text.len() > 2 && text.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_' || c == '-')
    };
    match name.text.as_str() {
        "transient" => Some(RetryOn::Transient),
        "failed" => Some(RetryOn::Failed),
        "timeout" => Some(RetryOn::Timeout),
        code if is_code(code) => Some(RetryOn::Code(code.into())),
        "unknown" => {
            let help =
                "whether an unknown outcome may be tried again is for a person to say: `regrow retry STEP --because …`";
            report.error_help(codes::NOT_ALLOWED, name.span, "an unknown outcome is never retried by itself", help);
            None
        }
        other => {
            let help = suggest::help(other, keys::RETRY_ON.iter().copied()).unwrap_or_default();
            report.error_help(
                codes::NOT_ALLOWED,
                name.span,
                format!("`when` cannot be `{other}`"),
                format!("{help}; or a fault's code such as `RG2104`"),
            );
            None
        }
    }
}

pub fn approval(entry: Entry, report: &mut Report) -> Option<Approval> {
    let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::APPROVAL, report)?;
    let least = fields.take("minimum");
    Some(Approval {
        from: fields.take("from").map(|entry| scalars::names(entry, report)).unwrap_or_default(),
        minimum_span: least.as_ref().map_or(entry.key.span, |entry| entry.value.span),
        minimum: least.and_then(|entry| minimum(&entry, report)).unwrap_or(Minimum::Count(1)),
        by_starter: fields.take("by_starter").and_then(|entry| scalars::boolean(&entry, report)).unwrap_or(true),
        escalation: fields.take("escalate_after").and_then(|entry| escalation(entry, report)),
    })
}

fn escalation(entry: Entry, report: &mut Report) -> Option<Escalation> {
    if !matches!(entry.value.node, Node::Map(_)) {
        return Some(Escalation { after: scalars::duration(&entry, report)?, to: Vec::new() });
    }
    let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::ESCALATION, report)?;
    let to = fields.take("to").map(|entry| scalars::names(entry, report)).unwrap_or_default();
    let after = fields.require("after", report).and_then(|entry| scalars::duration(&entry, report))?;
    Some(Escalation { after, to })
}

pub fn in_place(entry: Entry, report: &mut Report) -> Option<InPlaceSaid> {
    let span = entry.key.span;
    let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::IN_PLACE, report)?;
    let mut said = |key: &str| {
        let text = fields.require(key, report).and_then(|entry| scalars::text(&entry, report));
        // One that lacks a word is still said to be in place, and that is no second problem.
        text.unwrap_or_default()
    };
    Some(InPlaceSaid { because: said("because"), safety_copy: said("safety_copy"), span })
}

pub fn succeeds_if(entry: &Entry, report: &mut Report) -> bool {
    scalars::word(&entry.value, &entry.key, keys::SUCCEEDS_IF, report).unwrap_or(false)
}

pub fn undo(entry: Entry, kind: &Name, report: &mut Report) -> Option<Undo> {
    if matches!(entry.value.node, Node::List(_)) {
        if kind.text != "run" && !kind.text.is_empty() {
            let message = format!("a command as `undo` belongs to `run`, not to `{}`", kind.text);
            report.error_help(codes::UNKNOWN_UNDO, entry.key.span, message, "name an undo that the kind offers");
            return None;
        }
        return scalars::argv(entry, report).map(Undo::Command);
    }
    let span = entry.value.span;
    scalars::text(&entry, report).map(|text| Undo::Named(Name { text, span }))
}

pub fn temporary(entry: Entry, report: &mut Report) -> Option<Temporary> {
    if matches!(entry.value.node, Node::Map(_)) {
        let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::TEMPORARY, report)?;
        return Some(Temporary {
            keep_for: fields.take("keep_for").and_then(|entry| scalars::duration(&entry, report)),
        });
    }
    scalars::boolean(&entry, report)?.then_some(Temporary { keep_for: None })
}

pub fn estimate(entry: Entry, report: &mut Report) -> Option<Tree> {
    if entry.value.as_text().is_some_and(|text| text.contains("{{")) {
        return Some(scalars::templated(entry, report));
    }
    scalars::duration(&entry, report)
        .map(|read| Tree { node: Node::Text(duration::format(read)), span: entry.value.span })
}

pub fn creates(entry: Entry, kind: &Name, report: &mut Report) -> Vec<Creates> {
    let key = entry.key.clone();
    if kind.text != "run" && !kind.text.is_empty() {
        let message = format!("`creates` belongs to `run`; `{}` keeps the ledger itself", kind.text);
        report.error_help(codes::NOT_ALLOWED, key.span, message, "take it away");
        return Vec::new();
    }
    let items = scalars::list(entry, report).unwrap_or_default();
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &keys::CREATES, report)?;
        let kind = fields.require("kind", report).and_then(|entry| scalars::templated_text(entry, report));
        let id = fields.require("id", report).and_then(|entry| scalars::templated_text(entry, report));
        let remove = fields.require("remove", report).and_then(|entry| scalars::argv(entry, report));
        Some(Creates { kind: kind?, id: id?, remove: remove? })
    });
    read.collect()
}
