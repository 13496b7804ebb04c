//! What people are asked, and the steps that the engine itself performs.
//!
//! An approval is bound to what it shows: its code is made of the run, the step, the inputs and the shown facts. If they
//! change before the step starts, the approval is void and people are asked again.

use std::time::Duration;

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::by_hand;
use super::cleanup;
use super::command::Command;
use super::decide::{Decision, begin, done_at_once, has_place};
use super::escalation;
use super::group;
use super::intent;
use super::live::Live;
use super::people::contacts;
use super::rehearsal;
use super::time;
use crate::kind::Role;
use crate::model::record::{Ask, AskKind, Contact, Escalation, Event, StepIntended};
use crate::model::step::Reached;
use crate::model::time::Moment;
use crate::model::{Effect, OpId, RunState};
use crate::plan::Plan;
use crate::runbook::ast::{Approval, Minimum};
use crate::runbook::duration;
use crate::runbook::source::Span;

/// Whether an approval stands in front of that phase.
pub fn is_wanted(plan: &Plan, node: usize, phase: &str) -> bool {
    let kind = plan.kinds[node];
    let per_item = kind.asks_before_phase();
    // One question for all items, unless what is to be shown is known only when each is under way.
    if plan.item(node).is_some() && !per_item {
        return false;
    }
    if plan.is_group(node) {
        return plan.step(node).approval.is_some() && !per_item;
    }
    plan.step(node).approval.is_some() && kind.role() != Role::Intrinsic && kind.asks_before_phase() != phase.is_empty()
}

/// The question in front of a step's first phase.
pub fn approval(plan: &Plan, state: &RunState, live: &Live, node: usize, phase: &str, inputs: &Value) -> Event {
    let mut shown = live.prepared.get(&node).map(|prepared| prepared.changes.clone()).unwrap_or_default();
    if shown.is_empty() {
        shown.push(format!("start `{}` ({})", plan.address(node), plan.kinds[node].name()));
        shown.extend(in_words(inputs));
    }
    approval_of(plan, state, node, phase, inputs, shown)
}

/// What a step is given, one line each: nobody should approve what cannot be seen.
fn in_words(inputs: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, value) in inputs.as_object().into_iter().flatten() {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        match text.trim_end().contains('\n') {
            true => {
                lines.push(format!("{name}:"));
                lines.extend(text.lines().map(|line| format!("  {line}")));
            }
            false => lines.push(format!("{name}: {}", text.trim_end())),
        }
    }
    lines
}

/// The question in front of a phase that was reached.
pub fn phase_approval(plan: &Plan, state: &RunState, node: usize, reached: &Reached) -> Event {
    approval_of(plan, state, node, &reached.phase, &reached.facts, reached.shown.clone())
}

pub fn approval_of(
    plan: &Plan,
    state: &RunState,
    node: usize,
    phase: &str,
    bound_to: &Value,
    mut shown: Vec<String>,
) -> Event {
    rehearsal::mark(plan, &mut shown);
    if let Some(said) = &plan.step(node).in_place {
        shown.insert(0, format!("IN PLACE: what it replaces cannot be had back; {}", said.words()));
    }
    let wanted = plan.step(node).approval.as_deref().cloned().unwrap_or(Approval {
        from: Vec::new(),
        minimum: Minimum::Count(1),
        minimum_span: Span::default(),
        by_starter: true,
        escalation: None,
    });
    let from: Vec<String> = wanted.from.iter().map(|role| role.text.clone()).collect();
    let people = contacts(plan, state, &from, wanted.by_starter);
    let ask = Ask {
        what: AskKind::Approval,
        code: code(plan, state, node, phase, bound_to, &shown),
        shown,
        minimum: wanted.minimum.of(people.len()),
        people: named(people, &from),
        from,
        by_starter: wanted.by_starter,
        escalation: wanted.escalation.map(|it| {
            let to: Vec<String> = it.to.into_iter().map(|role| role.text).collect();
            escalation_to(plan, state, it.after, to, wanted.by_starter)
        }),
        form: Value::Null,
        phase: phase.to_string(),
    };
    Event::StepAsked { step: plan.address(node).clone(), ask }
}

/// `15m`, or `{after: 15m, to: [ROLE]}`; the kind has judged the form.
fn later(plan: &Plan, state: &RunState, said: &Value, by_starter: bool) -> Option<Escalation> {
    let after = said.get("after").unwrap_or(said).as_str().and_then(|text| duration::parse(text).ok())?;
    let to = serde_json::from_value(said["to"].clone()).unwrap_or_default();
    Some(escalation_to(plan, state, after, to, by_starter))
}

fn escalation_to(plan: &Plan, state: &RunState, after: Duration, to: Vec<String>, by_starter: bool) -> Escalation {
    let people = named(contacts(plan, state, &to, by_starter), &to);
    Escalation { after_ms: u64::try_from(after.as_millis()).unwrap_or(u64::MAX), to, people }
}

/// Where anybody is asked, nobody is named.
fn named(people: Vec<Contact>, from: &[String]) -> Vec<Contact> {
    if from.is_empty() { Vec::new() } else { people }
}

