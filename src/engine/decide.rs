//! What to do next: a pure function of the plan, the folded journal, what this executor knows, and the time (G14).
//!
//! One call looks at every step that can move and says which records follow and what is to be done once they are on disk.
//! It is called again after those records were folded, until nothing follows any more.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ask;
use super::cleanup;
use super::command::Command;
use super::ending;
use super::frontier::Readiness;
use super::group;
use super::holds;
use super::intent;
use super::late;
use super::live::{Known, Live};
use super::rehearsal;
use super::repairs;
use super::retry;
use super::tell;
use super::time;
use super::tries;
use super::undo;
use crate::kind::Role;
use crate::model::record::{Event, SkipReason, StepSucceeded};
use crate::model::time::Moment;
use crate::model::{Address, Effect, Fault, RunState, Status};
use crate::plan::scope::RunScope;
use crate::plan::{Plan, include};
use crate::runbook::ast::Order;
use crate::runbook::catalog::{InPlace, Late};

/// Records that follow, commands to issue once they are on disk, and when to look again.
#[derive(Debug, Default)]
pub struct Decision {
    pub events: Vec<Event>,
    pub commands: Vec<Command>,
    /// Milliseconds until a retry is due.
    pub wake_in: Option<u64>,
    /// Milliseconds until a question goes to more people. Nobody stays for that alone.
    pub remind_in: Option<u64>,
    /// Somebody outside has news coming: worth a moment before this executor leaves.
    pub owes: bool,
    /// Nodes that people begin with these records: nobody of this executor is busy with them.
    pub asked: BTreeSet<usize>,
    /// Items that are bodies and open with these records.
    pub opening: BTreeSet<usize>,
    /// The takes of holds that a step needs which would start now.
    pub wanted: BTreeSet<usize>,
}

impl Decision {
    pub fn wake_in(&mut self, millis: u64) {
        self.wake_in = Some(self.wake_in.map_or(millis, |sooner| sooner.min(millis)));
    }

    pub fn remind_in(&mut self, millis: u64) {
        self.remind_in = Some(self.remind_in.map_or(millis, |sooner| sooner.min(millis)));
    }

    pub(super) fn fail(&mut self, plan: &Plan, node: usize, fault: Fault) {
        self.events.push(Event::StepFailed { step: plan.address(node).clone(), fault });
    }
}

/// The engine's one decision. Marks in `live` what it gives out commands for.
pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment) -> Decision {
    let mut decision = Decision::default();
    repairs::decide(plan, state, live, &mut decision);
    if !decision.events.is_empty() {
        return decision;
    }
    // A way that fails before another one is no failure of the run, and nobody is told of one.
    tries::decide(plan, state, live, &mut decision);
    if !decision.events.is_empty() {
        return decision;
    }
    tell::decide(plan, state, live, now, &mut decision);
    // Before all else: an ended run can still be taken back and cleaned up.
    cleanup::decide(plan, state, live, &mut decision);
    let undoing = undo::decide(plan, state, live, &mut decision);
    if !decision.events.is_empty() {
        // The end of an undo may be the end of the run: nothing begins beside its record.
        return decision;
    }
    if !undoing {
        for node in holds::asked_for(plan, state) {
            move_on(plan, state, live, now, node, !live.stopping, &mut decision);
        }
    }
    if undoing || state.ended.is_some() || live.errand {
        return decision;
    }
    if let Some(how) = ending::forced(plan, state, live) {
        decision.events.push(Event::EndingBegan { how });
        return decision;
    }
    late::decide(plan, state, live, now, &mut decision);
    let may_start = !live.stopping && !state.paused && !live.full;
    for node in live.frontier.movable() {
        if live.busy.contains(&node) || !ending::is_turn(plan, state, live, node) {
            continue;
        }
        match live.frontier.statuses[node] {
            Status::Pending if may_start && holds::is_on_call(plan, node) => {
                holds::consider(plan, state, live, now, node, &mut decision);
            }
            // Who was asked about a repair that nobody waits for any more need not answer.
            Status::Waiting if may_start && repairs::is_wanted(plan, state, node) == Some(false) => {
                repairs::consider(plan, state, live, now, node, &mut decision);
            }
            Status::Pending if may_start && plan.outline.steps[node].mends.is_some() => {
                repairs::consider(plan, state, live, now, node, &mut decision);
            }
            Status::Pending if may_start => consider(plan, state, live, now, node, &mut decision),
            _ => move_on(plan, state, live, now, node, may_start, &mut decision),
        }
    }
    holds::take_wanted(plan, state, live, now, &mut decision);
    if decision.events.is_empty() && decision.commands.is_empty() {
        ending::decide(plan, state, live, &mut decision);
    }
    decision
}

