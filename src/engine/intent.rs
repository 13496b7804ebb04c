//! From a step that may start to an intent, and from an intent on disk to the operation it names.

use serde_json::{Map, Value, json};

use super::command::{Command, RenderedProof};
use super::decide::{Decision, must_look_first};
use super::live::Live;
use super::rehearsal;
use crate::kind::{AnyKind, Made, Op, RawOp, places};
use crate::model::ledger::LedgerEntry;
use crate::model::record::{Check, Event, StepIntended};
use crate::model::step::{Reached, StepState};
use crate::model::{Fault, OpId, RunState};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::codes;
use crate::runbook::template::holds_secret;

/// The rendered `with`, secrets as placeholders.
pub fn inputs(plan: &Plan, state: &RunState, node: usize) -> Result<Value, Fault> {
    let inputs = plan.step(node).with.render(&RunScope::of(plan, state, node))?;
    let inputs = plan.beside(node, inputs, &state.ledger);
    refuse_shown(&inputs, plan.kinds[node])?;
    Ok(inputs)
}

/// What a step puts out may turn out to be secret only when it has run: then no field takes it that would show it.
fn refuse_shown(with: &Value, kind: &dyn AnyKind) -> Result<(), Fault> {
    if !holds_secret(with) {
        return Ok(());
    }
    let Some(field) = places::misplaced(with, &kind.schema()) else { return Ok(()) };
    Err(Fault::new(codes::SECRET_MISPLACED, format!("`{field}` is given a secret, and would show it"))
        .hint("secrets are taken only by fields such as `password`, `env`, `stdin`, `headers` and `body`"))
}

/// The operation that the next intent of a step will name.
pub fn fresh_op(plan: &Plan, state: &RunState, node: usize, params: Value) -> RawOp {
    let step = state.step(plan.address(node));
    raw(plan, node, step, step.attempts + 1, params)
}

/// The operation that the intent on disk names.
pub fn op(plan: &Plan, state: &RunState, node: usize) -> Option<RawOp> {
    let step = state.step(plan.address(node));
    let intent = step.intent.as_ref()?;
    let mut op = raw(plan, node, step, step.attempts, intent.inputs.clone());
    op.phase.clone_from(&intent.phase);
    op.prior = intent.prior.clone();
    op.facts = intent.facts.clone();
    op.boot.clone_from(intent.in_doubt.as_ref().unwrap_or(&intent.at.boot));
    Some(op)
}