/// Six letters and digits that stand for all that is shown.
fn code(plan: &Plan, state: &RunState, node: usize, phase: &str, bound_to: &Value, shown: &[String]) -> String {
    const ALPHABET: &[u8] = b"23456789abcdefghjkmnpqrstuvwxyz";
    let address = plan.address(node);
    let generation = state.step(address).generation;
    let bound = json!([plan.run, address, generation, phase, bound_to, shown, plan.digest]);
    let hash = Sha256::digest(bound.to_string().as_bytes());
    hash[..6].iter().map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()])).collect()
}

/// A step that waits for people: goes on once enough of them approved what still stands.
pub fn consider(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, node: usize, decision: &mut Decision) {
    let step = state.step(plan.address(node));
    let Some(asked) = &step.ask else { return };
    if !step.is_approved() {
        return escalation::consider(plan.address(node), asked, now, decision);
    }
    // Agreed to now, it may be its time no more. What is under way goes on.
    let starts = step.reached.is_none() && plan.kinds[node].role() != Role::Intrinsic;
    if starts && !time::may_begin(plan, state, node, now, decision) {
        return;
    }
    if plan.is_group(node) {
        return group::agreed(plan, state, node, asked, decision);
    }
    if plan.kinds[node].role() == Role::Intrinsic {
        let outputs = Map::from_iter([("approved_by".to_string(), json!(step.approved_by))]);
        decision.events.push(done_at_once(plan, node, outputs));
        return;
    }
    if let Some(reached) = &step.reached {
        return intent::write_phase(plan, state, live, node, reached, decision);
    }
    if plan.kinds[node].prepares() && !live.prepared.contains_key(&node) {
        return begin(plan, state, live, node, decision);
    }
    let Ok(inputs) = intent::inputs(plan, state, node) else { return };
    let Event::StepAsked { ask, .. } = approval(plan, state, live, node, "", &inputs) else { return };
    if ask.code == asked.ask.code {
        begin(plan, state, live, node, decision);
    } else {
        decision.events.push(Event::ApprovalVoided { step: plan.address(node).clone() });
    }
}

/// Steps that need the engine: people, the ledger, the report.
pub fn intrinsic(plan: &Plan, state: &RunState, live: &mut Live, node: usize, decision: &mut Decision) {
    let address = plan.address(node);
    let step = state.step(address);
    let judged = intent::inputs(plan, state, node).and_then(|it| by_hand::judge_form(&it).map(|()| it));
    let inputs = match judged {
        Ok(inputs) => inputs,
        Err(fault) => return decision.fail(plan, node, fault),
    };
    let is_human = plan.effects[node] == Effect::Human;
    let has_hands = is_human || (live.working() < plan.concurrency && live.has_room);
    if !has_hands || !has_place(plan, live, node, decision) {
        return;
    }
    let intended = StepIntended {
        step: address.clone(),
        op: OpId::new(&plan.run, address, step.generation),
        attempt: step.attempts + 1,
        generation: step.generation,
        phase: String::new(),
        effect: plan.effects[node],
        inputs: inputs.clone(),
        prior: Value::Null,
        facts: Value::Null,
        changes: Vec::new(),
        spared: Vec::new(),
    };
    decision.events.push(Event::StepIntended(Box::new(intended)));
    if is_human {
        decision.asked.insert(node);
        decision.events.push(human(plan, state, node, &inputs));
    } else {
        live.busy.insert(node);
        decision.commands.push(machine(plan, state, node, inputs));
    }
}

/// Does again what an earlier executor began: both commands may be repeated.
pub fn machine(plan: &Plan, state: &RunState, node: usize, inputs: Value) -> Command {
    if plan.kinds[node].name() == "report.write" {
        return Command::Report { step: plan.address(node).clone(), inputs };
    }
    cleanup::of_step(state, plan.address(node), inputs.get("only").is_some())
}

/// Asks a person, or tells them.
pub fn human(plan: &Plan, state: &RunState, node: usize, inputs: &Value) -> Event {
    let text =
        |name: &str| inputs.get(name).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_string));
    let lines = |text: Option<String>| text.unwrap_or_default().lines().map(str::to_string).collect::<Vec<_>>();
    let names = |name: &str| -> Vec<String> { serde_json::from_value(inputs[name].clone()).unwrap_or_default() };
    let (what, mut shown) = match plan.kinds[node].name() {
        "manual.approval" => (AskKind::Approval, lines(text("show"))),
        "manual.notice" => {
            let acknowledged = inputs.get("acknowledge").and_then(Value::as_bool).unwrap_or(false);
            if !acknowledged {
                return done_at_once(plan, node, Map::new());
            }
            let whom = text("audience").map(|audience| format!("for {audience}:"));
            (AskKind::Acknowledge, whom.into_iter().chain(lines(text("message"))).collect())
        }
        _ => (AskKind::Task, lines(text("instructions"))),
    };
    rehearsal::mark(plan, &mut shown);
    let (from, by_starter) = (names("from"), inputs.get("by_starter").and_then(Value::as_bool).unwrap_or(true));
    let people = contacts(plan, state, &from, by_starter);
    let ask = Ask {
        what,
        code: code(plan, state, node, "", inputs, &shown),
        shown,
        minimum: Minimum::said(&inputs["minimum"]).of(people.len()),
        people: named(people, &from),
        from,
        by_starter,
        escalation: later(plan, state, &inputs["escalate_after"], by_starter),
        form: inputs.get("form").cloned().unwrap_or_default(),
        phase: String::new(),
    };
    Event::StepAsked { step: plan.address(node).clone(), ask }
}
