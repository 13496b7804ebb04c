//! Telling people outside: when, and again until it is not so any more. What is said is put together by views.
//!
//! At least once, never a flood. A record says up to which record an entry of `tell` was told, so that a new executor tells
//! what is news and no more; one that dies between the message and its record tells once more. Messages of one entry follow
//! one another, and what happens meanwhile is in the next. A hook that does not answer is tried again ever more slowly; the run
//! neither waits for it nor fails, but for a few seconds before the executor leaves with news that nobody was told.

use std::collections::BTreeMap;

use super::command::{Command, Telling};
use super::decide::Decision;
use super::live::Live;
use crate::model::record::Event;
use crate::model::time::Moment;
use crate::model::told::{Matter, Told};
use crate::model::{Fault, RunState, Seq, Status};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::tell::Tell;

/// Milliseconds between two messages of one entry while more may happen.
const APART: u64 = 10_000;
/// Before the second try; twice as long each time, up to [`SLOWEST`].
const SECOND_TRY: u64 = 1_000;
const SLOWEST: u64 = 60_000;
/// An executor with nothing else to do leaves after so many tries.
const LAST_TRY: u32 = 3;

/// What this executor knows of its messages, by entry.
#[derive(Debug, Default)]
pub struct Messages(BTreeMap<usize, Message>);

#[derive(Debug, Default)]
struct Message {
    under_way: bool,
    failures: u32,
    tried: Option<Moment>,
}

impl Messages {
    fn of(&mut self, entry: usize) -> &mut Message {
        self.0.entry(entry).or_default()
    }
}

pub fn decide(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, decision: &mut Decision) {
    if live.errand {
        return;
    }
    let is_idle = live.is_idle();
    for (entry, tell) in plan.runbook.tell.iter().enumerate() {
        let message = live.messages.of(entry);
        if message.under_way {
            decision.owes |= is_news(state, entry, tell);
            continue;
        }
        let Some(due) = due_in(state, entry, tell, message, is_idle, now) else { continue };
        if !tell.when.iter().any(|matter| stands(plan, state, &live.frontier.statuses, *matter)) {
            continue;
        }
        decision.owes |= message.failures < LAST_TRY && is_news(state, entry, tell);
        if due > 0 {
            decision.remind_in(due);
            continue;
        }
        match tell.to.render(&RunScope::new(plan, state)) {
            Ok(to) => {
                message.under_way = true;
                let (key, upto) = (key(plan, state, entry, tell), state.seq);
                decision.commands.push(Command::Tell(Telling { entry, key, to, upto, when: tell.when.clone() }));
            }
            Err(fault) => decision.events.extend(heard(plan, state, message, entry, state.seq, Err(fault), now)),
        }
    }
}

/// The name of a message: the same at each try, also of another executor, so that a hook which looks at it tells once.
fn key(plan: &Plan, state: &RunState, entry: usize, tell: &Tell) -> String {
    let news = tell.when.iter().filter_map(|matter| state.news.get(matter)).max().copied().unwrap_or_default();
    let upto = told(state, entry).map(|told| told.upto).unwrap_or_default();
    format!("{}.tell.{entry}.{news}.{upto}", plan.run)
}

/// What became of a message.
pub fn react(
    plan: &Plan,
    state: &RunState,
    live: &mut Live,
    entry: usize,
    upto: Seq,
    result: Result<(), Fault>,
    now: &Moment,
) -> Vec<Event> {
    heard(plan, state, live.messages.of(entry), entry, upto, result, now).into_iter().collect()
}

/// That a hook does not answer is written once, and once more when it does.
fn heard(
    plan: &Plan,
    state: &RunState,
    message: &mut Message,
    entry: usize,
    upto: Seq,
    result: Result<(), Fault>,
    now: &Moment,
) -> Option<Event> {
    message.under_way = false;
    message.tried = Some(now.clone());
    let to = plan.runbook.tell.get(entry)?.label();
    let Err(fault) = result else {
        message.failures = 0;
        return Some(Event::Told { entry, to, upto, fault: None });
    };
    message.failures += 1;
    let known = told(state, entry).is_some_and(|told| told.failing.is_some());
    (!known).then_some(Event::Told { entry, to, upto, fault: Some(fault) })
}

/// Milliseconds until the entry is told; `None` where there is neither news nor anything to repeat.
fn due_in(state: &RunState, entry: usize, tell: &Tell, message: &Message, is_idle: bool, now: &Moment) -> Option<u64> {
    let last = told(state, entry).and_then(|told| told.at.as_ref());
    let since = |at: &Moment, millis: u64| millis.saturating_sub(now.since(at));
    let wanted = match (is_news(state, entry, tell), tell.repeat, last) {
        // Nothing more comes by itself, so there is nothing to wait for.
        (true, ..) if is_idle => 0,
        (true, _, last) => last.map_or(0, |at| since(at, APART)),
        (false, Some(repeat), Some(at)) => since(at, u64::try_from(repeat.as_millis()).unwrap_or(u64::MAX)),
        (false, ..) => return None,
    };
    let pause = SECOND_TRY.saturating_mul(1 << message.failures.saturating_sub(1).min(10)).min(SLOWEST);
    let again = message.tried.as_ref().filter(|_| message.failures > 0).map_or(0, |at| since(at, pause));
    Some(wanted.max(again))
}

fn told(state: &RunState, entry: usize) -> Option<&Told> {
    state.told.iter().find(|told| told.entry == entry)
}

fn is_news(state: &RunState, entry: usize, tell: &Tell) -> bool {
    tell.when.iter().any(|matter| is_unheard(state, entry, *matter))
}

fn is_unheard(state: &RunState, entry: usize, matter: Matter) -> bool {
    let upto = told(state, entry).map_or(Seq(0), |told| told.upto);
    state.news.get(&matter).is_some_and(|seq| *seq > upto)
}

/// Whether a run that has ended owes somebody the word that it has.
pub fn is_owed(plan: &Plan, state: &RunState) -> bool {
    let owes =
        |(entry, tell): (usize, &Tell)| tell.when.contains(&Matter::Ended) && is_unheard(state, entry, Matter::Ended);
    state.ended.is_some() && plan.runbook.tell.iter().enumerate().any(owes)
}

/// Whether it is so now.
fn stands(plan: &Plan, state: &RunState, statuses: &[Status], matter: Matter) -> bool {
    let any = |is_so: &dyn Fn(usize) -> bool| (0..plan.len()).any(is_so);
    let step = |node: usize| state.step(plan.address(node));
    match matter {
        Matter::Waiting => any(&|node| match statuses[node] {
            Status::Waiting => step(node).is_asked(),
            status => status == Status::Unknown,
        }),
        Matter::Failed => any(&|node| {
            matches!(statuses[node], Status::Failed | Status::Unproven) && !plan.is_group(node) && !plan.may_fail(node)
        }),
        Matter::Late => any(&|node| {
            let is_overdue = || plan.deadline(node).is_some() && step(node).overdue.is_some();
            statuses[node] == Status::Late || (!statuses[node].is_settled() && is_overdue())
        }),
        Matter::HoldKept => state.keeps_a_hold(),
        Matter::Ended => state.ended.is_some(),
    }
}
