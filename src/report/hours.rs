//! Whose time it was. Every moment from the first record of a run to its end, or to now, is in exactly one of four parts, so
//! the parts add up to the time the run took.
//!
//! Measured as [`crate::model::time::Moment::since`] measures: by the monotonic clock within one boot, so a clock that is set
//! meanwhile makes no time.

use std::collections::HashSet;

use serde::Serialize;

use super::absence::Absences;
use crate::model::record::{Event, StopReason};
use crate::model::{Address, Record, RunState, Status};
use crate::view::words::between;

/// In milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// At least one step was worked on, whatever else waited.
    pub machine_ms: u64,
    /// No step was worked on, and something waited for a person: a question, a failure, a pause.
    pub human_ms: u64,
    /// Neither: between attempts, between steps, until the time of a step has come.
    pub idle_ms: u64,
    /// No process executed the run, and no supervised work went on that anybody found again. After a crash that is from the
    /// executor's last record on, since nothing later tells that it lived.
    pub unattended_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    Machine,
    Human,
    Idle,
    Unattended,
}

impl Whose {
    pub const ALL: [Whose; 4] = [Whose::Machine, Whose::Human, Whose::Idle, Whose::Unattended];

    pub fn word(self) -> &'static str {
        match self {
            Whose::Machine => "machine",
            Whose::Human => "human",
            Whose::Idle => "idle",
            Whose::Unattended => "unattended",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            Whose::Machine => "Steps worked",
            Whose::Human => "Only people were waited for",
            Whose::Idle => "Nothing ran",
            Whose::Unattended => "No executor, and no sign of work",
        }
    }
}

impl Hours {
    pub fn of(&self, whose: Whose) -> u64 {
        match whose {
            Whose::Machine => self.machine_ms,
            Whose::Human => self.human_ms,
            Whose::Idle => self.idle_ms,
            Whose::Unattended => self.unattended_ms,
        }
    }

    pub fn total_ms(&self) -> u64 {
        Whose::ALL.iter().map(|whose| self.of(*whose)).sum()
    }

    pub fn add(&mut self, whose: Whose, millis: u64) {
        *match whose {
            Whose::Machine => &mut self.machine_ms,
            Whose::Human => &mut self.human_ms,
            Whose::Idle => &mut self.idle_ms,
            Whose::Unattended => &mut self.unattended_ms,
        } += millis;
    }
}

/// In whose hands a step is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hands {
    /// It is worked on.
    Machine,
    /// A person is asked.
    Asked,
    /// It went wrong, or was taken back: a person has to deal with it, unless the run comes to its end.
    Stuck,
    #[default]
    Nobody,
}

/// `allowed`: it may fail.
pub fn hands(state: &RunState, step: &Address, allowed: bool) -> Hands {
    let held = state.step(step);
    match held.status {
        // A group is worked on in its members.
        Status::Running | Status::Late if held.opened => Hands::Nobody,
        // It waits for its time, and nobody is asked.
        Status::Waiting if held.wait.is_some() => Hands::Nobody,
        Status::Running | Status::Verifying | Status::Late | Status::Undoing => Hands::Machine,
        Status::Waiting | Status::Unknown => Hands::Asked,
        Status::Failed if allowed => Hands::Nobody,
        Status::Failed | Status::Unproven | Status::Undone => Hands::Stuck,
        Status::Pending
        | Status::Queued
        | Status::Succeeded
        | Status::Skipped
        | Status::Blocked
        | Status::Superseded => Hands::Nobody,
    }
}

/// Whether what went wrong waits for a person: not once the run comes to its end, or is taken back as a whole.
pub fn is_dealt_with(state: &RunState) -> bool {
    state.ending.is_none() && !state.undoing.as_ref().is_some_and(|undoing| undoing.all)
}

/// How many steps are in which hands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Census {
    machine: usize,
    asked: usize,
    stuck: usize,
}

