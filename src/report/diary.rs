//! Who waited for whom, and when each step was in whose hands: on one clock, that of [`super::hours`], so that bars and sums
//! agree.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::hours::{Hands, Whose, is_dealt_with};
use crate::model::record::{Event, Record};
use crate::model::{Address, RunState, Status, Verb};
use crate::view::commands::{what, who_now};

/// A time in which a person was waited for. Several may lie side by side, also beside work: they need not add up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Wait {
    /// Absent for the run as a whole, which was paused.
    pub step: Option<Address>,
    /// `approval`, `task`, `acknowledge`; `failed`, `unproven`, `unknown`, `undone`; `pause`.
    pub why: &'static str,
    /// Who was asked; absent where anybody may deal with it.
    pub asked: Option<String>,
    pub from: Timestamp,
    /// Absent while it lasts.
    pub to: Option<Timestamp>,
    pub waited_ms: u64,
    /// Those whose answers ended it, as far as answers did.
    pub by: Vec<String>,
}

/// A time in which a step was in the same hands, in milliseconds from the start of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spell {
    pub hands: Hands,
    pub from_ms: u64,
    pub to_ms: u64,
}

/// A time in which the run was in the same hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    pub whose: Whose,
    pub from_ms: u64,
    pub to_ms: u64,
}

#[derive(Debug, Default)]
pub struct Diary {
    /// Milliseconds since the first record.
    pub clock_ms: u64,
    pub waits: Vec<Wait>,
    pub spells: IndexMap<Address, Vec<Spell>>,
    pub bands: Vec<Band>,
    /// Place in `waits` of what still waits, and since when on the clock.
    open: IndexMap<Option<Address>, (usize, u64)>,
    /// Steps that are in somebody's hands.
    held: IndexMap<Address, (Hands, u64)>,
    /// The newest answer: about which step, from whom, and when on the clock.
    answered: Option<(Option<Address>, String, u64)>,
}

/// What an answer brings about is recorded right behind it. In milliseconds.
const AT_ONCE: u64 = 1000;

impl Diary {
    /// Time went by.
    pub fn pass(&mut self, (whose, millis): (Whose, u64)) {
        let from_ms = self.clock_ms;
        self.clock_ms += millis;
        match self.bands.last_mut() {
            Some(band) if band.whose == whose => band.to_ms = self.clock_ms,
            _ if millis > 0 => self.bands.push(Band { whose, from_ms, to_ms: self.clock_ms }),
            _ => {}
        }
    }

    /// `record` was folded into `state`; a step that it is about went from one pair of hands to another.
    pub fn note(&mut self, state: &RunState, record: &Record, step: Option<&Address>, before: Hands, now: Hands) {
        match &record.event {
            Event::AnswerAccepted { answer } if !matches!(answer.verb, Verb::Note { .. }) => {
                self.answered = Some((answer.verb.step().cloned(), answer.who.name.clone(), self.clock_ms));
            }
            Event::ApprovalGiven { step, who, .. } => self.approved(step, &who.name),
            Event::RunPaused => self.begin(None, "pause", None, record.at),
            Event::RunUnpaused => self.end(&None, Some(record.at)),
            _ => {}
        }
        let Some(step) = step else { return self.give_up(state, record.at) };
        if before == now {
            return;
        }
        self.hand_over(step, now);
        if before != Hands::Machine {
            self.end(&Some(step.clone()), Some(record.at));
        }
        let held = state.step(step);
        match now {
            Hands::Asked => {
                let asked = held.ask.as_ref().filter(|_| held.status == Status::Waiting);
                let why = asked.map_or(held.status.word(), |asked| what(&asked.ask));
                self.begin(Some(step.clone()), why, asked.map(|asked| who_now(asked)), record.at);
            }
            Hands::Stuck if is_dealt_with(state) => self.begin(Some(step.clone()), held.status.word(), None, record.at),
            _ => {}
        }
    }

    fn approved(&mut self, step: &Address, who: &str) {
        let open = self.open.get(&Some(step.clone()));
        if let Some(wait) = open.map(|(place, _)| &mut self.waits[*place]) {
            wait.by.push(who.to_string());
        }
    }

    /// Once the run comes to its end nobody is waited for any more, but for answers to questions; at the end not for those.
    fn give_up(&mut self, state: &RunState, at: Timestamp) {
        if is_dealt_with(state) || self.open.is_empty() {
            return;
        }
        let is_over = |wait: &Wait| state.ended.is_some() || wait.asked.is_none();
        let over: Vec<_> = self.open.iter().filter(|(_, (place, _))| is_over(&self.waits[*place])).collect();
        let over: Vec<Option<Address>> = over.into_iter().map(|(whom, _)| whom.clone()).collect();
        over.iter().for_each(|whom| self.end(whom, Some(at)));
    }

    fn hand_over(&mut self, step: &Address, now: Hands) {
        let to_ms = self.clock_ms;
        if let Some((hands, from_ms)) = self.held.swap_remove(step) {
            self.spells.entry(step.clone()).or_default().push(Spell { hands, from_ms, to_ms });
        }
        if now != Hands::Nobody {
            self.held.insert(step.clone(), (now, to_ms));
        }
    }

    fn begin(&mut self, step: Option<Address>, why: &'static str, asked: Option<String>, from: Timestamp) {
        self.open.insert(step.clone(), (self.waits.len(), self.clock_ms));
        self.waits.push(Wait { step, why, asked, from, to: None, waited_ms: 0, by: Vec::new() });
    }

    fn end(&mut self, whom: &Option<Address>, to: Option<Timestamp>) {
        let Some((place, since)) = self.open.swap_remove(whom) else { return };
        let wait = &mut self.waits[place];
        (wait.to, wait.waited_ms) = (to, self.clock_ms - since);
        // An answer without a step is about all of them.
        if let Some((step, who, at)) = &self.answered
            && (step.is_none() || step == whom)
            && self.clock_ms - at <= AT_ONCE
            && wait.by.is_empty()
            && to.is_some()
        {
            wait.by.push(who.clone());
        }
    }

    /// What is still open lasts until now.
    pub fn finish(&mut self) {
        let open: Vec<Option<Address>> = self.open.keys().cloned().collect();
        open.iter().for_each(|whom| self.end(whom, None));
        let held: Vec<Address> = self.held.keys().cloned().collect();
        held.iter().for_each(|step| self.hand_over(step, Hands::Nobody));
    }

    /// Milliseconds in which a step was worked on.
    pub fn worked_ms(&self, step: &Address) -> u64 {
        let spells = self.spells.get(step).into_iter().flatten();
        spells.filter(|spell| spell.hands == Hands::Machine).map(|spell| spell.to_ms - spell.from_ms).sum()
    }
}
