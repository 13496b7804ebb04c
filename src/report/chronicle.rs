//! Goes through all records of a run once and keeps what only the way there tells: when what happened, who said what, who
//! approved with which code, when nobody executed the run, whose time it was, and who waited for whom.

use std::collections::HashSet;
use std::path::Path;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use super::absence::Absences;
use super::diary::Diary;
use super::hours::{Hands, Hours, Split};
use crate::journal::JournalError;
use crate::model::record::{Event, Record, StopReason};
use crate::model::time::Moment;
use crate::model::{Address, Answer, Fault, RunState, Verb};
use crate::plan::outline::Outline;
use crate::view::book::Book;
use crate::view::tell::{line, said};
use crate::view::words::between;
use crate::view::{clean, read};

/// What the records tell beside the state they fold to.
#[derive(Debug, Default)]
pub struct Chronicle {
    pub timeline: Vec<Entry>,
    pub approvals: IndexMap<Address, Vec<Approval>>,
    pub answers: Vec<Said>,
    pub decisions: Vec<Decision>,
    pub interruptions: Vec<Interruption>,
    pub hours: Hours,
    /// See [`Split::left_waiting_ms`].
    pub left_waiting_ms: u64,
    /// Every failure, also those that were dealt with.
    pub failures: Vec<Failure>,
    pub diary: Diary,
    pub started_by: Option<String>,
    /// Steps that a person called done and that nothing proved.
    pub unverified: HashSet<Address>,
}

/// One line of the timeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry {
    pub seq: u64,
    pub at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Address>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Approval {
    pub at: Timestamp,
    pub who: String,
    pub code: String,
}

/// What a person decided: a start, an approval, an answer that counted, a changed plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    pub at: Timestamp,
    pub who: String,
    pub what: String,
    pub step: Option<Address>,
    pub because: Option<String>,
    /// What an approval was given for, a fact a line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub shown: Vec<String>,
}

/// Something did not work, whatever became of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    pub at: Timestamp,
    pub step: Address,
    /// `failed`, `retried` (it was tried again by itself), `overruled` (only its proofs count), `unproven`, `undo_failed`, `unknown`.
    pub how: &'static str,
    /// Absent where nobody could tell what happened.
    pub code: Option<String>,
    pub message: String,
}

/// An answer or a note.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    pub at: Timestamp,
    pub who: String,
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Address>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    #[serde(skip)]
    pub is_note: bool,
}

/// A time in which no process executed the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Interruption {
    /// The last record before it.
    pub from: Timestamp,
    /// Absent while it lasts.
    pub to: Option<Timestamp>,
    /// Absent after a crash: the executor said nothing.
    pub left: Option<StopReason>,
    pub resumed_by: Option<String>,
}

impl Chronicle {
    /// From the journal in `folder`, as far as it can be read.
    /// `now` and `alive` say how the stretch behind the last record goes on, while the run has not ended.
    pub fn read(folder: &Path, outline: &Outline, now: Timestamp, alive: bool) -> (Self, Option<JournalError>) {
        let mut writer = Writer::new(outline, Absences::read(folder));
        let error = read::visit(folder, |record, hash| writer.add(record, hash));
        (writer.finish(now, alive), error)
    }
}

/// Writes the chronicle, record by record.
struct Writer {
    chronicle: Chronicle,
    state: RunState,
    book: Book,
    split: Split,
    /// The newest record of the executor before the newest one.
    last_word: Option<Moment>,
    /// How the executor before the newest one left.
    left: Option<StopReason>,
}

impl Writer {
    fn new(outline: &Outline, absences: Absences) -> Self {
        let allowed = outline.steps.iter().filter(|step| step.may_fail()).map(|step| step.address.clone());
        Self {
            chronicle: Chronicle::default(),
            state: RunState::default(),
            book: Book::of(outline),
            split: Split::new(allowed).knowing(absences),
            last_word: None,
            left: None,
        }
    }

