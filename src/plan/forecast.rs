//! What a run would do, as far as it can be known before it starts. Pure: the reads of the kinds are done by who asks.

use serde_json::{Map, Value, json};

use super::Plan;
use super::scope::RunScope;
use crate::graph::longest_way;
use crate::kind::{Foresight, Role};
use crate::model::step::StepState;
use crate::model::{Effect, Fault, RunState, Status};
use crate::runbook::ast::{Proof, Step};
use crate::runbook::catalog::{Late, OutputType, Shape};
use crate::runbook::drill::Way;
use crate::runbook::template::{Condition, SECRET, Scope};
use crate::runbook::tree::Tree;

/// What is known of one step.
#[derive(Debug)]
pub struct StepForecast {
    pub node: usize,
    pub verdict: Verdict,
    /// By name, `{"value": …}`, `{"predicted": …}` or `{"unknown": template}`.
    pub inputs: Map<String, Value>,
    pub foresight: Foresight,
    /// What its proofs will look at: their kinds, and their fields as far as they are known.
    pub probes: Vec<(String, Value)>,
    /// The whole `with`, if nothing in it is unknown; secrets as placeholders.
    pub known: Option<Value>,
    pub outputs: Vec<String>,
    /// A drill only looks at what it would change.
    pub only_planned: bool,
    /// Of templates that read nothing but what is known now: the run would not fare better.
    pub faults: Vec<Fault>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    WouldRun,
    WouldSkip,
    UnknownUntilRun,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Verdict::WouldRun => "would_run",
            Verdict::WouldSkip => "would_skip",
            Verdict::UnknownUntilRun => "unknown_until_run",
        }
    }
}

/// Every step, in the order of the graph.
pub fn forecast(plan: &Plan) -> Vec<StepForecast> {
    let state = RunState::default();
    // As it would be if every step had put out what can be foreseen.
    let mut foreseen = RunState::default();
    let verdicts = verdicts(plan);
    let mut steps: Vec<StepForecast> = Vec::with_capacity(plan.len());
    for &node in plan.graph.order() {
        let scope = RunScope::of(plan, &state, node);
        let verdict = verdicts[node];
        steps.push(if plan.is_body(node) {
            of_body(plan, &scope, &RunScope::of(plan, &foreseen, node), node, verdict)
        } else if plan.is_list(node) {
            of_list(plan, node, verdict)
        } else {
            let step = of_step(plan, &scope, &RunScope::of(plan, &foreseen, node), node, verdict);
            let outputs = step.foresight.outputs.clone();
            if verdict != Verdict::WouldSkip && !outputs.is_empty() {
                let done = StepState { status: Status::Succeeded, outputs: Some(outputs), ..StepState::pending() };
                foreseen.steps.insert(plan.address(node).clone(), Box::new(done));
            }
            step
        });
    }
    steps.sort_by_key(|step| step.node);
    steps
}

/// Of every node, as far as it is known from the start.
pub fn verdicts(plan: &Plan) -> Vec<Verdict> {
    let state = RunState::default();
    let mut verdicts = vec![Verdict::WouldRun; plan.len()];
    for &node in plan.graph.order() {
        verdicts[node] = verdict(plan, &RunScope::of(plan, &state, node), node, &verdicts);
    }
    verdicts
}

fn of_step(plan: &Plan, scope: &RunScope<'_>, later: &RunScope<'_>, node: usize, verdict: Verdict) -> StepForecast {
    let step = plan.step(node);
    let with = &step.with;
    let entries = || with.entries().iter();
    let mut inputs: Map<String, Value> =
        entries().map(|entry| (entry.key.text.clone(), input(&entry.value, scope, later))).collect();
    let known = if is_known(with, scope) { with.render(scope).ok() } else { None };
    let known = known.map(|known| plan.beside(node, known, &[]));
    let faults = if verdict == Verdict::WouldSkip { Vec::new() } else { faults(step, scope) };
    let mut given = as_far_as_known(with, later);
    if plan.is_drill() {
        let beside = plan.beside(node, given.clone(), &[]);
        if beside != given {
            replaced(&mut inputs, &given, &beside);
        }
        given = beside;
    }
    let mut foresight = plan.kinds[node].foresee(&Late { value: &given });
    let only_planned = plan.is_only_planned(node, &given, &[]);
    if only_planned {
        let untouched = std::mem::take(&mut foresight.touches);
        foresight.reads.extend(untouched);
    }
    let probe = |proof: &Proof| (proof.probe.clone(), as_far_as_known(&proof.with, later));
    let probes = step.verify.iter().map(probe).collect();
    let outputs = named(plan.puts_out(node));
    StepForecast { node, verdict, inputs, foresight, probes, known, outputs, only_planned, faults }
}