/// A step that waits: for its time, or for people.
fn wait(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, node: usize, decision: &mut Decision) {
    match &state.step(plan.address(node)).wait {
        Some(_) => drop(time::may_begin(plan, state, node, now, decision)),
        None => ask::consider(plan, state, live, now, node, decision),
    }
}

/// A step whose turn it is, whatever it needs.
fn move_on(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    now: &Moment,
    node: usize,
    may_start: bool,
    decision: &mut Decision,
) {
    if live.busy.contains(&node) {
        return;
    }
    match live.frontier.statuses[node] {
        Status::Pending if may_start => start(plan, state, live, now, node, decision),
        Status::Waiting if may_start => wait(plan, state, live, now, node, decision),
        Status::Running | Status::Late if plan.is_group(node) => group::close(plan, state, node, decision),
        Status::Running | Status::Late => go_on(plan, state, live, node, may_start, decision),
        Status::Verifying => intent::verify(plan, state, live, node, decision),
        _ => {}
    }
}

/// A step that has no intent on disk.
fn consider(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, node: usize, decision: &mut Decision) {
    match live.frontier.readiness(&plan.outline, node) {
        Readiness::Ready if !repairs::are_done(plan, state, node) => {}
        Readiness::Ready => start(plan, state, live, now, node, decision),
        Readiness::Skip(need) => skip(plan, node, SkipReason::Need(need), decision),
        Readiness::Waits | Readiness::Blocked(_) => {}
    }
}

/// One whose needs are satisfied.
pub(super) fn start(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    now: &Moment,
    node: usize,
    decision: &mut Decision,
) {
    let address = plan.address(node);
    if plan.is_left_out(node) {
        return skip(plan, node, SkipReason::Person, decision);
    }
    if let Some(event) = rehearsal::instead(plan, state, node) {
        return decision.events.push(event);
    }
    if let Some(millis) = retry::due_in(state.step(address), now) {
        return decision.wake_in(millis);
    }
    // What is asked of each item is not asked of all of them.
    if plan.is_list(node) {
        if time::may_begin(plan, state, node, now, decision) {
            group::consider_list(plan, state, node, decision);
        }
        return;
    }
    if plan.is_body(node) && !has_room(plan, live, node, decision) {
        return;
    }
    match conditions(plan, state, node) {
        Ok(true) => {}
        Ok(false) => return skip(plan, node, SkipReason::Condition, decision),
        Err(fault) => return decision.fail(plan, node, fault),
    }
    if !time::may_begin(plan, state, node, now, decision) {
        return;
    }
    if plan.is_body(node) {
        return match include::judge(plan, state, node) {
            Ok(()) => group::consider_body(plan, state, node, decision),
            Err(fault) => decision.fail(plan, node, fault),
        };
    }
    if plan.kinds[node].role() != Role::Intrinsic {
        begin(plan, state, live, node, decision);
    } else if holds::are_taken(plan, state, live, node, decision) {
        ask::intrinsic(plan, state, live, node, decision);
    }
}

