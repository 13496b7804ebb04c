//! One step.

use super::fields::Fields;
use super::{drill, expect, foreach, include, policy, repair, scalars, script, time};
use crate::runbook::ast::{Retry, RetryOn, Step, TRY};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::holds::{Held, Part};
use crate::runbook::keys;
use crate::runbook::source::Span;
use crate::runbook::tree::{Entry, Name, Node, Tree};

const ID_HELP: &str = "ids are a-z, 0-9, `_` and `-`, begin with a letter and have at most 63 characters";

/// A step, and its repairs behind it.
pub fn step(tree: Tree, report: &mut Report) -> impl Iterator<Item = Step> + use<> {
    let tree = include::only(tree, report);
    let read = Fields::open(tree, None, &keys::STEP, report).map(|mut fields| {
        let id = fields.require("id", report).and_then(|entry| id(&entry, report));
        let repair = fields.take("repair");
        let mut step = rest(fields, id, report);
        let repairs = repair.map(|entry| repair::add(entry, &mut step, report)).unwrap_or_default();
        std::iter::once(step).chain(repairs)
    });
    read.into_iter().flatten()
}

/// A step of a hold. Its hold says when it is done: it needs nothing of its own.
pub fn of_hold(fields: Fields, id: Name, of: (&str, Part), title: Option<&str>, report: &mut Report) -> Option<Step> {
    let mut step = rest(fields, Some(id), report);
    let (hold, part) = (of.0.to_string(), of.1);
    step.needs = Some(Vec::new());
    step.held = Some(Box::new(Held { hold, part }));
    if step.name.is_none()
        && let Some(title) = title
    {
        step.name = Some(Box::new(Tree { node: Node::Text(format!("{title}: {}", part.word())), span: step.span }));
    }
    Some(step)
}

pub fn rest(mut fields: Fields, id: Option<Name>, report: &mut Report) -> Step {
    let start = fields.span;
    let needs_span = fields.key_span("needs");
    let (steps_span, try_span) = (fields.key_span("steps"), fields.key_span("try"));
    let include = include::read(&mut fields, report);
    let block = include::block(&mut fields, report);
    let ways = include::ways(&mut fields, report);
    let others = match (&include, &block, &ways) {
        (Some(include), ..) => Some(Name { text: "include".into(), span: include.path.span }),
        (None, Some(_), _) => Some(Name { text: "block".into(), span: steps_span.unwrap_or(start) }),
        (None, None, Some(_)) => Some(Name { text: TRY.into(), span: try_span.unwrap_or(start) }),
        (None, None, None) => None,
    };
    let body = body(&mut fields, others, report);
    let (kind, with) = body.unwrap_or_else(|| (Name { text: String::new(), span: start }, Tree::empty_map(start)));
    let id = id.unwrap_or(Name { text: String::new(), span: start });
    let drill = fields.take("drill").and_then(|entry| drill::of_step(entry, &kind, report)).map(Box::new);
    let step = Step {
        name: fields.take("name").and_then(|entry| scalars::templated_text(entry, report)).map(Box::new),
        needs: fields.take("needs").map(|entry| policy::needs(entry, report)),
        condition: fields.take("if").and_then(|entry| scalars::condition(&entry, report)).map(Box::new),
        foreach: foreach::read(&mut fields, report).map(Box::new),
        include: include.map(Box::new),
        block: block.or(ways).map(Box::new),
        require: fields.take("require").map(|entry| policy::requirements(entry, report)).unwrap_or_default(),
        retry: fields.take("retry").map(|entry| retry(entry, &kind, start, report)).unwrap_or_default(),
        timeout: fields.take("timeout").and_then(|entry| scalars::duration(&entry, report)),
        deadline: fields.take("deadline").and_then(|entry| scalars::duration(&entry, report)),
        not_before: fields.take("not_before").and_then(|entry| time::not_before(entry, report)).map(Box::new),
        window: fields.take("window").map(|entry| time::windows(entry, report)).unwrap_or_default(),
        approval: fields.take("approval").and_then(|entry| policy::approval(entry, report)).map(Box::new),
        verify: fields.take("verify").map(|entry| expect::proofs(entry, report)).unwrap_or_default(),
        succeeds_if_verified: fields.take("succeeds_if").is_some_and(|entry| policy::succeeds_if(&entry, report)),
        undo: fields.take("undo").and_then(|entry| policy::undo(entry, &kind, report)).map(Box::new),
        temporary: fields.take("temporary").and_then(|entry| policy::temporary(entry, report)),
        allow_failure: fields.take("allow_failure").and_then(|entry| scalars::boolean(&entry, report)).unwrap_or(false),
        estimate: fields.take("estimate").and_then(|entry| policy::estimate(entry, report)).map(Box::new),
        owner: fields.take("owner").and_then(|entry| scalars::text(&entry, report)),
        lock: fields.take("lock").and_then(|entry| scalars::text(&entry, report)),
        instructions: fields
            .take("instructions")
            .and_then(|entry| scalars::templated_text(entry, report))
            .map(Box::new),
        creates: fields.take("creates").map(|entry| policy::creates(entry, &kind, report)).unwrap_or_default(),
        in_place: fields.take("in_place").and_then(|entry| policy::in_place(entry, report)).map(Box::new),
        under: fields.take("under").map(|entry| scalars::names(entry, report)).unwrap_or_default(),
        held: None,
        repairs: Vec::new(),
        mends: None,
        drill,
        with,
        kind_span: kind.span,
        kind: kind.text,
        needs_span: needs_span.unwrap_or(id.span),
        span: id.span,
        id: id.text,
    };
    if let (None, Some(proof)) = (&step.foreach, step.verify.iter().find(|proof| proof.expect.is_across_items())) {
        let message = "`same_across_items` needs items to compare";
        let help = "write it in the `verify` of the step that has `foreach`";
        report.error_help(codes::MISSING_FIELD, proof.expect.span, message, help);
    }
    if step.succeeds_if_verified && step.verify.is_empty() {
        report.error_help(codes::MISSING_FIELD, step.span, "`succeeds_if: verify` needs a `verify`", "add `verify:`");
    }
    step
}