/// What goes wrong with all that is known already.
fn faults(step: &Step, scope: &RunScope<'_>) -> Vec<Fault> {
    let fields = step.with.entries().iter().map(|entry| &entry.value).filter(|tree| is_known(tree, scope));
    let condition = step.condition.as_deref().filter(|condition| condition_is_known(condition, scope));
    let of_condition = condition.and_then(|condition| condition.eval(scope).err());
    fields.filter_map(|tree| tree.render(scope).err()).chain(of_condition).collect()
}

fn condition_is_known(condition: &Condition, scope: &RunScope<'_>) -> bool {
    condition.references().iter().all(|reference| {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        reference.optional || scope.get(&path).is_some()
    })
}

/// What a drill gives a step in the place of what is written.
fn replaced(inputs: &mut Map<String, Value>, said: &Value, given: &Value) {
    inputs.retain(|name, _| given.get(name).is_some());
    for (name, value) in given.as_object().into_iter().flatten().filter(|(name, value)| said.get(name) != Some(value)) {
        inputs.insert(name.clone(), json!({ "value": shown(value.clone()) }));
    }
}

/// The fields of a step as far as they are known from the start; secrets as placeholders.
pub fn partly_known(plan: &Plan, node: usize) -> Value {
    as_far_as_known(&plan.step(node).with, &RunScope::of(plan, &RunState::default(), node))
}

/// The values; templates stay where they read what only the run will tell.
fn as_far_as_known(tree: &Tree, scope: &RunScope<'_>) -> Value {
    let entry = |tree: &Tree| match is_known(tree, scope) {
        true => tree.render(scope).unwrap_or_else(|_| tree.written()),
        false => tree.written(),
    };
    tree.entries().iter().map(|it| (it.key.text.clone(), entry(&it.value))).collect()
}

/// Its steps are told one by one.
fn of_body(plan: &Plan, scope: &RunScope<'_>, later: &RunScope<'_>, node: usize, verdict: Verdict) -> StepForecast {
    let outputs = match plan.ways(node).map(|way| plan.puts_out(way)).reduce(Shape::common) {
        Some(of_ways) if plan.step(node).tries() => named(of_ways),
        _ => plan.step(node).inside().map(|book| book.outputs.keys().cloned().collect()).unwrap_or_default(),
    };
    StepForecast { known: None, outputs, ..of_step(plan, scope, later, node, verdict) }
}

/// Only its items do something.
fn of_list(plan: &Plan, node: usize, verdict: Verdict) -> StepForecast {
    let items = match plan.items.get(plan.address(node)) {
        Some(items) => json!({ "value": items.iter().map(|item| item.key.as_str()).collect::<Vec<_>>() }),
        None => json!({ "unknown": plan.step(node).foreach.as_ref().map(|foreach| foreach.list.written()) }),
    };
    let inputs = Map::from_iter([("foreach".to_string(), items)]);
    let (foresight, probes) = (Foresight::default(), Vec::new());
    let (known, outputs, only_planned, faults) = (None, Vec::new(), false, Vec::new());
    StepForecast { node, verdict, inputs, foresight, probes, known, outputs, only_planned, faults }
}

fn verdict(plan: &Plan, scope: &RunScope<'_>, node: usize, before: &[Verdict]) -> Verdict {
    if plan.is_never_done(node) || plan.way(node) == Some(Way::Stub) {
        return Verdict::WouldSkip;
    }
    // Only a failure of its step would begin it.
    if let Some(of) = plan.outline.steps[node].mends {
        return if before[of] == Verdict::WouldSkip { Verdict::WouldSkip } else { Verdict::UnknownUntilRun };
    }
    let step = plan.step(node);
    if let Some(member) = plan.graph.nodes[node].group
        && before[member.of] != Verdict::WouldRun
    {
        return before[member.of];
    }
    if plan.is_list(node) && !plan.items.contains_key(plan.address(node)) {
        return Verdict::UnknownUntilRun;
    }
    // The `if` of a step with `foreach` is asked of each item.
    if let Some(condition) = step.condition.as_ref().filter(|_| !plan.is_list(node)) {
        let known = condition_is_known(condition, scope);
        match condition.eval(scope) {
            Ok(false) if known => return Verdict::WouldSkip,
            Ok(true) if known => {}
            _ => return Verdict::UnknownUntilRun,
        }
    }
    // Only a `when` of its own makes the end of a need decide about this step.
    let decided_late = plan.graph.nodes[node].needs.iter().any(|(need, when)| {
        let ends_on_success = when.as_ref().is_none_or(|when| when.contains(&crate::runbook::ast::Ended::Succeeded));
        !ends_on_success || (when.is_some() && before[*need] == Verdict::UnknownUntilRun)
    });
    if decided_late && !plan.is_finally(node) { Verdict::UnknownUntilRun } else { Verdict::WouldRun }
}

