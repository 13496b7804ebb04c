//! The names that templates read: whether they exist, may be read where they stand, and what type they have.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::include::{self, Given};
use super::nearest;
use super::secret_vars::SecretVars;
use crate::graph::Graph;
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::catalog::{Catalog, Late, Shape};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::template::{Reference, Type, infer};
use crate::runbook::tree::{Node, Tree};

/// What is seen in one body: the steps of a file, or of a block in it. `'b` lives as long as the bodies around it.
pub struct Names<'b, 'a> {
    /// The file, with the names that are seen all over it.
    pub runbook: &'a Runbook,
    /// The steps, and what they show.
    pub body: &'a Runbook,
    pub graph: &'b Graph,
    pub catalog: &'a dyn Catalog,
    /// Of a block: what is seen around it, and which of the steps there it is.
    pub(super) outer: Option<(&'b Names<'b, 'a>, usize)>,
    /// The `with` of every node as written.
    pub(super) written: Vec<Value>,
    pub(super) shapes: Vec<Shape>,
    pub(super) secret_vars: Arc<SecretVars<'a>>,
    /// What an included file is given; the runbook itself is given nothing.
    pub(super) given: Option<&'b Given>,
    /// The runbook itself: who has to be there it says also for the files that it includes.
    pub(super) root: &'a Runbook,
}

/// Where a template stands, which decides what it may read.
#[derive(Clone, Copy, Debug)]
pub struct Site {
    /// The step; `None` in `vars`.
    pub node: Option<usize>,
    /// In the step's own `verify`, where `self` is its outcome.
    pub in_verify: bool,
    /// Whether text with a secret may stand here, where no schema says so.
    pub takes_secret: bool,
    /// All steps have ended: in `outputs` of an included file or of a block.
    pub at_end: bool,
}

const ROOTS: &[&str] = &["params", "vars", "secrets", "steps", "self", "run", "env", "item", "item_key", "hold"];
const OF_RUN: &[&str] = &["id", "short_id", "started_at", "mode", "outage_began"];
const OF_STEP: &[&str] = &["outputs", "started_at", "ended_at"];

impl Site {
    pub fn vars() -> Self {
        Self { node: None, in_verify: false, takes_secret: true, at_end: false }
    }

    pub fn outputs() -> Self {
        Self { node: None, in_verify: false, takes_secret: false, at_end: true }
    }

    pub fn step(node: usize) -> Self {
        Self { node: Some(node), in_verify: false, takes_secret: false, at_end: false }
    }

    pub fn verify(node: usize) -> Self {
        Self { in_verify: true, ..Self::step(node) }
    }
}

impl<'b, 'a> Names<'b, 'a> {
    pub fn new(
        runbook: &'a Runbook,
        graph: &'b Graph,
        catalog: &'a dyn Catalog,
        given: Option<&'b Given>,
        root: &'a Runbook,
    ) -> Self {
        let (written, shapes) = put_out(runbook, catalog);
        let secret_vars = Arc::new(SecretVars::of(runbook));
        Self { runbook, body: runbook, graph, catalog, outer: None, written, shapes, secret_vars, given, root }
    }

    pub fn late(&self, node: usize) -> Late<'_> {
        Late { value: &self.written[node] }
    }

