//! One step.

use super::expect::expect;
use super::fields::{Fields, Keys};
use super::scalars;
use super::top::minimum;
use crate::runbook::ast::{
    Approval, Backoff, Creates, Ended, Minimum, Need, Proof, Requirement, Retry, RetryOn, Step, Temporary, Undo,
};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::duration;
use crate::runbook::source::Span;
use crate::runbook::tree::{Entry, Name, Node, Tree};

const STEP: Keys = Keys {
    of: "a step",
    known: &[
        "id",
        "name",
        "uses",
        "with",
        "run",
        "needs",
        "if",
        "require",
        "retry",
        "timeout",
        "approval",
        "verify",
        "succeeds_if",
        "undo",
        "owner",
        "temporary",
        "creates",
        "instructions",
        "estimate",
        "allow_failure",
    ],
    later: &[
        "steps",
        "include",
        "try",
        "under",
        "foreach",
        "key",
        "max_parallel",
        "order",
        "on_item_failure",
        "repair",
        "deadline",
        "not_before",
        "window",
        "lock",
        "in_place",
        "outputs",
        "drill",
    ],
};

pub const ID_HELP: &str = "ids are a-z, 0-9, `_` and `-`, begin with a letter and have at most 63 characters";

pub fn step(tree: Tree, report: &mut Report) -> Option<Step> {
    // A block that is not in this version has no `uses`, and that is no second problem.
    let later = tree.entries().iter().any(|entry| matches!(entry.key.text.as_str(), "steps" | "include" | "try"));
    let mut fields = Fields::open(tree, None, &STEP, report)?;
    let id = fields.require("id", report).and_then(|entry| id(&entry, report));
    let start = fields.span;
    let needs_span = fields.key_span("needs");
    let body = body(&mut fields, later, report);
    let (kind, with) = body.unwrap_or_else(|| (Name { text: String::new(), span: start }, Tree::empty_map(start)));
    let id = id.unwrap_or(Name { text: String::new(), span: start });
    let step = Step {
        name: fields.take("name").and_then(|entry| scalars::templated_text(entry, report)),
        needs: fields.take("needs").map(|entry| needs(entry, report)),
        condition: fields.take("if").and_then(|entry| scalars::condition(&entry, report)),
        require: fields.take("require").map(|entry| requirements(entry, report)).unwrap_or_default(),
        retry: fields.take("retry").map(|entry| retry(entry, report)).unwrap_or_default(),
        timeout: fields.take("timeout").and_then(|entry| scalars::duration(&entry, report)),
        approval: fields.take("approval").and_then(|entry| approval(entry, report)),
        verify: fields.take("verify").map(|entry| proofs(entry, report)).unwrap_or_default(),
        succeeds_if_verified: fields.take("succeeds_if").is_some_and(|entry| succeeds_if(&entry, report)),
        undo: fields.take("undo").and_then(|entry| undo(entry, &kind, report)),
        temporary: fields.take("temporary").and_then(|entry| temporary(entry, report)),
        allow_failure: fields.take("allow_failure").and_then(|entry| scalars::boolean(&entry, report)).unwrap_or(false),
        estimate: fields.take("estimate").and_then(|entry| estimate(entry, report)),
        owner: fields.take("owner").and_then(|entry| scalars::text(&entry, report)),
        instructions: fields.take("instructions").and_then(|entry| scalars::templated_text(entry, report)),
        creates: fields.take("creates").map(|entry| creates(entry, &kind, report)).unwrap_or_default(),
        with,
        kind_span: kind.span,
        kind: kind.text,
        needs_span: needs_span.unwrap_or(id.span),
        span: id.span,
        id: id.text,
    };
    if step.succeeds_if_verified && step.verify.is_empty() {
        report.error_help(codes::MISSING_FIELD, step.span, "`succeeds_if: verify` needs a `verify`", "add `verify:`");
    }
    Some(step)
}

fn id(entry: &Entry, report: &mut Report) -> Option<Name> {
    let text = scalars::text(entry, report)?;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.len() > 63 || !text.chars().all(fits) {
        report.error_help(codes::BAD_ID, entry.value.span, format!("`{text}` is no id of a step"), ID_HELP);
    }
    Some(Name { text, span: entry.value.span })
}

/// What the step does: `uses` with `with`, or `run`, which is short for it.
fn body(fields: &mut Fields, later: bool, report: &mut Report) -> Option<(Name, Tree)> {
    let (uses, run) = (fields.take("uses"), fields.take("run"));
    let with = fields.take("with");
    if let (Some(_), Some(run)) = (&uses, &run) {
        report.error_help(codes::ONE_OF, run.key.span, "a step has either `uses` or `run`", "take one of the two away");
    }
    let kind = match (&uses, &run) {
        (Some(uses), _) => Name { text: scalars::text(uses, report)?, span: uses.value.span },
        (None, Some(run)) => Name { text: "run".into(), span: run.key.span },
        (None, None) => {
            if !later {
                let message = "a step lacks what it does";
                report.error_help(
                    codes::ONE_OF,
                    fields.span,
                    message,
                    "add `uses: KIND` with `with:`, or `run:` with a script",
                );
            }
            return None;
        }
    };
    let mut with = match with {
        Some(entry) if matches!(entry.value.node, Node::Map(_)) => entry.value,
        Some(entry) => {
            scalars::wrong_type(&entry, "a mapping", report);
            Tree::empty_map(kind.span)
        }
        None => Tree::empty_map(kind.span),
    };
    if let (None, Some(run)) = (&uses, run) {
        add_script(&mut with, run, report);
    }
    if matches!(kind.text.as_str(), "run" | "command") {
        scripts(&mut with, report);
    }
    with.compile(report);
    Some((kind, with))
}

