//! The one vocabulary: what happened, in the past tense.
//!
//! A [`Record`] is the journal line, what `run --json` and `events --json` print, and what [`super::run::RunState`] folds.
//! Only data and docs live here.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::amendment::Amendment;
use super::answer::{Answer, Person};
use super::fault::Fault;
use super::ids::{Address, OpId, Seq};
use super::item::Item;
use super::ledger::{Kept, LedgerEntry, Made};
use super::time::Moment;
use super::wait::Wait;

pub use super::started::{Mode, OnFailure, RunStarted};

pub use super::ask::{Ask, AskKind, Contact, Escalation};
pub use super::check::Check;
pub use super::skipped::{NotDone, Planned, SkipReason};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub seq: Seq,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
    /// Which executor of this run wrote it, counted from 1.
    pub epoch: u64,
    pub boot: String,
    pub mono: u64,
    /// Hash of the record before; the first holds zeroes.
    pub prev: String,
}

impl Record {
    pub fn moment(&self) -> Moment {
        Moment { at: self.at, mono: self.mono, boot: self.boot.clone() }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The first record of a run.
    RunStarted(Box<RunStarted>),
    /// The first record of a later segment: everything before, folded.
    SegmentOpened {
        state: Box<super::run::RunState>,
    },
    /// The tail of the segment before was not a clean cut; steps at the frontier are in doubt (G10).
    TailDoubted {
        segment: String,
        offset: u64,
        kept_as: String,
    },
    /// The plan is another one from here on (G13).
    PlanChanged(Box<Amendment>),
    ExecutorStarted {
        host: String,
        pid: u32,
        who: Person,
    },
    ExecutorStopped {
        reason: StopReason,
    },

    /// On disk before the first byte of the mutating call.
    StepIntended(Box<StepIntended>),
    /// A step that others do begins: from now on its items, or the steps in it, may start.
    StepOpened {
        step: Address,
        /// How many.
        items: usize,
        /// The items of a list that was not known before the run: worked out here, once and for all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        list: Option<Vec<Item>>,
    },
    /// Work of an earlier executor was found again and is watched.
    StepAdopted {
        step: Address,
    },
    /// What was begun left no result, and may be done again: it is.
    StepRestarted {
        step: Address,
    },
    /// A phase ended; the next one waits for its intent.
    PhaseReached {
        step: Address,
        phase: String,
        facts: Value,
        shown: Vec<String>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        creates: Vec<Made>,
    },
    /// A person is asked.
    StepAsked {
        step: Address,
        ask: Ask,
    },
    /// Nobody, or not enough people, answered in time: more may from now on.
    AskEscalated {
        step: Address,
    },
    ApprovalGiven {
        step: Address,
        who: Person,
        code: String,
    },
    /// What an approval was bound to has changed.
    ApprovalVoided {
        step: Address,
    },
    StepSucceeded(Box<StepSucceeded>),
    StepVerified {
        step: Address,
        checks: Vec<Check>,
    },
    StepUnproven {
        step: Address,
        checks: Vec<Check>,
        fault: Fault,
    },
    StepFailed {
        step: Address,
        fault: Fault,
    },
    /// The attempt failed and another one follows by itself.
    RetryScheduled {
        step: Address,
        fault: Fault,
        delay_ms: u64,
    },
    /// The attempt failed, and what the runbook has against that fault is done first: another attempt follows once it is.
    RepairBegan {
        step: Address,
        fault: Fault,
        by: Address,
        /// Under which the repair is done: higher where it was done before. It is open again with this record.
        generation: u32,
    },
    /// Its time has not come. Nobody is asked.
    WaitBegan {
        step: Address,
        wait: Wait,
    },
    /// Its time has come, or a person lets it start before.
    WaitEnded {
        step: Address,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        early: bool,
        /// An approval of it stands.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        approved: bool,
    },
    /// Still going on beyond its timeout, and not to be killed; or not at its end when its deadline is over.
    StepLate {
        step: Address,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        deadline: bool,
    },
    /// A person gives it more time, counted from now.
    StepExtended {
        step: Address,
        by_ms: u64,
    },
    /// An intent without outcome that no probe can settle.
    StepDoubted {
        step: Address,
        evidence: String,
    },
    StepSkipped {
        step: Address,
        why: SkipReason,
    },
    /// A way of a `try` that did not succeed, after what it left behind was taken back where that can be: the next one's turn.
    StepSuperseded {
        step: Address,
    },
    /// A person sent it back: `retry` keeps the generation, `rerun` raises it.
    StepReopened {
        step: Address,
        generation: u32,
    },
    UndoIntended {
        step: Address,
        undo: String,
    },
    StepUndone {
        step: Address,
        facts: Vec<String>,
    },
    UndoFailed {
        step: Address,
        fault: Fault,
    },
    /// Not taken back, since something that needed it could not be.
    UndoWithheld {
        step: Address,
        by: Address,
    },
    /// What is taken back, in this order. `all`: the run ends with it.
    UndoBegan {
        steps: Vec<Address>,
        all: bool,
    },

    LedgerAdded {
        entry: LedgerEntry,
    },
    LedgerRemoved {
        entry_kind: String,
        id: String,
        /// By the undo of the step that made it: it is gone, or put back to where it came from.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        by_undo: bool,
    },
    /// A person asked that what is temporary be taken away.
    CleanupBegan,
    /// Everything of it was tried.
    CleanupEnded {
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        kept: Vec<Kept>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        failed: Vec<String>,
    },

    /// Somebody outside was told all that was so by the record `upto`; or could not be.
    Told {
        /// Which of `tell`, from 0.
        entry: usize,
        /// In words that give no secret away.
        to: String,
        upto: Seq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<Fault>,
    },

    AnswerAccepted {
        answer: Answer,
    },
    AnswerRefused {
        answer: Answer,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
    RunPaused,
    RunUnpaused,
    NoteAdded {
        text: String,
        who: Person,
    },

    EndingBegan {
        how: End,
    },
    RunEnded {
        state: End,
    },
}

impl Event {
    /// The step it is about.
    pub fn step(&self) -> Option<&Address> {
        match self {
            Event::StepIntended(it) => Some(&it.step),
            Event::StepSucceeded(it) => Some(&it.step),
            Event::StepAdopted { step }
            | Event::StepRestarted { step }
            | Event::StepOpened { step, .. }
            | Event::PhaseReached { step, .. }
            | Event::StepAsked { step, .. }
            | Event::AskEscalated { step }
            | Event::ApprovalGiven { step, .. }
            | Event::ApprovalVoided { step }
            | Event::StepVerified { step, .. }
            | Event::StepUnproven { step, .. }
            | Event::StepFailed { step, .. }
            | Event::RetryScheduled { step, .. }
            | Event::RepairBegan { step, .. }
            | Event::WaitBegan { step, .. }
            | Event::WaitEnded { step, .. }
            | Event::StepLate { step, .. }
            | Event::StepExtended { step, .. }
            | Event::StepDoubted { step, .. }
            | Event::StepSkipped { step, .. }
            | Event::StepSuperseded { step }
            | Event::StepReopened { step, .. }
            | Event::UndoIntended { step, .. }
            | Event::StepUndone { step, .. }
            | Event::UndoFailed { step, .. }
            | Event::UndoWithheld { step, .. } => Some(step),
            Event::RunStarted(_)
            | Event::SegmentOpened { .. }
            | Event::TailDoubted { .. }
            | Event::PlanChanged(_)
            | Event::ExecutorStarted { .. }
            | Event::ExecutorStopped { .. }
            | Event::UndoBegan { .. }
            | Event::LedgerAdded { .. }
            | Event::LedgerRemoved { .. }
            | Event::CleanupBegan
            | Event::CleanupEnded { .. }
            | Event::Told { .. }
            | Event::AnswerAccepted { .. }
            | Event::AnswerRefused { .. }
            | Event::RunPaused
            | Event::RunUnpaused
            | Event::NoteAdded { .. }
            | Event::EndingBegan { .. }
            | Event::RunEnded { .. } => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// First Ctrl-C or SIGTERM.
    Requested,
    /// Second Ctrl-C or a hang-up: work goes on and is adopted later.
    Detached,
    /// Nothing can go on before a person decides.
    Paused,
    Waiting,
    /// No room left.
    Full,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepIntended {
    pub step: Address,
    pub op: OpId,
    pub attempt: u32,
    pub generation: u32,
    /// Empty for the first phase.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub phase: String,
    pub effect: super::effect::Effect,
    /// The rendered `with`; a secret stands in it as `{"$secret": TEMPLATE}`.
    pub inputs: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub prior: Value,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub facts: Value,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// What a run would have changed; in this drill a copy takes its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepSucceeded {
    pub step: Address,
    pub outputs: Map<String, Value>,
    /// Found done by an earlier executor.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopted: bool,
    /// Said by a person; kept for ever.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Its `verify` follows.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// Its call failed, and under `succeeds_if: verify` only the proofs count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub despite: Option<Fault>,
}

impl StepSucceeded {
    /// By the step's own work, with nothing left to prove; what is otherwise is said with `..StepSucceeded::new(…)`.
    pub fn new(step: Address, outputs: Map<String, Value>) -> Self {
        Self { step, outputs, adopted: false, by_hand: false, verify: false, despite: None }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Succeeded,
    Failed,
    Aborted,
    Undone,
}
