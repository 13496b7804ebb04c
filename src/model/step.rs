//! The fold of one step: what its records say of it. Part of the fold of the run, [`super::run::RunState`].

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::claim::Claim;
use super::effect::Effect;
use super::fault::Fault;
use super::ids::{Address, OpId};
use super::item::Item;
use super::ledger::Made;
use super::record::{Ask, AskKind, Check, Contact, Event, SkipReason, StepIntended};
use super::repaired::Repaired;
use super::status::{self, Status};
use super::tight;
use super::time::Moment;
use super::wait::Wait;

/// One step as the records tell it. A step without records is [`Status::Pending`] and has no entry. What is large, or what
/// few steps have, stands in a box: ten thousand steps are held at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepState {
    pub status: Status,
    /// A group whose members may start.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub opened: bool,
    /// The items of a list that only the run knew; kept also when the step is sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<Vec<Item>>,
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// How often what an attempt had begun was gone without a result, and was done again.
    #[serde(skip_serializing_if = "is_zero")]
    pub restarts: u32,
    /// From 1; raised by an undo and by `rerun`.
    pub generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intent: Option<Box<Intent>>,
    /// The phase that was reached and has no intent yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reached: Option<Box<Reached>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Moment>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Moment>,
    #[serde(deserialize_with = "tight::read_map", skip_serializing_if = "Option::is_none")]
    pub outputs: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Box<Fault>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ask: Option<Box<Asked>>,
    /// Distinct people whose approval of the current ask stands.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approved_by: Vec<String>,
    /// Its time has not come.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<Box<Waiting>>,
    /// A person let it start before its time.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub early: bool,
    /// Since when it is beyond its deadline.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overdue: Option<Box<Moment>>,
    /// Time that a person gave beyond its deadline: to all attempts together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted: Option<Box<Extended>>,
    /// Nobody can tell what became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<Box<Doubt>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkipReason>,
    /// Whose word it is that it is done, or left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<Box<Claim>>,
    /// Earliest next attempt, as milliseconds after `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Box<Retry>>,
    /// What is done against its fault before it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mending: Option<Box<Address>>,
    /// How often what was done against its faults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub repairs: Vec<Repaired>,
    /// Time that a person gave to the attempt in flight.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended: Option<Box<Extended>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
    /// The newest undo, whatever became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub taking_back: Option<Box<TakingBack>>,
    /// A lost record may have held an intent of this step: it is looked for before it starts. Holds the boot of that time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<String>,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// What stands on disk about the attempt in flight, or the last one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    pub op: OpId,
    pub at: Moment,
    pub epoch: u64,
    pub phase: String,
    pub effect: Effect,
    /// Written while the step was in doubt, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<String>,
    #[serde(deserialize_with = "tight::read_value")]
    pub inputs: Value,
    #[serde(deserialize_with = "tight::read_value")]
    pub prior: Value,
    #[serde(deserialize_with = "tight::read_value")]
    pub facts: Value,
    pub changes: Vec<String>,
    /// See [`StepIntended::spared`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<String>,
}

/// An undo that has its intent on disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TakingBack {
    /// How often one was intended: each is done once, whatever crash comes in between.
    pub times: u32,
    pub boot: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reached {
    pub phase: String,
    pub facts: Value,
    pub shown: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub creates: Vec<Made>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    pub since: Moment,
    pub ask: Ask,
    /// Since when more people may answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalated: Option<Moment>,
}

impl Asked {
    /// The roles that may answer now; empty: anybody.
    pub fn roles(&self) -> Vec<String> {
        let later = self.ask.escalation.as_ref().filter(|_| self.escalated.is_some() && !self.ask.from.is_empty());
        self.ask.from.iter().chain(later.iter().flat_map(|it| &it.to)).cloned().collect()
    }

    /// Those who may answer now by name, each once.
    pub fn people(&self) -> Vec<&Contact> {
        let later = self.ask.escalation.as_ref().filter(|_| self.escalated.is_some());
        let more = later.iter().flat_map(|it| &it.people).filter(|it| !self.ask.people.contains(it));
        self.ask.people.iter().chain(more).collect()
    }
}

/// Since when it waits for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Waiting {
    pub since: Moment,
    pub wait: Wait,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    pub at: Moment,
    pub delay_ms: u64,
}

/// Since when nobody can tell, and what is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Doubt {
    pub at: Moment,
    pub evidence: String,
}

/// `by_ms` milliseconds from `at` on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extended {
    pub at: Moment,
    pub by_ms: u64,
}