impl Census {
    fn number(&mut self, hands: Hands) -> Option<&mut usize> {
        match hands {
            Hands::Machine => Some(&mut self.machine),
            Hands::Asked => Some(&mut self.asked),
            Hands::Stuck => Some(&mut self.stuck),
            Hands::Nobody => None,
        }
    }
}

/// Divides the time, record by record.
#[derive(Debug, Default)]
pub struct Split {
    pub hours: Hours,
    /// Of the time that nobody executed the run: after an executor that had left to wait for people.
    pub left_waiting_ms: u64,
    allowed: HashSet<Address>,
    absences: Absences,
    census: Census,
}

impl Split {
    /// `allowed` may fail.
    pub fn new(allowed: impl IntoIterator<Item = Address>) -> Self {
        Self { allowed: allowed.into_iter().collect(), ..Self::default() }
    }

    pub fn knowing(self, absences: Absences) -> Self {
        Self { absences, ..self }
    }

    pub fn hands(&self, state: &RunState, step: &Address) -> Hands {
        hands(state, step, self.allowed.contains(step))
    }

    /// The same; what is of no step is in nobody's.
    pub fn hands_of(&self, state: &RunState, step: Option<&Address>) -> Hands {
        step.map_or(Hands::Nobody, |step| self.hands(state, step))
    }

    /// The time from the newest record in `state` to `record`, which is not in it yet, goes to whoever had the run: work that
    /// went on without an executor first.
    pub fn spend(&mut self, state: &RunState, record: &Record) -> impl Iterator<Item = (Whose, u64)> + use<> {
        // What is said after the end takes nobody's time.
        let spent = state.last_at.as_ref().filter(|_| state.ended.is_none()).map(|last| {
            let left = record.epoch != state.epoch || state.stopped.is_some();
            let whole = record.moment().since(last);
            let until = self.absences.worked_until(record.epoch).filter(|_| record.epoch != state.epoch);
            let worked = until.map_or(0, |until| between(last.at, until).min(whole));
            let parts = [(Whose::Machine, worked), (self.whose(state, !left), whole - worked)];
            parts.into_iter().for_each(|part| self.add(state, part));
            parts
        });
        spent.into_iter().flatten().filter(|(_, millis)| *millis > 0)
    }

    pub fn add(&mut self, state: &RunState, (whose, millis): (Whose, u64)) {
        self.hours.add(whose, millis);
        if whose == Whose::Unattended && matches!(state.stopped, Some(StopReason::Waiting | StopReason::Paused)) {
            self.left_waiting_ms += millis;
        }
    }

    /// Who has the run as it stands; `alive`: some process executes it.
    pub fn whose(&self, state: &RunState, alive: bool) -> Whose {
        let stuck = self.census.stuck > 0 && is_dealt_with(state);
        match &self.census {
            _ if !alive => Whose::Unattended,
            census if census.machine > 0 => Whose::Machine,
            census if census.asked > 0 || stuck || state.paused => Whose::Human,
            _ => Whose::Idle,
        }
    }

    /// Takes note that `record` was folded: a step that it is about went from one pair of hands to another.
    pub fn note(&mut self, state: &RunState, record: &Record, before: Hands, now: Hands) {
        // A changed plan may have lost steps.
        if matches!(record.event, Event::PlanChanged(_)) {
            self.count(state);
        } else if before != now {
            if let Some(number) = self.census.number(before) {
                *number = number.saturating_sub(1);
            }
            if let Some(number) = self.census.number(now) {
                *number += 1;
            }
        }
    }

    /// Counts anew: a segment begins with all that was before it.
    pub fn count(&mut self, state: &RunState) {
        let mut census = Census::default();
        for step in state.steps.keys() {
            if let Some(number) = census.number(self.hands(state, step)) {
                *number += 1;
            }
        }
        self.census = census;
    }
}

#[cfg(test)]
mod tests;