    pub fn step(&self, node: usize) -> &'a Step {
        self.graph.step(self.body, node)
    }

    /// Whether a name leads to a secret.
    pub fn is_secret(&self, path: &[String], site: &Site) -> bool {
        match path[0].as_str() {
            "secrets" => true,
            "params" => self.given.is_some_and(|given| given.is_secret(&path[1..])),
            "vars" => self.secret_vars.lead_to_one(path),
            "steps" => self.is_secret_output(path, site),
            "self" => match (site.node, path) {
                (Some(node), [_, field, name, ..]) if field == "outputs" => self.shapes[node].is_secret(name),
                _ => false,
            },
            "hold" => match (self.read_of_hold(site), path) {
                (Some(read), [_, _, name, ..]) => self.shapes[read].is_secret(name),
                _ => false,
            },
            _ => false,
        }
    }

    fn is_secret_output(&self, path: &[String], site: &Site) -> bool {
        let [_, id, field, name, ..] = path else { return false };
        field == "outputs" && self.seen(id, site).is_some_and(|(names, node, _)| names.shapes[node].is_secret(name))
    }

    /// Judges every template of a tree.
    pub fn judge_tree(&self, tree: &Tree, site: &Site, report: &mut Report) {
        tree.walk(None, &mut |_, inner| {
            let Node::Template(template) = &inner.node else { return };
            for reference in template.references() {
                self.judge(reference, site, report);
                if !site.takes_secret && self.is_secret(&reference.path, site) {
                    super::secrets::misplaced(reference.span, &reference.dotted(), report);
                }
            }
            for (expr, span) in template.expressions() {
                self.infer(expr, site, &mut |message, help| {
                    report.error_help(codes::ARGUMENT_TYPE, span, message, help)
                });
            }
        });
    }

    pub fn infer(
        &self,
        expr: &crate::runbook::template::Expr,
        site: &Site,
        complain: &mut dyn FnMut(String, String),
    ) -> Type {
        infer(expr, &|path| self.type_of(path, site), complain)
    }

    pub fn judge(&self, reference: &Reference, site: &Site, report: &mut Report) {
        match reference.root() {
            "params" => self.of_map(reference, &self.runbook.params, codes::UNKNOWN_PARAM, "parameter", report),
            "vars" => self.var(reference, report),
            "secrets" => self.of_map(reference, &self.runbook.secrets, codes::UNKNOWN_SECRET, "secret", report),
            "steps" => self.of_step(reference, site, report),
            "self" => self.of_self(reference, site, report),
            "run" => of_words(reference, OF_RUN, report),
            "env" if site.node.is_some() || site.at_end => {
                let help = match self.given {
                    Some(_) => include::HAND_IN,
                    None => "read it once in `vars`: `vars: { x: \"{{ env.NAME }}\" }`, and use `vars.x` here",
                };
                report.error_help(codes::ENV_OUTSIDE_VARS, reference.span, "`env` can be read only in `vars`", help);
            }
            "env" if reference.path.len() == 2 => {}
            "env" => vague(reference, "name one variable: `env.HOME`", report),
            "item" | "item_key" => self.of_item(reference, site, report),
            "hold" => self.of_hold(reference, site, report),
            root => {
                let message = format!("there is no `{root}` in templates");
                let help = self.root_help(root, reference);
                report.error_help(codes::UNKNOWN_NAME, reference.span, message, help);
            }
        }
    }

    /// A bare name is most often a parameter or variable whose root was left out.
    fn root_help(&self, root: &str, reference: &Reference) -> String {
        if self.runbook.params.contains_key(root) {
            return format!("did you mean `params.{root}`?");
        }
        if self.runbook.vars.contains_key(root) {
            return format!("did you mean `vars.{root}`?");
        }
        if self.graph.find(root).is_some() {
            return format!("did you mean `steps.{}`?", reference.dotted());
        }
        nearest(root, ROOTS.iter().copied())
    }

    fn of_map<T>(
        &self,
        reference: &Reference,
        known: &IndexMap<String, T>,
        code: &'static str,
        what: &str,
        report: &mut Report,
    ) {
        let Some(name) = reference.path.get(1) else {
            vague(reference, &format!("name one {what}: `{}.NAME`", reference.root()), report);
            return;
        };
        if known.contains_key(name) {
            return;
        }
        let help = match (known.is_empty(), self.given) {
            (true, Some(_)) if reference.root() != "params" => include::HAND_IN.into(),
            (true, _) => format!("declare it under `{}:`", reference.root()),
            (false, _) => report.nearest(name, || known.keys().map(String::as_str).collect()),
        };
        report.error_help(code, reference.span, format!("there is no {what} `{name}`"), help);
    }

    fn var(&self, reference: &Reference, report: &mut Report) {
        self.of_map(reference, &self.runbook.vars, codes::UNKNOWN_VAR, "variable", report);
        let Some(mut tree) = reference.path.get(1).and_then(|name| self.runbook.vars.get(name)) else { return };
        for (depth, key) in reference.path.iter().enumerate().skip(2) {
            match &tree.node {
                Node::Map(entries) => match tree.get(key) {
                    Some(inner) => tree = inner,
                    None if reference.optional => return,
                    None => {
                        let message = format!("`{}` has no `{key}`", reference.path[..depth].join("."));
                        let help = nearest(key, entries.iter().map(|entry| entry.key.text.as_str()));
                        report.error_help(codes::UNKNOWN_VAR, reference.span, message, help);
                        return;
                    }
                },
                _ => return,
            }
        }
    }

    fn of_step(&self, reference: &Reference, site: &Site, report: &mut Report) {
        if site.node.is_none() && !site.at_end {
            let help = "`vars` are computed when the run starts: name the output in the step that uses it";
            report.error_help(codes::UNKNOWN_NAME, reference.span, "`steps` cannot be read in `vars`", help);
            return;
        }
        let Some(id) = reference.path.get(1) else {
            vague(reference, "name the step and its output: `steps.ID.outputs.NAME`", report);
            return;
        };
        match self.seen(id, site) {
            Some((names, other, site)) => names.of_known_step(reference, id, other, &site, report),
            None => {
                let help = report.nearest(id, || self.ids());
                report.error_help(codes::UNKNOWN_STEP, reference.span, format!("there is no step `{id}`"), help);
            }
        }
    }

    fn of_known_step(&self, reference: &Reference, id: &str, other: usize, site: &Site, report: &mut Report) {
        if let Some(node) = site.node.filter(|node| !site.at_end && !self.may_read(*node, other)) {
            self.not_ancestor(reference, node, other, report);
            return;
        }
        let Some(field) = reference.path.get(2) else {
            vague(reference, &format!("name its output: `steps.{id}.outputs.NAME`"), report);
            return;
        };
        if self.step(other).foreach.is_some() && matches!(field.as_str(), "items" | "outputs") {
            self.of_items(reference, field, report);
        } else if field == "items" {
            let message = format!("step `{id}` has no items: it has no `foreach`");
            report.error_help(codes::UNKNOWN_NAME, reference.span, message, nearest(field, OF_STEP.iter().copied()));
        } else if field == "winner" && self.step(other).tries() {
            // One word, which says which way it was.
        } else if field == "winner" {
            let message = format!("step `{id}` has no winner: it has no `try`");
            report.error_help(codes::UNKNOWN_NAME, reference.span, message, nearest(field, OF_STEP.iter().copied()));
        } else if !OF_STEP.contains(&field.as_str()) {
            let message = format!("`steps.{id}` has no `{field}`");
            let help = match &self.shapes[other] {
                Shape::Closed(outputs) if outputs.contains_key(field) => {
                    format!("did you mean `steps.{id}.outputs.{field}`?")
                }
                _ => nearest(field, OF_STEP.iter().copied()),
            };
            report.error_help(codes::UNKNOWN_NAME, reference.span, message, help);
        } else if field == "outputs" {
            self.output(reference, 3, other, report);
            self.never_put_out(reference, other, site, report);
        }
    }

    /// What is read of a step that no run does.
    fn never_put_out(&self, reference: &Reference, other: usize, site: &Site, report: &mut Report) {
        let is_never = |node: usize| self.step(node).condition.as_ref().is_some_and(|condition| condition.is_never());
        if reference.optional || reference.lazy || !is_never(other) || site.node.is_some_and(is_never) {
            return;
        }
        let (id, name) = (&self.step(other).id, reference.dotted());
        let message = format!("`{name}` is never there: the `if` of `{id}` is false");
        let help = format!("take the `if` of `{id}` away, or say what is taken instead: `(default {name} …)`");
        report.error_help(codes::MISSING_VALUE, reference.span, message, help);
    }

    /// A step of `finally` may look at all steps; they have ended.
    fn may_read(&self, node: usize, other: usize) -> bool {
        let after_all = self.graph.nodes[node].finally && !self.graph.nodes[other].finally;
        let is_mended = self.step(node).is_repair_of(&self.step(other).id);
        after_all || (self.graph.is_ancestor(other, node) && !is_mended)
    }

    fn not_ancestor(&self, reference: &Reference, node: usize, other: usize, report: &mut Report) {
        let (step, id) = (self.step(node), &self.step(other).id);
        if node == other {
            let message = format!("step `{id}` cannot read its own outcome here");
            let help = match step.is_body() {
                true => "what is inside of it reads the steps beside, by their own ids",
                false => "in `verify`, write `self.outputs.NAME`",
            };
            report.error_help(codes::NOT_ANCESTOR, reference.span, message, help);
            return;
        }
        if step.is_repair_of(id) {
            let message = format!("a repair of `{id}` cannot read what `{id}` puts out: it is done when that failed");
            let help = "read what the steps before it put out";
            return report.error_help(codes::NOT_ANCESTOR, reference.span, message, help);
        }
        if self.graph.nodes[other].finally && !self.graph.nodes[node].finally {
            let message = format!("step `{id}` stands in `finally` and has not run when `{}` starts", step.id);
            report.error_help(
                codes::NOT_ANCESTOR,
                reference.span,
                message,
                "move it to `steps` if others read its outputs",
            );
            return;
        }
        let mut needs: Vec<&str> = step.needs.iter().flatten().map(|need| need.step.as_str()).collect();
        needs.push(id);
        let message = format!("step `{}` reads from `{id}` without needing it", step.id);
        let help = format!("add it: `needs: [{}]`", needs.join(", "));
        report.error_help(codes::NOT_ANCESTOR, reference.span, message, help);
    }

    fn of_self(&self, reference: &Reference, site: &Site, report: &mut Report) {
        let Some(node) = site.node.filter(|_| site.in_verify) else {
            let message = "`self` can be read only in the `verify` of its own step";
            let help = "elsewhere name the step: `steps.ID.outputs.NAME`";
            report.error_help(codes::SELF_OUTSIDE_VERIFY, reference.span, message, help);
            return;
        };
        match reference.path.get(1).map(String::as_str) {
            Some("outputs") => self.output(reference, 2, node, report),
            _ => vague(reference, "name an output: `self.outputs.NAME`", report),
        }
    }

    pub(super) fn output(&self, reference: &Reference, at: usize, node: usize, report: &mut Report) {
        let (Shape::Closed(outputs), Some(name)) = (&self.shapes[node], reference.path.get(at)) else { return };
        if outputs.contains_key(name) {
            return;
        }
        let step = self.step(node);
        let message = format!("step `{}` has no output `{name}`", step.id);
        let help = match (outputs.is_empty(), step.kind.as_str()) {
            (_, "run") if outputs.len() <= 1 => {
                format!("declare it: `with: {{ outputs: {{ {name}: {{ type: string }} }} }}`")
            }
            (true, "include") => "the file has no `outputs`; add them: `outputs: { NAME: \"{{ … }}\" }`".into(),
            (_, "try") => "a `try` puts out what each of its ways puts out".into(),
            (true, "block") => "the block has no `outputs`; add them: `outputs: { NAME: \"{{ … }}\" }`".into(),
            (true, kind) => format!("`{kind}` puts nothing out"),
            (false, _) => nearest(name, outputs.keys().map(String::as_str)),
        };
        report.error_help(codes::UNKNOWN_OUTPUT, reference.span, message, help);
    }
}

