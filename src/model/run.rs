//! The fold: a run as its records tell it. The engine decides on it, every view shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::amendment::Amendment;
use super::answer::{Person, Refusal, Verb};
use super::claim::Claim;
use super::ids::{Address, Seq};
use super::ledger::{Cleanup, LedgerEntry};
use super::record::{End, Event, Mode, Record, RunStarted, SkipReason, StopReason};
use super::status::{RunStatus, Status};
use super::step::{PENDING, StepState};
use super::time::Moment;
use super::told::{Matter, Told};

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
    /// Each in a box: a table of thousands of them is copied as often as it grows.
    pub steps: IndexMap<Address, Box<StepState>>,
    pub ledger: Vec<LedgerEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Cleanup>,
    /// Steps that give a hold back which a person wants back now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub releasing: Vec<Address>,
    /// Asked for by a person.
    pub paused: bool,
    /// What that person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// What is being taken back.
    pub undoing: Option<Undoing>,
    pub ending: Option<End>,
    pub ended: Option<End>,
    pub notes: Vec<Note>,
    /// Ids of answers that were folded or refused: an answer delivered twice counts once.
    pub answers: Vec<Judged>,
    /// Damaged tails that were set aside.
    pub doubts: Vec<String>,
    /// The newest record of each sort that somebody outside may be told of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub news: BTreeMap<Matter, Seq>,
    /// What the entries of `tell` have come to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Undoing {
    /// Newest first.
    pub steps: Vec<Address>,
    pub all: bool,
    /// Tried, whether it worked or not.
    pub done: Vec<Address>,
}

impl Undoing {
    /// Whether something of it is still to be tried.
    pub fn goes_on(&self) -> bool {
        self.done.len() < self.steps.len()
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Executor {
    pub host: String,
    pub pid: u32,
}

/// Who paused the run, since when, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pause {
    pub at: Timestamp,
    pub who: String,
    pub because: String,
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Judged {
    /// Why it was refused, if it was.
    pub fn refusal(&self) -> Option<Refusal> {
        let reason = self.refused.clone()?;
        Some(Refusal { reason, code: self.code.clone(), hint: self.hint.clone() })
    }
}

impl RunState {
    /// What is known of a step, also of one that no record names yet.
    pub fn step(&self, address: &Address) -> &StepState {
        self.steps.get(address).map_or(&PENDING, Box::as_ref)
    }

    pub fn step_mut(&mut self, address: &Address) -> &mut StepState {
        self.steps.entry(address.clone()).or_insert_with(|| Box::new(StepState::pending()))
    }

    pub fn status(&self, address: &Address) -> Status {
        self.step(address).status
    }

    /// Whether a hold was left taken at an abort, and not given back since.
    pub fn keeps_a_hold(&self) -> bool {
        self.steps.values().any(|step| step.skipped == Some(SkipReason::Kept))
    }

    pub fn started(&self) -> Option<&RunStarted> {
        self.started.as_ref()
    }

    pub fn is_drill(&self) -> bool {
        self.started().is_some_and(|started| started.mode == Mode::Drill)
    }

    /// Whether a clean-up was asked for that has not come to its end.
    pub fn is_cleaning_up(&self) -> bool {
        self.cleanup.as_ref().is_some_and(|cleanup| !cleanup.ended)
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
        if let Some(matter) = Matter::of(&record.event) {
            self.news.insert(matter, record.seq);
        }
        if let Some(step) = record.event.step() {
            let state = self.step_mut(step);
            state.apply(&record.event, &moment, record.epoch);
            if state.status.is_settled() {
                self.releasing.retain(|other| other != step);
            }
            if let (Event::StepUndone { .. } | Event::UndoFailed { .. } | Event::UndoWithheld { .. }, Some(undoing)) =
                (&record.event, &mut self.undoing)
            {
                undoing.done.push(step.clone());
            }
            if let Event::RepairBegan { by, generation, .. } = &record.event {
                self.step_mut(by).reopen(*generation);
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
            Event::PlanChanged(it) => self.amend(it),
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
            Event::LedgerRemoved { entry_kind, id, .. } => {
                self.ledger.retain(|old| (&old.kind, &old.id) != (entry_kind, id));
                if let Some(cleanup) = self.cleanup.as_mut().filter(|cleanup| !cleanup.ended) {
                    cleanup.removed.push(format!("{entry_kind} {id}"));
                }
            }
            Event::CleanupBegan => self.cleanup = Some(Cleanup::default()),
            Event::CleanupEnded { kept, failed } => {
                let cleanup = self.cleanup.get_or_insert_with(Cleanup::default);
                (cleanup.kept, cleanup.failed, cleanup.ended) = (kept.clone(), failed.clone(), true);
            }
            Event::AnswerAccepted { answer } => {
                self.answers.push(Judged { id: answer.id.clone(), refused: None, code: None, hint: None });
                if let Some((step, claim)) = Claim::of(answer) {
                    self.step_mut(step).claim = Some(Box::new(claim));
                }
                if let Verb::Release { hold } = &answer.verb
                    && let Ok(step) = format!("{hold}/release").parse()
                {
                    self.releasing.push(step);
                }
                if answer.verb == Verb::Pause {
                    let (who, because) = (answer.who.name.clone(), answer.because.clone().unwrap_or_default());
                    self.pause = Some(Pause { at: moment.at, who, because });
                }
            }
            Event::AnswerRefused { answer, reason, code, hint } => {
                let (id, refused) = (answer.id.clone(), Some(reason.clone()));
                self.answers.push(Judged { id, refused, code: code.clone(), hint: hint.clone() });
            }
            Event::Told { entry, to, upto, fault } => self.told(*entry).tried(to, *upto, fault.as_ref(), moment),
            Event::RunPaused => self.paused = true,
            Event::RunUnpaused => (self.paused, self.pause) = (false, None),
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

    fn told(&mut self, entry: usize) -> &mut Told {
        let at = self.told.iter().position(|told| told.entry == entry).unwrap_or_else(|| {
            self.told.push(Told::new(entry));
            self.told.len() - 1
        });
        &mut self.told[at]
    }

    fn amend(&mut self, it: &Amendment) {
        let Some(started) = &mut self.started else { return };
        started.digest.clone_from(&it.digest);
        started.runbook.clone_from(&it.runbook);
        started.title.clone_from(&it.title);
        started.severity.clone_from(&it.severity);
        started.objectives.clone_from(&it.objectives);
        started.outage_began = it.outage_began;
        started.params.clone_from(&it.params);
        // Nothing of them was begun, so nothing of them is left.
        self.steps.retain(|step, _| !it.gone.contains(step));
    }
}