    fn add(&mut self, record: Record, hash: &str) {
        let was_over = self.state.ended.is_some();
        for spent in self.split.spend(&self.state, &record) {
            self.chronicle.diary.pass(spent);
        }
        if record.epoch != self.state.epoch {
            self.last_word.clone_from(&self.state.last_at);
        }
        if let Event::SegmentOpened { .. } = record.event {
            self.state.take(record, hash);
            self.state.steps.values_mut().for_each(|step| step.lighten());
            return self.split.count(&self.state);
        }
        self.look_ahead(&record);
        let (step, opens) = (record.event.step(), record.event.opens());
        let before = [step, opens].map(|step| self.split.hands_of(&self.state, step));
        self.state.apply(&record, hash);
        self.hand_over(&record, step, before[0], was_over);
        if opens.is_some() {
            self.hand_over(&record, opens, before[1], was_over);
        }
        self.note(&record);
        // Only statuses and times are told from: what ten thousand steps put in and out need not be held.
        if let Some(step) = record.event.step().and_then(|step| self.state.steps.get_mut(step)) {
            step.lighten();
        }
    }

    /// The step went from the hands it was in `before` to those it is in now.
    fn hand_over(&mut self, record: &Record, step: Option<&Address>, before: Hands, was_over: bool) {
        let now = self.split.hands_of(&self.state, step);
        self.split.note(&self.state, record, before, now);
        if !was_over {
            self.chronicle.diary.note(&self.state, record, step, before, now);
        }
    }

    /// What the fold forgets with this record.
    fn look_ahead(&mut self, record: &Record) {
        match &record.event {
            Event::ExecutorStarted { .. } => self.left = self.state.stopped,
            Event::ApprovalGiven { step, who, code } => {
                let asked = self.state.step(step).ask.as_ref();
                let shown = asked.map(|asked| asked.ask.shown.clone()).unwrap_or_default();
                let what = format!("approves `{step}` with code `{code}`");
                let (who, step) = (who.name.clone(), Some(step.clone()));
                self.chronicle.decisions.push(Decision { at: record.at, who, what, step, because: None, shown });
            }
            _ => {}
        }
    }