/// The `with` of every node as written, and what it puts out.
pub(super) fn put_out(body: &Runbook, catalog: &dyn Catalog) -> (Vec<Value>, Vec<Shape>) {
    let steps: Vec<&Step> = body.all_steps().map(|(_, step)| step).collect();
    let written: Vec<Value> = steps.iter().map(|step| step.with.written()).collect();
    let shape = |(step, value): (&&Step, &Value)| match (step.is_body(), catalog.kind(&step.kind)) {
        (true, _) if step.tries() => include::shape_of_ways(step.inside(), catalog),
        (true, _) => include::shape(step.inside()),
        (false, Some(kind)) => kind.outputs(&Late { value }),
        (false, None) => Shape::Open,
    };
    let shapes = steps.iter().zip(&written).map(shape).collect();
    (written, shapes)
}

fn of_words(reference: &Reference, known: &[&str], report: &mut Report) {
    let root = reference.root();
    match reference.path.get(1) {
        Some(word) if known.contains(&word.as_str()) => {}
        Some(word) => {
            let message = format!("`{root}` has no `{word}`");
            report.error_help(codes::UNKNOWN_NAME, reference.span, message, nearest(word, known.iter().copied()));
        }
        None => vague(reference, &format!("name one of `{root}.{}`", known.join(&format!("`, `{root}.")),), report),
    }
}

pub(super) fn vague(reference: &Reference, help: &str, report: &mut Report) {
    let message = format!("`{}` says too little", reference.dotted());
    report.error_help(codes::VAGUE_REFERENCE, reference.span, message, help);
}