/// Whether its lock, and `max_parallel` of the lists around it, leave room for one more.
pub(super) fn has_place(plan: &Plan, live: &Live, node: usize, decision: &Decision) -> bool {
    if live.frontier.is_locked_out(&plan.outline, node, live.busy.iter().chain(&decision.asked)) {
        return false;
    }
    let mut around = std::iter::once(node).chain(plan.graph.groups(node));
    around.all(|node| plan.item(node).is_none() || has_room(plan, live, node, decision))
}

/// Whether an item may begin or go on beside the others of its list.
fn has_room(plan: &Plan, live: &Live, item: usize, decision: &Decision) -> bool {
    let group = |node: usize| plan.graph.nodes[node].group.map(|member| member.of);
    // Those of a serial list follow one another also where a person sent several back at once.
    let most = plan.step(item).foreach.as_ref().and_then(|foreach| match foreach.order {
        Order::Serial => Some(1),
        Order::Parallel => foreach.max_parallel,
    });
    let (Some(of), Some(most)) = (group(item).filter(|_| plan.item(item).is_some()), most) else { return true };
    let of_list =
        |node: &usize| std::iter::once(*node).chain(plan.graph.groups(*node)).find(|it| group(*it) == Some(of));
    if !plan.is_body(item) {
        return live.busy.iter().filter_map(of_list).count() < most;
    }
    let begun = live.frontier.begun(of);
    if !begun.contains(&item) {
        let opening = decision.opening.iter().filter(|other| group(**other) == Some(of)).count();
        return begun.len() + opening < most;
    }
    // More have begun than may go on only if several were sent back: who is being worked on keeps its place.
    let busy: BTreeSet<usize> = live.busy.iter().chain(&decision.asked).filter_map(of_list).collect();
    let free = most.saturating_sub(busy.len());
    begun.len() <= most || busy.contains(&item) || begun.difference(&busy).take(free).any(|next| *next == item)
}

/// Evaluates `if` and `require`.
fn conditions(plan: &Plan, state: &RunState, node: usize) -> Result<bool, Fault> {
    let step = plan.step(node);
    let scope = RunScope::of(plan, state, node);
    if let Some(condition) = &step.condition
        && !condition.eval(&scope)?
    {
        return Ok(false);
    }
    for requirement in &step.require {
        if !requirement.that.eval(&scope)? {
            let advice = requirement.otherwise.render(&scope)?;
            let advice = advice.as_str().map_or_else(|| advice.to_string(), str::to_string);
            return Err(Fault::new("RG5001", "what this step requires is not so").hint(advice));
        }
    }
    Ok(true)
}

pub(super) fn skip(plan: &Plan, node: usize, why: SkipReason, decision: &mut Decision) {
    decision.events.push(Event::StepSkipped { step: plan.address(node).clone(), why });
}

/// Prepares, asks, and writes the intent, as far as it comes.
pub(super) fn begin(plan: &Plan, state: &RunState, live: &mut Live, node: usize, decision: &mut Decision) {
    if live.working() >= plan.concurrency || !live.has_room && guard!("room") || !has_place(plan, live, node, decision)
    {
        return;
    }
    if !holds::are_taken(plan, state, live, node, decision) {
        return;
    }
    let rendered = match intent::inputs(plan, state, node) {
        Ok(inputs) => inputs,
        Err(fault) => return decision.fail(plan, node, fault),
    };
    if let Some(fault) = unsaid_in_place(plan, node, &rendered) {
        return decision.fail(plan, node, fault);
    }
    if plan.kinds[node].prepares() && !live.prepared.contains_key(&node) {
        let op = intent::fresh_op(plan, state, node, rendered);
        live.busy.insert(node);
        decision.commands.push(Command::Prepare { op });
        return;
    }
    if ask::is_wanted(plan, node, "") && state.step(plan.address(node)).ask.is_none() {
        let event = ask::approval(plan, state, live, node, "", &rendered);
        decision.events.push(event);
        return;
    }
    intent::write(plan, state, live, node, rendered, decision);
}

