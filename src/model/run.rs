//! The fold: a run as its records tell it. The engine decides on it, every view shows it.

use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::answer::Person;
use super::effect::Effect;
use super::fault::Fault;
use super::ids::{Address, OpId, Seq};
use super::record::{
    Ask, Check, End, Event, LedgerEntry, Made, Record, RunStarted, SkipReason, StepIntended, StopReason,
};
use super::status::{self, RunStatus, Status};
use super::time::Moment;

/// Everything the journal says, up to and with record `seq`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    pub seq: Seq,
    /// Hash of the newest record: the head that `status` prints.
    pub head: String,
    pub epoch: u64,
    pub started: Option<RunStarted>,
    pub started_at: Option<Moment>,
    pub last_at: Option<Moment>,
    pub ended_at: Option<Timestamp>,
    pub executor: Option<Executor>,
    /// Why the newest executor left, if it said so.
    pub stopped: Option<StopReason>,
    pub steps: IndexMap<Address, StepState>,
    pub ledger: Vec<LedgerEntry>,
    /// Asked for by a person.
    pub paused: bool,
    /// What is being taken back.
    pub undoing: Option<Undoing>,
    pub ending: Option<End>,
    pub ended: Option<End>,
    pub notes: Vec<Note>,
    /// Ids of answers that were folded or refused: an answer delivered twice counts once.
    pub answers: Vec<Judged>,
    /// Damaged tails that were set aside.
    pub doubts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undoing {
    /// Newest first.
    pub steps: Vec<Address>,
    pub all: bool,
    /// Tried, whether it worked or not.
    pub done: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Executor {
    pub host: String,
    pub pid: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    pub at: Timestamp,
    pub who: Person,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    pub id: String,
    /// Absent if it was accepted.
    pub refused: Option<String>,
}

/// One step as the records tell it. A step without records is [`Status::Pending`] and has no entry. What is large, or what
/// few steps have, stands in a box: ten thousand steps are held at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepState {
    pub status: Status,
    #[serde(skip_serializing_if = "is_zero")]
    pub attempts: u32,
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
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<SkipReason>,
    /// Earliest next attempt, as milliseconds after `at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Box<Retry>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undo: Option<String>,
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
    pub inputs: Value,
    pub prior: Value,
    pub facts: Value,
    pub changes: Vec<String>,
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
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    pub at: Moment,
    pub delay_ms: u64,
}

static PENDING: StepState = StepState::pending();

impl StepState {
    pub const fn pending() -> Self {
        Self {
            status: Status::Pending,
            attempts: 0,
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
            evidence: None,
            skipped: None,
            retry: None,
            undo: None,
            in_doubt: None,
        }
    }

    fn apply(&mut self, event: &Event, moment: &Moment, epoch: u64) {
        let began = !matches!(self.status, Status::Pending | Status::Waiting);
        self.status = status::next(self.status, event);
        if !began && matches!(event, Event::RetryScheduled { .. } | Event::StepFailed { .. }) {
            self.attempts += 1;
        }
        match event {
            Event::StepIntended(it) => self.intended(it, moment, epoch),
            Event::StepAdopted { .. } => self.adopted = true,
            Event::PhaseReached { phase, facts, shown, creates, .. } => {
                let (phase, facts, shown, creates) = (phase.clone(), facts.clone(), shown.clone(), creates.clone());
                self.reached = Some(Box::new(Reached { phase, facts, shown, creates }));
            }
            Event::StepAsked { ask, .. } => {
                self.approved_by.clear();
                self.ask = Some(Box::new(Asked { since: moment.clone(), ask: ask.clone() }));
            }
            Event::ApprovalGiven { who, .. } if !self.approved_by.contains(&who.name) => {
                self.approved_by.push(who.name.clone());
            }
            Event::ApprovalVoided { .. } => self.forget_ask(),
            Event::StepSucceeded(it) => {
                self.outputs = Some(it.outputs.clone());
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
            Event::StepDoubted { evidence, .. } => self.evidence = Some(evidence.clone()),
            Event::StepSkipped { why, .. } => {
                self.end(moment);
                self.skipped = Some(why.clone());
            }
            Event::StepReopened { generation, .. } => self.reopen(*generation),
            Event::UndoIntended { undo, .. } => self.undo = Some(undo.clone()),
            Event::StepUndone { .. } => {
                self.end(moment);
                self.generation += 1;
            }
            _ => {}
        }
    }

    fn intended(&mut self, it: &StepIntended, moment: &Moment, epoch: u64) {
        self.forget_ask();
        self.attempts = it.attempt;
        self.generation = it.generation;
        self.reached = None;
        self.retry = None;
        self.fault = None;
        self.evidence = None;
        self.ended_at = None;
        self.started_at.get_or_insert_with(|| moment.clone());
        self.intent = Some(Box::new(Intent {
            op: it.op.clone(),
            at: moment.clone(),
            epoch,
            phase: it.phase.clone(),
            effect: it.effect,
            in_doubt: self.in_doubt.clone(),
            inputs: it.inputs.clone(),
            prior: it.prior.clone(),
            facts: it.facts.clone(),
            changes: it.changes.clone(),
        }));
    }

    fn end(&mut self, moment: &Moment) {
        self.forget_ask();
        self.settle_doubt();
        self.fault = None;
        self.evidence = None;
        self.started_at.get_or_insert_with(|| moment.clone());
        self.ended_at = Some(moment.clone());
    }

    /// The outcome of an intent that was written in doubt is known, or a person said it.
    fn settle_doubt(&mut self) {
        if self.intent.as_ref().is_some_and(|intent| intent.in_doubt.is_some()) {
            self.in_doubt = None;
        }
    }

    fn reopen(&mut self, generation: u32) {
        self.settle_doubt();
        let attempts = self.attempts;
        // The same operation again: what was there before its first attempt is known only from that attempt's intent.
        let operation = format!(".{generation}");
        let intent = self.intent.take().filter(|intent| intent.op.as_str().ends_with(&operation));
        let in_doubt = self.in_doubt.take();
        *self = Self { attempts, generation, intent, in_doubt, ..Self::pending() };
    }

    /// Drops what only the engine and the steps behind need: status and times stay.
    pub fn lighten(&mut self) {
        self.intent = None;
        self.reached = None;
        self.outputs = None;
    }

    fn forget_ask(&mut self) {
        self.ask = None;
        self.approved_by.clear();
    }
}

impl RunState {
    /// What is known of a step, also of one that no record names yet.
    pub fn step(&self, address: &Address) -> &StepState {
        self.steps.get(address).unwrap_or(&PENDING)
    }