fn raw(plan: &Plan, node: usize, step: &StepState, attempt: u32, params: Value) -> RawOp {
    let timeout_ms = plan.step(node).timeout.map(|timeout| u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    Op { timeout_ms, ..Op::of_step(&plan.run, plan.address(node), (step.generation, attempt), params) }
}

/// Intent and start of the first phase. The one door to it, so that a drill starts nothing that it only plans.
pub fn write(plan: &Plan, state: &RunState, live: &mut Live, node: usize, inputs: Value, decision: &mut Decision) {
    if let Some(event) = rehearsal::planned(plan, state, live, node, &inputs) {
        return decision.events.push(event);
    }
    let step = state.step(plan.address(node));
    let prepared = live.prepared.remove(&node);
    let (prior, changes, creates) = prepared.map_or_else(Default::default, |p| (p.prior, p.changes, p.creates));
    match ledger(plan, state, node, creates) {
        Ok(entries) => decision.events.extend(entries.into_iter().map(|entry| Event::LedgerAdded { entry })),
        Err(fault) => {
            decision.fail(plan, node, fault);
            return;
        }
    }
    let op = OpId::new(&plan.run, plan.address(node), step.generation);
    // Taken once an operation: an earlier attempt may have changed what was there.
    let prior = step
        .intent
        .as_ref()
        .filter(|earlier| earlier.op == op && guard!("prior"))
        .map_or(prior, |earlier| earlier.prior.clone());
    let attempt = step.attempts + 1;
    let intended = StepIntended {
        step: plan.address(node).clone(),
        op,
        attempt,
        generation: step.generation,
        phase: String::new(),
        effect: plan.effects[node],
        spared: plan.spared(state, node, &inputs),
        inputs,
        prior,
        facts: Value::Null,
        changes,
    };
    issue(plan, state, live, node, intended, decision);
}

/// Intent and start of a phase that was reached. The whole operation counts as one attempt.
pub fn write_phase(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    node: usize,
    reached: &Reached,
    decision: &mut Decision,
) {
    let step = state.step(plan.address(node));
    let Some(intent) = &step.intent else { return };
    let intended = StepIntended {
        step: plan.address(node).clone(),
        op: intent.op.clone(),
        attempt: step.attempts,
        generation: step.generation,
        phase: reached.phase.clone(),
        effect: intent.effect,
        inputs: intent.inputs.clone(),
        prior: intent.prior.clone(),
        facts: reached.facts.clone(),
        changes: reached.shown.clone(),
        spared: intent.spared.clone(),
    };
    let made = reached.creates.iter().cloned();
    decision.events.extend(made.map(|made| Event::LedgerAdded { entry: entry(plan, node, made) }));
    issue(plan, state, live, node, intended, decision);
}

fn issue(plan: &Plan, state: &RunState, live: &mut Live, node: usize, intended: StepIntended, decision: &mut Decision) {
    let step = state.step(plan.address(node));
    let mut op = raw(plan, node, step, intended.attempt, intended.inputs.clone());
    op.phase.clone_from(&intended.phase);
    op.prior = intended.prior.clone();
    op.facts = intended.facts.clone();
    // Begun in this very boot, unless a lost record may have begun it in another one.
    op.boot.clone_from(step.in_doubt.as_ref().unwrap_or(&live.boot));
    let look = must_look_first(intended.effect, intended.attempt, step.in_doubt.is_some() && guard!("look in doubt"));
    decision.events.push(Event::StepIntended(Box::new(intended)));
    live.busy.insert(node);
    decision.commands.push(if look { Command::Find { op } } else { Command::Start { op } });
}

/// What the ledger will hold: what `prepare` announced, and what `creates` of the step says.
fn ledger(plan: &Plan, state: &RunState, node: usize, made: Vec<Made>) -> Result<Vec<LedgerEntry>, Fault> {
    let scope = RunScope::of(plan, state, node);
    let mut entries: Vec<_> = made.into_iter().map(|made| entry(plan, node, made)).collect();
    for creates in &plan.step(node).creates {
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let (kind, id) = (text(creates.kind.render(&scope)?), text(creates.id.render(&scope)?));
        let op = OpId::new(&plan.run, plan.address(node), state.step(plan.address(node)).generation);
        let attempt = state.step(plan.address(node)).attempts + 1;
        let details = json!({ "op": op, "attempt": attempt, "remove": creates.remove.render(&scope)? });
        entries.push(entry(plan, node, Made { kind, id, scratch: false, details }));
    }
    Ok(entries)
}

fn entry(plan: &Plan, node: usize, made: Made) -> LedgerEntry {
    let step = plan.step(node);
    let keep_for = step.temporary.and_then(|temporary| temporary.keep_for);
    LedgerEntry {
        kind: made.kind,
        id: made.id,
        made_by: plan.address(node).clone(),
        temporary: step.temporary.is_some(),
        scratch: made.scratch,
        put_aside: false,
        keep_for_ms: keep_for.map(|keep| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX)),
        keep_until: None,
        remover: step.kind.clone(),
        details: made.details,
    }
}

/// Starts the proofs of a step that says it is done.
pub fn verify(plan: &Plan, state: &RunState, live: &mut Live, node: usize, decision: &mut Decision) {
    let address = plan.address(node);
    match proofs(plan, state, node) {
        Ok(proofs) => {
            live.busy.insert(node);
            decision.commands.push(Command::Verify { step: address.clone(), proofs });
        }
        Err(fault) => {
            let checks: Vec<Check> = Vec::new();
            decision.events.push(Event::StepUnproven { step: address.clone(), checks, fault });
        }
    }
}

/// Whether its proofs can say anything of it: in a drill there may be none that is asked.
pub fn has_proofs(plan: &Plan, state: &RunState, node: usize) -> bool {
    let none_is_asked = |proofs: Vec<RenderedProof>| proofs.iter().all(|proof| proof.left_out);
    !plan.step(node).verify.is_empty() && !proofs(plan, state, node).is_ok_and(none_is_asked)
}

fn proofs(plan: &Plan, state: &RunState, node: usize) -> Result<Vec<RenderedProof>, Fault> {
    let step = state.step(plan.address(node));
    let scope = RunScope { own: step.outputs.as_ref(), ..RunScope::of(plan, state, node) };
    let mut proofs = Vec::new();
    for proof in &plan.step(node).verify {
        let with = plan.proof_beside(state, node, &proof.probe, proof.with.render(&scope)?);
        let (left_out, with) = (with.is_none(), with.unwrap_or_default());
        let op = raw(plan, node, step, step.attempts.max(1), with.clone());
        proofs.push(RenderedProof { proof: proof.clone(), with, op, names: names(&scope, proof), left_out });
    }
    Ok(proofs)
}

/// The values that the templates of `expect` name, as one tree.
fn names(scope: &RunScope<'_>, proof: &crate::runbook::ast::Proof) -> Value {
    use crate::runbook::template::Scope;
    let mut root = Map::new();
    for reference in proof.expect.trees().into_iter().flat_map(|tree| tree.references()) {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        if let Some(value) = scope.get(&path) {
            insert(&mut root, &path, value);
        }
    }
    Value::Object(root)
}

fn insert(map: &mut Map<String, Value>, path: &[&str], value: Value) {
    match path {
        [] => {}
        [last] => {
            map.insert((*last).to_string(), value);
        }
        [first, rest @ ..] => {
            let inner = map.entry((*first).to_string()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