/// A step that no record names.
pub static PENDING: StepState = StepState::pending();

impl StepState {
    pub const fn pending() -> Self {
        Self {
            status: Status::Pending,
            opened: false,
            list: None,
            attempts: 0,
            restarts: 0,
            generation: 1,
            intent: None,
            reached: None,
            started_at: None,
            ended_at: None,
            outputs: None,
            fault: None,
            checks: Vec::new(),
            by_hand: false,
            adopted: false,
            ask: None,
            approved_by: Vec::new(),
            wait: None,
            early: false,
            overdue: None,
            granted: None,
            doubt: None,
            skipped: None,
            claim: None,
            retry: None,
            mending: None,
            repairs: Vec::new(),
            extended: None,
            undo: None,
            taking_back: None,
            in_doubt: None,
        }
    }

    /// Whether it is asked for approval and enough people have given it.
    pub fn is_approved(&self) -> bool {
        let enough = |asked: &Asked| usize::try_from(asked.ask.minimum).is_ok_and(|it| self.approved_by.len() >= it);
        self.ask.as_ref().is_some_and(|asked| asked.ask.what == AskKind::Approval && enough(asked))
    }

    /// Whether people are asked whose answers are still missing.
    pub fn is_asked(&self) -> bool {
        self.ask.is_some() && self.wait.is_none() && !self.is_approved()
    }

    /// Whether anything of it was begun or decided: the runbook may not change it any more (G13). A question to people
    /// begins nothing.
    pub fn is_begun(&self) -> bool {
        let only_asked = self.intent.as_ref().is_none_or(|intent| intent.effect == Effect::Human);
        let is_open = matches!(self.status, Status::Pending | Status::Waiting | Status::Failed);
        self.generation > 1 || !self.repairs.is_empty() || self.in_doubt.is_some() || !only_asked || !is_open
    }

    pub fn apply(&mut self, event: &Event, moment: &Moment, epoch: u64) {
        let began = !matches!(self.status, Status::Pending | Status::Waiting);
        self.status = status::next(self.status, event);
        if self.status != Status::Waiting {
            self.wait = None;
        }
        if !began && self.counts(event) {
            self.attempts += 1;
        }
        match event {
            Event::StepIntended(it) => self.intended(it, moment, epoch),
            Event::StepOpened { list, .. } => self.open(list.as_ref(), moment),
            Event::StepAdopted { .. } => self.adopted = true,
            Event::StepRestarted { .. } => self.restarts += 1,
            Event::PhaseReached { phase, facts, shown, creates, .. } => {
                let (phase, facts, shown, creates) = (phase.clone(), facts.clone(), shown.clone(), creates.clone());
                self.reached = Some(Box::new(Reached { phase, facts, shown, creates }));
            }
            Event::StepAsked { ask, .. } => {
                self.approved_by.clear();
                self.wait = None;
                self.ask = Some(Box::new(Asked { since: moment.clone(), ask: ask.clone(), escalated: None }));
            }
            Event::AskEscalated { .. } => {
                if let Some(asked) = &mut self.ask {
                    asked.escalated.get_or_insert_with(|| moment.clone());
                }
            }
            Event::ApprovalGiven { who, .. } if !self.approved_by.contains(&who.name) => {
                self.approved_by.push(who.name.clone());
            }
            Event::ApprovalVoided { .. } => self.forget_ask(),
            Event::StepSucceeded(it) => {
                self.outputs = Some(tight::map(&it.outputs));
                self.by_hand |= it.by_hand;
                self.adopted |= it.adopted;
                self.end(moment);
            }
            Event::StepVerified { checks, .. } => {
                self.checks.clone_from(checks);
                self.fault = None;
                self.ended_at = Some(moment.clone());
            }
            Event::StepUnproven { checks, fault, .. } => {
                self.checks.clone_from(checks);
                self.fault = Some(Box::new(fault.clone()));
                self.ended_at = Some(moment.clone());
            }
            Event::StepFailed { fault, .. } | Event::UndoFailed { fault, .. } => {
                self.end(moment);
                self.fault = Some(Box::new(fault.clone()));
            }
            Event::RetryScheduled { fault, delay_ms, .. } => {
                self.end(moment);
                self.fault = Some(Box::new(fault.clone()));
                self.retry = Some(Box::new(Retry { at: moment.clone(), delay_ms: *delay_ms }));
            }
            Event::RepairBegan { fault, by, .. } => {
                self.end(moment);
                self.fault = Some(Box::new(fault.clone()));
                self.mended_by(by);
            }
            Event::WaitBegan { wait, .. } => {
                let since = self.wait.take().map_or_else(|| moment.clone(), |waiting| waiting.since);
                self.wait = Some(Box::new(Waiting { since, wait: wait.clone() }));
            }
            Event::WaitEnded { early, .. } => (self.wait, self.early) = (None, self.early || *early),
            Event::StepLate { deadline: true, .. } => self.overdue = Some(Box::new(moment.clone())),
            Event::StepExtended { by_ms, .. } => {
                let given = Box::new(Extended { at: moment.clone(), by_ms: *by_ms });
                (self.extended, self.granted, self.overdue) = (Some(given.clone()), Some(given), None);
            }
            Event::StepDoubted { evidence, .. } => {
                self.doubt = Some(Box::new(Doubt { at: moment.clone(), evidence: evidence.clone() }));
            }
            Event::StepSkipped { why, .. } => {
                self.end(moment);
                self.outputs = why.planned().map(|planned| planned.outputs.clone());
                self.skipped = Some(why.clone());
            }
            Event::StepReopened { generation, .. } => self.reopen(*generation),
            Event::UndoIntended { undo, .. } => {
                self.undo = Some(undo.clone());
                let times = self.taking_back.as_ref().map_or(0, |before| before.times) + 1;
                self.taking_back = Some(Box::new(TakingBack { times, boot: moment.boot.clone() }));
            }
            Event::StepUndone { .. } => {
                self.end(moment);
                self.generation += 1;
            }
            _ => {}
        }
    }