    pub fn status(&self, address: &Address) -> Status {
        self.step(address).status
    }

    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    /// Whether this answer was folded or refused before.
    pub fn judged(&self, answer_id: &str) -> Option<&Judged> {
        self.answers.iter().find(|judged| judged.id == answer_id)
    }

    /// The status of the run as far as records alone tell it; whether it waits or is stuck is for whoever knows the graph.
    pub fn run_status(&self) -> RunStatus {
        match (self.ended, self.ending) {
            (Some(End::Succeeded), _) => RunStatus::Succeeded,
            (Some(End::Failed), _) => RunStatus::Failed,
            (Some(End::Aborted), _) => RunStatus::Aborted,
            (Some(End::Undone), _) => RunStatus::Undone,
            (None, Some(_)) => RunStatus::Ending,
            (None, None) if self.paused => RunStatus::Paused,
            (None, None) => RunStatus::Running,
        }
    }

    /// Folds one record. `hash` is the record's own, the head from now on.
    pub fn apply(&mut self, record: &Record, hash: &str) {
        if let Event::SegmentOpened { state } = &record.event {
            *self = (**state).clone();
        }
        self.stand_at(record, hash);
        let moment = record.moment();
        if let Some(step) = record.event.step() {
            let state = self.steps.entry(step.clone()).or_insert_with(StepState::pending);
            state.apply(&record.event, &moment, record.epoch);
            if let (Event::StepUndone { .. } | Event::UndoFailed { .. }, Some(undoing)) =
                (&record.event, &mut self.undoing)
            {
                undoing.done.push(step.clone());
            }
        } else {
            self.apply_to_run(&record.event, &moment);
        }
    }

    /// The same for a record that is not needed any more: the head of a segment gives its state away.
    pub fn take(&mut self, mut record: Record, hash: &str) {
        match &mut record.event {
            Event::SegmentOpened { state } => *self = std::mem::take(&mut **state),
            _ => return self.apply(&record, hash),
        }
        self.stand_at(&record, hash);
    }

    fn stand_at(&mut self, record: &Record, hash: &str) {
        self.seq = record.seq;
        self.epoch = record.epoch;
        self.head.clear();
        self.head.push_str(hash);
        self.last_at = Some(record.moment());
    }

    fn apply_to_run(&mut self, event: &Event, moment: &Moment) {
        match event {
            Event::RunStarted(it) => {
                self.started = Some((**it).clone());
                self.started_at = Some(moment.clone());
            }
            Event::TailDoubted { kept_as, .. } if !self.doubts.contains(kept_as) => {
                self.doubts.push(kept_as.clone());
            }
            Event::ExecutorStarted { host, pid, .. } => {
                self.executor = Some(Executor { host: host.clone(), pid: *pid });
                self.stopped = None;
            }
            Event::ExecutorStopped { reason } => self.stopped = Some(*reason),
            Event::UndoBegan { steps, all } => {
                self.undoing = Some(Undoing { steps: steps.clone(), all: *all, done: Vec::new() });
            }
            Event::LedgerAdded { entry } => {
                self.ledger.retain(|old| (&old.kind, &old.id) != (&entry.kind, &entry.id));
                let keep = entry.keep_for_ms.map(Duration::from_millis);
                let keep_until = keep.and_then(|keep| moment.at.checked_add(keep).ok());
                self.ledger.push(LedgerEntry { keep_until, ..entry.clone() });
            }
            Event::LedgerRemoved { entry_kind, id } => {
                self.ledger.retain(|old| (&old.kind, &old.id) != (entry_kind, id));
            }
            Event::AnswerAccepted { answer } => self.answers.push(Judged { id: answer.id.clone(), refused: None }),
            Event::AnswerRefused { answer, reason } => {
                self.answers.push(Judged { id: answer.id.clone(), refused: Some(reason.clone()) });
            }
            Event::RunPaused => self.paused = true,
            Event::RunUnpaused => self.paused = false,
            Event::NoteAdded { text, who } => {
                self.notes.push(Note { at: moment.at, who: who.clone(), text: text.clone() });
            }
            Event::EndingBegan { how } => self.ending = Some(*how),
            Event::RunEnded { state } => {
                self.ended = Some(*state);
                self.ended_at = Some(moment.at);
            }
            _ => {}
        }
    }
}