/// What only the values tell: a change whose old state cannot be had back, and nothing in the runbook that says so.
fn unsaid_in_place(plan: &Plan, node: usize, inputs: &Value) -> Option<Fault> {
    let InPlace::Yes(lost) = plan.kinds[node].in_place(&Late { value: inputs }) else { return None };
    let step = plan.step(node);
    if step.in_place.is_some() && step.approval.is_some() {
        return None;
    }
    let fault = Fault::new("RG5012", format!("this is a change in place: {lost}; nothing was begun"));
    Some(fault.hint("it needs `in_place: { because, safety_copy }` and an `approval` in the runbook"))
}

/// A step with an intent on disk and no outcome, and nobody of this executor on it.
pub(super) fn go_on(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    node: usize,
    may_start: bool,
    decision: &mut Decision,
) {
    let address = plan.address(node);
    let step = state.step(address);
    if let Some(reached) = &step.reached {
        if state.ending.is_some() && !holds::is_release(plan, node) {
            let what = format!("the run ended before `{}` of this step began", reached.phase);
            return decision.fail(plan, node, Fault::new("RG5006", what));
        }
        if may_start && ask::is_wanted(plan, node, &reached.phase) {
            decision.events.push(ask::phase_approval(plan, state, node, reached));
        } else if may_start {
            intent::write_phase(plan, state, live, node, reached, decision);
        }
        return;
    }
    let Some(op) = intent::op(plan, state, node) else { return };
    if plan.effects[node] == Effect::Human && guard!("ask again") {
        // The write that held the question was cut behind the intent: it is asked again.
        decision.events.push(ask::human(plan, state, node, &op.params));
        return;
    }
    if plan.kinds[node].role() == Role::Intrinsic {
        live.busy.insert(node);
        decision.commands.push(ask::machine(plan, state, node, op.params));
        return;
    }
    let command = match live.known.remove(&node) {
        Some(Known::Absent) if state.ending.is_some() && !plan.is_finally(node) && !holds::is_release(plan, node) => {
            return decision.fail(plan, node, Fault::new("RG5006", "the run ended before this step began"));
        }
        Some(Known::Absent) if !may_start => {
            live.known.insert(node, Known::Absent);
            return;
        }
        Some(Known::Absent) => {
            // Looked for because its outcome was missing, and not just before it was to begin.
            if live.looked.contains_key(&node) {
                decision.events.push(Event::StepRestarted { step: address.clone() });
            }
            Command::Start { op }
        }
        Some(Known::Running) => {
            decision.events.push(Event::StepAdopted { step: address.clone() });
            Command::Watch { op }
        }
        None if !guard!("look first") => Command::Start { op },
        None => {
            *live.looked.entry(node).or_default() += 1;
            Command::Find { op }
        }
    };
    live.busy.insert(node);
    decision.commands.push(command);
}

/// The records of a step that is done with nothing to watch.
pub(super) fn done_at_once(plan: &Plan, node: usize, outputs: crate::kind::Outputs) -> Event {
    let verify = !plan.step(node).verify.is_empty() && !plan.is_list(node);
    let step = plan.address(node).clone();
    Event::StepSucceeded(Box::new(StepSucceeded { verify, ..StepSucceeded::new(step, outputs) }))
}

/// `raise`: whether it is the same operation again, or another one.
pub(super) fn reopened(state: &RunState, step: &Address, raise: u32) -> Event {
    Event::StepReopened { step: step.clone(), generation: state.step(step).generation + raise }
}

/// Whether an attempt that has an intent must be looked for before it is started again (G5).
pub(super) fn must_look_first(effect: Effect, attempt: u32, in_doubt: bool) -> bool {
    match effect {
        Effect::KeyedCreate | Effect::ConvergentSet => attempt > 1 || in_doubt,
        Effect::Opaque => in_doubt,
        Effect::Read | Effect::Human => false,
    }
}