fn add_script(with: &mut Tree, run: Entry, report: &mut Report) {
    for key in ["script", "command"] {
        if let Some(entry) = with.entries().iter().find(|entry| entry.key.text == key) {
            report.error_help(
                codes::ONE_OF,
                entry.key.span,
                format!("`run` and `with.{key}` exclude one another"),
                "take one of the two away",
            );
            return;
        }
    }
    if run.value.as_text().is_none() {
        let help = match run.value.node {
            Node::List(_) => "for a program with arguments write `uses: run` and `with: { command: [ … ] }`",
            _ => "write `run: |` and the lines of the script below it",
        };
        let at = scalars::place(&run.value, Some(&run.key));
        report.error_help(codes::WRONG_TYPE, at, format!("`run` has to be text, not {}", run.value.what()), help);
        return;
    }
    if let Node::Map(entries) = &mut with.node {
        let key = Name { text: "script".into(), span: run.key.span };
        entries.insert(0, Entry { key, value: run.value });
    }
}

/// Values never enter shell text: a template there is an error, and escaped braces are plain text.
fn scripts(with: &mut Tree, report: &mut Report) {
    let Node::Map(entries) = &mut with.node else { return };
    for entry in entries.iter_mut().filter(|entry| entry.key.text == "script") {
        let Node::Text(text) = &mut entry.value.node else { continue };
        let open = text.match_indices("{{").find(|(at, _)| !text[..*at].ends_with('\\'));
        let Some((at, _)) = open else {
            *text = text.replace("\\{{", "{{");
            continue;
        };
        let inner = text[at..].trim_start_matches(['{', '~', ' ']);
        let word: String = inner.chars().take_while(|c| c.is_alphanumeric() || "._-".contains(*c)).collect();
        let name = word.rsplit('.').next().unwrap_or_default().replace('-', "_").to_uppercase();
        let name = if name.is_empty() { "VALUE".into() } else { name };
        let raw = report.source.slice(entry.value.span);
        let nth = text[..at].matches("{{").count();
        let span = raw.match_indices("{{").nth(nth).map_or(entry.value.span, |(start, _)| {
            let len = raw[start..].find("}}").map_or(2, |end| end + 2);
            Span::new(entry.value.span.offset + start, len)
        });
        let help = format!(
            "hand the value over: `with: {{ env: {{ {name}: \"{{{{ {word} }}}}\" }} }}`, and write `\"${name}\"` in the script \
             (braces that are meant as text: `\\{{{{`)"
        );
        report.error_help(codes::TEMPLATE_IN_SCRIPT, span, "a template stands in a shell script", help);
        // Said once; compiling it would say it again.
        *text = text.replace("{{", "{ {");
    }
}

fn needs(entry: Entry, report: &mut Report) -> Vec<Need> {
    let key = entry.key.clone();
    let items = match entry.value.node {
        // `needs: a` is what users of other systems write, and it is plain what they mean.
        Node::Text(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    items.into_iter().filter_map(|item| need(item, &key, report)).collect()
}

fn need(item: Tree, key: &Name, report: &mut Report) -> Option<Need> {
    const KEYS: Keys = Keys { of: "a need", known: &["step", "when"], later: &[] };
    const ENDS: &[(&str, Ended)] = &[
        ("succeeded", Ended::Succeeded),
        ("skipped", Ended::Skipped),
        ("failed", Ended::Failed),
        ("blocked", Ended::Blocked),
        ("undone", Ended::Undone),
    ];
    if !matches!(item.node, Node::Map(_)) {
        let span = item.span;
        return scalars::plain(&item, Some(key), report).map(|step| Need { step, when: None, span });
    }
    let mut fields = Fields::open(item, Some(key), &KEYS, report)?;
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
            scalars::word(&tree, &key, ENDS, report)
        });
        ends.collect()
    });
    Some(Need { step, when, span })
}

fn requirements(entry: Entry, report: &mut Report) -> Vec<Requirement> {
    const KEYS: Keys = Keys { of: "a requirement", known: &["that", "otherwise"], later: &[] };
    let key = entry.key.clone();
    let items = match entry.value.node {
        Node::Map(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &KEYS, report)?;
        let that = fields.require("that", report).and_then(|entry| scalars::condition(&entry, report));
        let otherwise = fields.require("otherwise", report).and_then(|entry| scalars::templated_text(entry, report));
        Some(Requirement { that: that?, otherwise: otherwise? })
    });
    read.collect()
}

