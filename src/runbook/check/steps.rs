//! One step against its kind.

use serde_json::Value;

use super::names::{Names, Site};
use super::schema::Flaw;
use super::{conditions, drill, foreach, holds, in_place, nearest, people, places, schema, secrets, time, values};
use crate::runbook::ast::{Proof, Undo};
use crate::runbook::catalog::{KindFace, Late, Shape};
use crate::runbook::codes;
use crate::runbook::diagnostic::{Problem, Report};
use crate::runbook::schema::required;
use crate::runbook::source::Span;
use crate::runbook::suggest;
use crate::runbook::tree::Tree;

/// Kinds of the language that this version does not have.
const LATER: &[&str] = &[
    "rds.restore",
    "digitalocean.restore_database",
    "mysql.query",
    "mongodb.count",
    "opensearch.restore",
    "grafana.export",
    "grafana.import",
    "openfaas.deploy",
    "gitlab.pipeline",
    "github.workflow",
    "helm.release",
];
/// Systems of which this version has nothing.
const LATER_SYSTEMS: &[&str] = &["mysql", "mongodb"];

pub fn judge(names: &Names<'_, '_>, node: usize, report: &mut Report) {
    let step = names.step(node);
    let site = Site::step(node);
    if !step.is_body()
        && let Some(kind) = kind(names, &step.kind, step.kind_span, false, report)
    {
        if !step.with.is_null() {
            with(names, kind, &step.with, step.kind_span, &site, report);
        }
        drill::judge(names, node, kind, report);
        in_place::judge(step, kind, &names.late(node), report);
        undo(kind, step.undo.as_deref(), report);
    }
    let shown = [&step.name, &step.instructions, &step.estimate].into_iter().filter_map(|tree| tree.as_deref());
    let shown = shown.chain(step.require.iter().map(|requirement| &requirement.otherwise));
    let made = step.creates.iter().flat_map(|creates| [&creates.kind, &creates.id, &creates.remove]);
    for tree in shown.chain(made) {
        names.judge_tree(tree, &site, report);
    }
    if let Some(Undo::Command(argv)) = step.undo.as_deref() {
        names.judge_tree(argv, &site, report);
    }
    foreach::judge(names, node, report);
    time::not_before(names, node, report);
    holds::judge(names, node, report);
    let required = step.require.iter().map(|requirement| &requirement.that);
    for condition in step.condition.as_deref().into_iter().chain(required) {
        conditions::judge(names, condition, &site, report);
    }
    for proof in &step.verify {
        judge_proof(names, node, proof, report);
    }
    if let Some(approval) = &step.approval {
        people::approval(names.root, approval, report);
    }
    if step.kind == "manual.approval" {
        people::manual_approval(names.root, &step.with, report);
    }
}

fn judge_proof(names: &Names<'_, '_>, node: usize, proof: &Proof, report: &mut Report) {
    let site = Site::verify(node);
    if let Some(kind) = kind(names, &proof.probe, proof.span, true, report) {
        with(names, kind, &proof.with, proof.span, &site, report);
        parts(kind, proof, report);
    }
    for tree in proof.expect.trees() {
        names.judge_tree(tree, &site, report);
    }
}

/// The names that `expect` asks for: what a probe never finds is never as expected.
fn parts(kind: &dyn KindFace, proof: &Proof, report: &mut Report) {
    let Shape::Closed(found) = kind.outputs(&Late { value: &proof.with.written() }) else { return };
    for (name, _) in proof.expect.parts.iter().filter(|(name, _)| !found.contains_key(&name.text)) {
        let message = format!("`{}` finds no `{}`", kind.name(), name.text);
        let help = nearest(&name.text, found.keys().map(String::as_str));
        report.error_help(codes::UNKNOWN_KEY, name.span, message, help);
    }
}

/// The kind, if there is one and it may stand here. An empty name was reported while reading.
fn kind<'a>(
    names: &Names<'_, 'a>,
    word: &str,
    span: Span,
    as_probe: bool,
    report: &mut Report,
) -> Option<&'a dyn KindFace> {
    if word.is_empty() {
        return None;
    }
    let here = |kind: &dyn KindFace| if as_probe { kind.is_probe() } else { kind.is_step() };
    match names.catalog.kind(word) {
        Some(kind) if here(kind) => return Some(kind),
        Some(_) => {
            let (message, fitting) = if as_probe {
                (format!("`{word}` is no probe: it does not only read"), "probes")
            } else {
                (format!("`{word}` is a probe and cannot be a step"), "steps")
            };
            let known: Vec<_> = known(names, as_probe).into_iter().map(|name| format!("`{name}`")).collect();
            report.error_help(codes::KIND_MISPLACED, span, message, format!("{fitting} are {}", known.join(", ")));
        }
        None if is_later(word) => {
            let message = format!("the kind `{word}` is not in this version");
            let meanwhile = if as_probe { "`command`" } else { "`run` or `manual.task`" };
            report.error_help(
                codes::KIND_LATER,
                span,
                message,
                format!("it is not there yet; until then use {meanwhile}"),
            );
        }
        None => {
            let what = if as_probe { "probe" } else { "kind" };
            let message = format!("there is no {what} `{word}`");
            report.error_help(codes::UNKNOWN_KIND, span, message, near_kind(word, &known(names, as_probe)));
        }
    }
    None
}