    /// Whether it failed, or nobody can tell whether it did.
    pub fn is_trouble(&self) -> bool {
        self.fault.is_some() || self.doubt.is_some()
    }

    /// What is known of a step of which nobody can tell what became.
    pub fn evidence(&self) -> Option<&str> {
        self.doubt.as_ref().map(|doubt| doubt.evidence.as_str())
    }

    fn open(&mut self, list: Option<&Vec<Item>>, moment: &Moment) {
        self.forget_ask();
        self.opened = true;
        if self.list.is_none() {
            self.list = list.cloned();
        }
        self.started_at.get_or_insert_with(|| moment.clone());
    }

    fn intended(&mut self, it: &StepIntended, moment: &Moment, epoch: u64) {
        self.forget_ask();
        self.attempts = it.attempt;
        self.generation = it.generation;
        self.reached = None;
        self.retry = None;
        self.mending = None;
        self.extended = None;
        self.fault = None;
        self.doubt = None;
        self.ended_at = None;
        self.started_at.get_or_insert_with(|| moment.clone());
        self.intent = Some(Box::new(Intent {
            op: it.op.clone(),
            at: moment.clone(),
            epoch,
            phase: it.phase.clone(),
            effect: it.effect,
            in_doubt: self.in_doubt.clone(),
            inputs: tight::value(&it.inputs),
            prior: tight::value(&it.prior),
            facts: tight::value(&it.facts),
            changes: it.changes.clone(),
            spared: it.spared.clone(),
        }));
    }

    fn end(&mut self, moment: &Moment) {
        self.forget_ask();
        self.settle_doubt();
        self.fault = None;
        self.doubt = None;
        self.mending = None;
        self.started_at.get_or_insert_with(|| moment.clone());
        self.ended_at = Some(moment.clone());
    }

    /// The outcome of an intent that was written in doubt is known, or a person said it.
    fn settle_doubt(&mut self) {
        if self.intent.as_ref().is_some_and(|intent| intent.in_doubt.is_some()) {
            self.in_doubt = None;
        }
    }

    pub(super) fn reopen(&mut self, generation: u32) {
        self.settle_doubt();
        let attempts = self.attempts;
        // The same operation again: what was there before its first attempt is known only from that attempt's intent.
        let operation = format!(".{generation}");
        let intent = self.intent.take().filter(|intent| intent.op.as_str().ends_with(&operation));
        let (in_doubt, list) = (self.in_doubt.take(), self.list.take());
        let repairs = std::mem::take(&mut self.repairs);
        *self = Self { attempts, generation, intent, in_doubt, list, repairs, ..Self::pending() };
    }

    /// Drops what only the engine and the steps behind need: status and times stay.
    pub fn lighten(&mut self) {
        self.intent = None;
        self.reached = None;
        self.outputs = None;
        self.list = None;
    }

    fn forget_ask(&mut self) {
        self.ask = None;
        self.approved_by.clear();
    }
}