fn is_known(tree: &Tree, scope: &RunScope<'_>) -> bool {
    tree.references().iter().all(|reference| {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        path.first() == Some(&"secrets") || scope.get(&path).is_some() || (reference.optional && path[0] != "steps")
    })
}

pub(super) fn input(tree: &Tree, scope: &RunScope<'_>, later: &RunScope<'_>) -> Value {
    // A dry run has no id and no start of its own: what is made of them only shows its form.
    let is_of_run = tree.references().iter().any(|it| {
        it.root() == "run" && matches!(it.path.get(1).map(String::as_str), Some("id" | "short_id" | "started_at"))
    });
    for (word, scope) in [("value", scope), ("predicted", later)] {
        let value = match is_known(tree, scope).then(|| tree.render(scope)) {
            Some(Ok(value)) => value,
            Some(Err(fault)) if word == "value" => return json!({ "unknown": tree.written(), "fault": fault }),
            _ => continue,
        };
        return json!({ if is_of_run { "predicted" } else { word }: shown(value) });
    }
    json!({ "unknown": tree.written() })
}

/// A secret is shown as what it is called.
fn shown(value: Value) -> Value {
    match value {
        Value::Object(map) => match map.get(SECRET) {
            Some(Value::String(text)) => text.clone().into(),
            _ => map.into_iter().map(|(key, inner)| (key, shown(inner))).collect(),
        },
        Value::Array(items) => items.into_iter().map(shown).collect(),
        plain => plain,
    }
}

fn named(shape: Shape) -> Vec<String> {
    match shape {
        Shape::Closed(shape) => shape.into_iter().map(|(name, kind)| format!("{name}: {}", word(kind))).collect(),
        Shape::Open => vec!["known when it ran".into()],
    }
}

fn word(kind: OutputType) -> &'static str {
    match kind {
        OutputType::Text => "string",
        OutputType::Integer => "integer",
        OutputType::Number => "number",
        OutputType::Boolean => "boolean",
        OutputType::Timestamp => "timestamp",
        OutputType::List => "list",
        OutputType::Map => "map",
        OutputType::Connection => "connection",
        OutputType::Secret => "secret",
    }
}

/// Whether a kind may be asked to prepare in a dry run: its own reads, on what is fully known.
pub fn may_prepare(plan: &Plan, step: &StepForecast) -> bool {
    let kind = plan.kinds[step.node];
    let changes = !matches!(plan.effects[step.node], Effect::Human);
    step.verdict == Verdict::WouldRun && changes && kind.role() == Role::Step && kind.prepares() && step.known.is_some()
}

/// Whether `regrow ready` may ask its kind if it could begin.
pub fn may_look(plan: &Plan, step: &StepForecast) -> bool {
    plan.kinds[step.node].looks() && step.verdict == Verdict::WouldRun && !is_of_people(plan, step.node)
}

/// Whether only people and regrow itself do it: there is nothing outside to look at.
pub fn is_of_people(plan: &Plan, node: usize) -> bool {
    plan.effects[node] == Effect::Human || plan.kinds[node].role() == Role::Intrinsic
}

/// The steps that start before any other has ended.
pub fn starts_at_once(plan: &Plan, steps: &[StepForecast]) -> Vec<usize> {
    let starts = |step: &&StepForecast| {
        let at = &plan.graph.nodes[step.node];
        let open = plan.graph.groups(step.node).all(|group| plan.graph.nodes[group].needs.is_empty());
        step.verdict != Verdict::WouldSkip && at.needs.is_empty() && open && !at.finally && !at.is_group()
    };
    steps.iter().filter(starts).map(|step| step.node).collect()
}

/// The chain of needs that takes longest by estimate, without what is left out.
pub fn critical_path(plan: &Plan) -> Vec<usize> {
    let verdicts = verdicts(plan);
    let is_done = |node: usize| verdicts[node] != Verdict::WouldSkip;
    let seconds = |node: usize| plan.outline.steps[node].estimate_seconds.filter(|_| is_done(node));
    let (mut way, _) = longest_way(&plan.graph, |node| plan.outline.steps[node].mends.is_none(), seconds);
    way.retain(|node| is_done(*node));
    way
}