fn is_later(word: &str) -> bool {
    LATER.contains(&word) || LATER_SYSTEMS.iter().any(|system| word.split('.').next() == Some(system))
}

/// A kind of the same system: what another one calls alike does something else.
fn near_kind(word: &str, known: &[&'static str]) -> String {
    let Some((system, _)) = word.split_once('.') else { return nearest(word, known.iter().copied()) };
    let systems = known.iter().filter_map(|name| Some(name.split_once('.')?.0));
    match suggest::nearest(system, systems) {
        Some(near) => {
            let family = known.iter().copied().filter(|name| name.split_once('.').is_some_and(|it| it.0 == near));
            nearest(word, family)
        }
        None => format!("there is no kind for `{system}`; `regrow kinds` shows what there is"),
    }
}

fn known(names: &Names<'_, '_>, as_probe: bool) -> Vec<&'static str> {
    let fits = |name: &&str| {
        names.catalog.kind(name).is_some_and(|kind| if as_probe { kind.is_probe() } else { kind.is_step() })
    };
    names.catalog.names().into_iter().filter(fits).collect()
}

pub(super) fn with(
    names: &Names<'_, '_>,
    kind: &dyn KindFace,
    with: &Tree,
    uses: Span,
    site: &Site,
    report: &mut Report,
) {
    // The schema says where secrets may stand, so the names are judged without asking that.
    names.judge_tree(with, &Site { takes_secret: true, ..*site }, report);
    for entry in with.entries().iter().filter(|entry| !matches!(entry.key.text.as_str(), "outputs" | "form")) {
        secrets::in_clear(names, &entry.value, &entry.key.text, report);
    }
    values::sql(with, report);
    let flaws = schema::judge(names, with, kind.schema(), uses, site);
    let mut written = with.written();
    let mut is_whole = true;
    if !flaws.is_empty() {
        let places: Vec<Span> = flaws.iter().map(|flaw| flaw.span()).collect();
        is_whole = !flaws.iter().any(Flaw::is_unknown_key);
        report.problems.extend(flaws.into_iter().map(|flaw| flaw.problem(&report.source)));
        conceal(&mut written, with, kind.schema(), &places);
    }
    // What a word that nobody knows was meant for may not be missing at all.
    let complaints = kind.check(&Late { value: &written }).into_iter().filter(|it| is_whole || !it.path.is_empty());
    for complaint in complaints {
        let span = places::of_path(with, &complaint.path, uses);
        let problem = Problem::at(&report.source, complaint.code, span, complaint.message);
        report.problems.push(match complaint.help {
            Some(help) => problem.help(help),
            None => problem,
        });
    }
}

/// Makes unknown what was found wrong, and what is missing: what the kind has to say of the rest is no less true.
fn conceal(written: &mut Value, with: &Tree, schema: &Value, flaws: &[Span]) {
    let Value::Object(fields) = written else { return };
    let unknown = || Value::String("{{ }}".to_owned());
    let known = schema.get("properties").and_then(Value::as_object);
    for flaw in flaws {
        let above = with.entries().iter().filter(|entry| entry.key.span.offset <= flaw.offset);
        let Some(entry) = above.max_by_key(|entry| entry.key.span.offset) else { continue };
        match known.is_some_and(|known| known.contains_key(&entry.key.text)) {
            true => drop(fields.insert(entry.key.text.clone(), unknown())),
            false => drop(fields.remove(&entry.key.text)),
        }
    }
    for name in required(schema) {
        fields.entry(name).or_insert_with(unknown);
    }
}

fn undo(kind: &dyn KindFace, undo: Option<&Undo>, report: &mut Report) {
    let Some(Undo::Named(name)) = undo else { return };
    if kind.undos().contains(&name.text.as_str()) {
        return;
    }
    let message = format!("`{}` has no undo `{}`", kind.name(), name.text);
    let help = match (kind.undos(), kind.name()) {
        ([], "run") => "write the command: `undo: [program, argument]`".into(),
        ([], _) => "take it away: this kind cannot be undone".into(),
        (known, _) => nearest(&name.text, known.iter().copied()),
    };
    report.error_help(codes::UNKNOWN_UNDO, name.span, message, help);
}