    fn note(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted(it) => {
                self.chronicle.started_by = Some(it.who.name.clone());
                let left_out: Vec<String> = it.skipped.iter().map(|step| format!("`{step}`")).collect();
                let without =
                    if left_out.is_empty() { String::new() } else { format!(" without {}", left_out.join(", ")) };
                self.decided(record.at, &it.who.name, format!("starts the run{without}"), it.because.clone());
            }
            Event::PlanChanged(it) => {
                self.decided(record.at, &it.who.name, line(record, &self.state, &self.book), None);
            }
            Event::ApprovalGiven { step, who, code } => {
                let approval = Approval { at: record.at, who: who.name.clone(), code: code.clone() };
                self.chronicle.approvals.entry(step.clone()).or_default().push(approval);
            }
            Event::AnswerAccepted { answer } => self.answered(record.at, answer),
            Event::StepReopened { step, .. } => {
                self.chronicle.unverified.remove(step);
            }
            Event::AnswerRefused { answer, reason, .. } => {
                self.chronicle.answers.push(Said::of(record.at, answer, Some(reason.as_str())));
            }
            Event::ExecutorStarted { who, .. } => self.executor_started(record.at, &who.name),
            Event::StepFailed { step, fault } => self.failed(record.at, step, "failed", fault),
            Event::RepairBegan { step, fault, by, .. } => {
                self.chronicle.unverified.remove(by);
                self.failed(record.at, step, "repaired", fault);
            }
            Event::RetryScheduled { step, fault, .. } => self.failed(record.at, step, "retried", fault),
            Event::StepSucceeded(it) => {
                it.despite.iter().for_each(|fault| self.failed(record.at, &it.step, "overruled", fault));
            }
            Event::StepUnproven { step, fault, .. } => self.failed(record.at, step, "unproven", fault),
            Event::UndoFailed { step, fault } => self.failed(record.at, step, "undo_failed", fault),
            Event::StepDoubted { step, evidence } => {
                let (step, message) = (step.clone(), evidence.clone());
                self.chronicle.failures.push(Failure { at: record.at, step, how: "unknown", code: None, message });
            }
            _ => {}
        }
        if is_worth_a_line(&record.event) {
            let text = clean::word(&line(record, &self.state, &self.book));
            let step = record.event.step().cloned();
            self.chronicle.timeline.push(Entry { seq: record.seq.0, at: record.at, step, text });
        }
    }

    fn failed(&mut self, at: Timestamp, step: &Address, how: &'static str, fault: &Fault) {
        let because: String = fault.causes.iter().map(|cause| format!(": {cause}")).collect();
        let (code, message) = (Some(fault.code.clone()), format!("{}{because}", fault.message));
        self.chronicle.failures.push(Failure { at, step: step.clone(), how, code, message });
    }

    fn answered(&mut self, at: Timestamp, answer: &Answer) {
        let said = Said::of(at, answer, None);
        // An approval stands among the decisions as what came of it, a note is none.
        if !matches!(answer.verb, Verb::Approve { .. } | Verb::Note { .. }) {
            self.decided(at, &said.who, said.text.clone(), said.because.clone());
            self.chronicle.decisions.last_mut().into_iter().for_each(|it| it.step.clone_from(&said.step));
        }
        if let Verb::Done { step, unverified: true, .. } = &answer.verb {
            self.chronicle.unverified.insert(step.clone());
        }
        self.chronicle.answers.push(said);
    }

    fn decided(&mut self, at: Timestamp, who: &str, what: String, because: Option<String>) {
        let decision = Decision { at, who: who.into(), what, step: None, because, shown: Vec::new() };
        self.chronicle.decisions.push(decision);
    }

    fn executor_started(&mut self, at: Timestamp, who: &str) {
        // After the end nobody was missed: whoever comes then only takes something back or away.
        let was_missed = self.state.epoch > 1 && self.state.ended.is_none();
        let Some(last) = self.last_word.as_ref().filter(|_| was_missed) else { return };
        let (from, to, left) = (last.at, Some(at), self.left);
        self.chronicle.interruptions.push(Interruption { from, to, left, resumed_by: Some(who.into()) });
    }

    fn finish(mut self, now: Timestamp, alive: bool) -> Chronicle {
        if let (Some(last), None) = (&self.state.last_at, self.state.ended) {
            let open = (self.split.whose(&self.state, alive), between(last.at, now));
            self.split.add(&self.state, open);
            self.chronicle.diary.pass(open);
        }
        self.chronicle.diary.finish();
        self.chronicle.hours = self.split.hours;
        self.chronicle.left_waiting_ms = self.split.left_waiting_ms;
        // Notes come as answers too, but not from every release.
        let is_known = |note: &Said, answers: &[Said]| {
            answers.iter().any(|it| it.is_note && (&it.who, &it.text) == (&note.who, &note.text))
        };
        for note in &self.state.notes {
            let (at, who, text) = (note.at, note.who.name.clone(), note.text.clone());
            let said = Said { at, who, text, step: None, because: None, refused: None, is_note: true };
            if !is_known(&said, &self.chronicle.answers) {
                self.chronicle.answers.push(said);
            }
        }
        self.chronicle.answers.sort_by_key(|said| said.at);
        self.chronicle
    }
}

impl Said {
    /// Whether it moved a step. Approvals have a list of their own.
    pub fn is_decision(&self) -> bool {
        self.refused.is_none() && self.step.is_some() && !self.text.starts_with("`approve")
    }

    fn of(at: Timestamp, answer: &Answer, refused: Option<&str>) -> Self {
        let bare = Answer { because: None, ..answer.clone() };
        let text = match &answer.verb {
            Verb::Note { text } => text.clone(),
            _ => said(&bare),
        };
        Self {
            at,
            who: answer.who.name.clone(),
            text,
            step: answer.verb.step().cloned(),
            because: answer.because.clone(),
            refused: refused.map(Into::into),
            is_note: matches!(answer.verb, Verb::Note { .. }),
        }
    }
}

/// Whether people reading the report want to see it. Answers stand there as what came of them, and in a list of their own.
fn is_worth_a_line(event: &Event) -> bool {
    // A note comes as an answer and as a note.
    if let Event::AnswerAccepted { answer } = event {
        return !matches!(answer.verb, Verb::Note { .. });
    }
    !matches!(
        event,
        Event::SegmentOpened { .. }
            | Event::LedgerAdded { .. }
            | Event::LedgerRemoved { .. }
            | Event::PhaseReached { .. }
    )
}