fn retry(entry: Entry, report: &mut Report) -> Retry {
    const KEYS: Keys = Keys { of: "`retry`", known: &["attempts", "delay", "backoff", "when"], later: &[] };
    let mut retry = Retry { attempts: 3, ..Retry::default() };
    if matches!(entry.value.node, Node::Number(_)) {
        retry.attempts = scalars::integer(&entry, 1, report).unwrap_or(1);
        return retry;
    }
    let Some(mut fields) = Fields::open(entry.value, Some(&entry.key), &KEYS, report) else { return Retry::default() };
    if let Some(attempts) = fields.take("attempts").and_then(|entry| scalars::integer(&entry, 1, report)) {
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
    const WORDS: &[(&str, Backoff)] = &[
        ("constant", Backoff::Constant),
        ("none", Backoff::Constant),
        ("linear", Backoff::Linear),
        ("exponential", Backoff::Factor(2.0)),
    ];
    match &entry.value.node {
        Node::Number(number) => match number.as_f64().filter(|factor| (1.0..=100.0).contains(factor)) {
            Some(factor) => Some(Backoff::Factor(factor)),
            None => {
                let message = format!("`backoff` has to be from 1 to 100, not {number}");
                report.error(codes::OUT_OF_RANGE, entry.value.span, message);
                None
            }
        },
        _ => scalars::word(&entry.value, &entry.key, WORDS, report),
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
            let help = crate::runbook::suggest::help(other, ["transient", "failed", "timeout"]).unwrap_or_default();
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

fn approval(entry: Entry, report: &mut Report) -> Option<Approval> {
    const KEYS: Keys =
        Keys { of: "`approval`", known: &["from", "minimum", "by_starter", "escalate_after"], later: &[] };
    let mut fields = Fields::open(entry.value, Some(&entry.key), &KEYS, report)?;
    Some(Approval {
        from: fields.take("from").map(|entry| scalars::names(entry, report)).unwrap_or_default(),
        minimum: fields.take("minimum").and_then(|entry| minimum(&entry, report)).unwrap_or(Minimum::Count(1)),
        by_starter: fields.take("by_starter").and_then(|entry| scalars::boolean(&entry, report)).unwrap_or(true),
        escalate_after: fields.take("escalate_after").and_then(|entry| scalars::duration(&entry, report)),
    })
}

fn proofs(entry: Entry, report: &mut Report) -> Vec<Proof> {
    const KEYS: Keys = Keys { of: "a proof", known: &["probe", "with", "expect", "within", "stable_for"], later: &[] };
    let key = entry.key.clone();
    let items = match entry.value.node {
        Node::Map(_) => vec![entry.value],
        _ => scalars::list(entry, report).unwrap_or_default(),
    };
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &KEYS, report)?;
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

fn succeeds_if(entry: &Entry, report: &mut Report) -> bool {
    scalars::word(&entry.value, &entry.key, &[("verify", true)], report).unwrap_or(false)
}

fn undo(entry: Entry, kind: &Name, report: &mut Report) -> Option<Undo> {
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

fn temporary(entry: Entry, report: &mut Report) -> Option<Temporary> {
    const KEYS: Keys = Keys { of: "`temporary`", known: &["keep_for"], later: &[] };
    if matches!(entry.value.node, Node::Map(_)) {
        let mut fields = Fields::open(entry.value, Some(&entry.key), &KEYS, report)?;
        return Some(Temporary {
            keep_for: fields.take("keep_for").and_then(|entry| scalars::duration(&entry, report)),
        });
    }
    scalars::boolean(&entry, report)?.then_some(Temporary { keep_for: None })
}

fn estimate(entry: Entry, report: &mut Report) -> Option<Tree> {
    if entry.value.as_text().is_some_and(|text| text.contains("{{")) {
        return Some(scalars::templated(entry, report));
    }
    scalars::duration(&entry, report)
        .map(|read| Tree { node: Node::Text(duration::format(read)), span: entry.value.span })
}

fn creates(entry: Entry, kind: &Name, report: &mut Report) -> Vec<Creates> {
    const KEYS: Keys = Keys { of: "an entry of `creates`", known: &["kind", "id", "remove"], later: &[] };
    let key = entry.key.clone();
    if kind.text != "run" && !kind.text.is_empty() {
        let message = format!("`creates` belongs to `run`; `{}` keeps the ledger itself", kind.text);
        report.error_help(codes::NOT_ALLOWED, key.span, message, "take it away");
        return Vec::new();
    }
    let items = scalars::list(entry, report).unwrap_or_default();
    let read = items.into_iter().filter_map(|item| {
        let mut fields = Fields::open(item, Some(&key), &KEYS, report)?;
        let kind = fields.require("kind", report).and_then(|entry| scalars::templated_text(entry, report));
        let id = fields.require("id", report).and_then(|entry| scalars::templated_text(entry, report));
        let remove = fields.require("remove", report).and_then(|entry| scalars::argv(entry, report));
        Some(Creates { kind: kind?, id: id?, remove: remove? })
    });
    read.collect()
}