/// `start` is where the step begins; what comes from `defaults` is for other kinds, too, and stands above.
fn retry(entry: Entry, kind: &Name, start: Span, report: &mut Report) -> Retry {
    let key = entry.key.span;
    let retry = policy::retry(entry, report);
    let only_transient = !retry.when.is_empty() && retry.when.iter().all(|on| *on == RetryOn::Transient);
    if kind.text == "run" && retry.attempts > 1 && only_transient && key.offset >= start.offset {
        let message = "no failure of a command is transient, so this step is never tried again";
        let help = format!("say when: `retry: {{ attempts: {}, when: [failed] }}`, or `[timeout]`", retry.attempts);
        report.warning(codes::IDLE_RETRY, key, message, help);
    }
    retry
}

fn id(entry: &Entry, report: &mut Report) -> Option<Name> {
    let name = Name { text: scalars::text(entry, report)?, span: entry.value.span };
    judge_id(&name, report);
    Some(name)
}

pub fn judge_id(name: &Name, report: &mut Report) {
    let text = &name.text;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if !text.starts_with(|c: char| c.is_ascii_lowercase()) || text.len() > 63 || !text.chars().all(fits) {
        report.error_help(codes::BAD_ID, name.span, format!("`{text}` is no id of a step"), ID_HELP);
    }
}

/// What the step does: `uses` with `with`, or `run`, which is short for it, or what `others` do.
fn body(fields: &mut Fields, others: Option<Name>, report: &mut Report) -> Option<(Name, Tree)> {
    let (uses, run) = (fields.take("uses"), fields.take("run"));
    let with = fields.take("with");
    if let (Some(_), Some(run)) = (&uses, &run) {
        report.error_help(codes::ONE_OF, run.key.span, "a step has either `uses` or `run`", "take one of the two away");
    }
    let kind = match (&uses, &run, others) {
        (.., Some(others)) => others,
        (Some(uses), ..) => Name { text: scalars::text(uses, report)?, span: uses.value.span },
        (None, Some(run), None) => Name { text: "run".into(), span: run.key.span },
        (None, None, None) => {
            let help = "add `uses: KIND` with `with:`, or `run:` with a script; a block has `steps:`";
            report.error_help(codes::ONE_OF, fields.span, "a step lacks what it does", help);
            return None;
        }
    };
    let mut with = match with {
        Some(entry) if matches!(entry.value.node, Node::Map(_)) => entry.value,
        Some(entry) => {
            scalars::wrong_type(&entry, "a mapping", report);
            return Some((kind, unreadable(entry.value)));
        }
        None => Tree::empty_map(kind.span),
    };
    if let (None, Some(run)) = (&uses, run)
        && !script::add(&mut with, run, report)
    {
        return Some((kind, unreadable(with)));
    }
    compile(&mut with, &kind, report);
    Some((kind, with))
}

/// Null stands for a `with` that nothing more can be said of.
fn unreadable(with: Tree) -> Tree {
    Tree { node: Node::Null, span: with.span }
}

/// Fields of a kind, with their templates.
pub fn compiled(mut with: Tree, kind: &Name, report: &mut Report) -> Tree {
    compile(&mut with, kind, report);
    with
}

fn compile(with: &mut Tree, kind: &Name, report: &mut Report) {
    let Node::Map(entries) = &mut with.node else { return };
    for entry in entries {
        if entry.key.text == "script" && matches!(kind.text.as_str(), "run" | "command") {
            script::settle(entry, report);
        } else {
            entry.value.compile(report);
        }
    }
}
