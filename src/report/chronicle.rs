//! Goes through all records of a run once and keeps what only the way there tells: when what happened, who said what, who
//! approved with which code, when nobody executed the run, and whose time it was.

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::Serialize;

use crate::journal::JournalError;
use crate::model::record::{Event, Record, StopReason};
use crate::model::step::StepState;
use crate::model::time::Moment;
use crate::model::{Address, Answer, RunState, Status};
use crate::plan::outline::Outline;
use crate::view::tell::{Book, line, said};
use crate::view::{clean, read};

/// What the records tell beside the state they fold to.
#[derive(Debug, Default)]
pub struct Chronicle {
    pub timeline: Vec<Entry>,
    pub approvals: IndexMap<Address, Vec<Approval>>,
    pub answers: Vec<Said>,
    pub interruptions: Vec<Interruption>,
    pub hours: Hours,
    pub started_by: Option<String>,
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

/// Whose time it was, in milliseconds, from the first record to the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Hours {
    /// At least one step was under way. Supervised work goes on without an executor, so this counts through a crash.
    pub machine_ms: u64,
    /// Nothing was under way, and something waited for a person: a question, a failure, a pause.
    pub human_ms: u64,
    /// Neither: between attempts, or nobody executed the run.
    pub idle_ms: u64,
}

impl Chronicle {
    /// From the journal in `folder`, as far as it can be read.
    pub fn read(folder: &std::path::Path, outline: &Outline) -> (Self, Option<JournalError>) {
        let mut writer = Writer::new(outline);
        let error = read::visit(folder, |record, hash| writer.add(record, hash));
        (writer.finish(), error)
    }

    /// What people decided about a step, but for approvals, which have a list of their own.
    pub fn decisions(&self, step: &Address) -> impl Iterator<Item = &Said> {
        let accepted = self.answers.iter().filter(|said| said.refused.is_none() && said.step.as_ref() == Some(step));
        accepted.filter(|said| !said.text.starts_with("`approve"))
    }
}

/// Writes the chronicle, record by record.
struct Writer {
    chronicle: Chronicle,
    state: RunState,
    book: Book,
    allowed: Vec<Address>,
    census: Census,
    /// The newest record that an executor wrote about the run, not about itself.
    last_word: Option<Moment>,
    /// How the executor before the newest one left.
    left: Option<StopReason>,
}

/// How many steps are in which hands.
#[derive(Debug, Default)]
struct Census {
    machine: usize,
    human: usize,
}

impl Writer {
    fn new(outline: &Outline) -> Self {
        let allowed =
            outline.steps.iter().filter(|step| step.allow_failure || step.covered).map(|step| step.address.clone());
        Self {
            chronicle: Chronicle::default(),
            state: RunState::default(),
            book: Book::of(outline),
            allowed: allowed.collect(),
            census: Census::default(),
            last_word: None,
            left: None,
        }
    }

    fn add(&mut self, record: Record, hash: &str) {
        self.spend(&record.moment());
        if let Event::SegmentOpened { .. } = record.event {
            self.state.take(record, hash);
            self.state.steps.values_mut().for_each(StepState::lighten);
            return self.count_anew();
        }
        let before = record.event.step().map(|step| self.hands(step));
        if matches!(record.event, Event::ExecutorStarted { .. }) {
            self.left = self.state.stopped;
        }
        self.state.apply(&record, hash);
        if let (Some(step), Some(before)) = (record.event.step(), before) {
            self.census.change(before, self.hands(step));
        }
        self.note(&record);
        // Only statuses and times are told from: what ten thousand steps put in and out need not be held.
        if let Some(step) = record.event.step().and_then(|step| self.state.steps.get_mut(step)) {
            step.lighten();
        }
        if !is_of_executor(&record.event) {
            self.last_word = Some(record.moment());
        }
    }

    /// The time since the record before goes to whoever had the run.
    fn spend(&mut self, now: &Moment) {
        let Some(last) = &self.state.last_at else { return };
        let millis = now.since(last);
        let hours = &mut self.chronicle.hours;
        if self.state.ended.is_some() {
            // What is said after the end takes nobody's time.
        } else if self.census.machine > 0 {
            hours.machine_ms += millis;
        } else if self.census.human > 0 || self.state.paused {
            hours.human_ms += millis;
        } else {
            hours.idle_ms += millis;
        }
    }

    /// A segment begins with all that was before it.
    fn count_anew(&mut self) {
        let mut census = Census::default();
        self.state.steps.keys().for_each(|step| census.change(Hands::Nobody, self.hands(step)));
        self.census = census;
    }

    fn hands(&self, step: &Address) -> Hands {
        match self.state.status(step) {
            Status::Running | Status::Verifying | Status::Late | Status::Undoing => Hands::Machine,
            Status::Waiting | Status::Unknown | Status::Unproven => Hands::Human,
            Status::Failed if !self.allowed.contains(step) => Hands::Human,
            // What was taken back on purpose waits for nobody.
            Status::Failed
            | Status::Undone
            | Status::Pending
            | Status::Queued
            | Status::Succeeded
            | Status::Skipped
            | Status::Blocked
            | Status::Superseded => Hands::Nobody,
        }
    }

    fn note(&mut self, record: &Record) {
        match &record.event {
            Event::RunStarted(it) => self.chronicle.started_by = Some(it.who.name.clone()),
            Event::ApprovalGiven { step, who, code } => {
                let approval = Approval { at: record.at, who: who.name.clone(), code: code.clone() };
                self.chronicle.approvals.entry(step.clone()).or_default().push(approval);
            }
            Event::AnswerAccepted { answer } => self.chronicle.answers.push(Said::of(record.at, answer, None)),
            Event::AnswerRefused { answer, reason, .. } => {
                self.chronicle.answers.push(Said::of(record.at, answer, Some(reason.as_str())));
            }
            Event::ExecutorStarted { who, .. } => self.executor_started(record.at, &who.name),
            _ => {}
        }
        if is_worth_a_line(&record.event) {
            let text = clean::word(&line(record, &self.state, &self.book));
            let step = record.event.step().cloned();
            self.chronicle.timeline.push(Entry { seq: record.seq.0, at: record.at, step, text });
        }
    }

    fn executor_started(&mut self, at: Timestamp, who: &str) {
        // After the end nobody was missed: whoever comes then only takes something back or away.
        let was_missed = self.state.epoch > 1 && self.state.ended.is_none();
        let Some(last) = self.last_word.as_ref().filter(|_| was_missed) else { return };
        let (from, to, left) = (last.at, Some(at), self.left);
        self.chronicle.interruptions.push(Interruption { from, to, left, resumed_by: Some(who.into()) });
    }

    fn finish(mut self) -> Chronicle {
        // Notes come as answers too, but not from every release.
        let is_known =
            |note: &Said, answers: &[Said]| answers.iter().any(|it| it.at == note.at && it.text == note.text);
        for note in &self.state.notes {
            let (at, who, text) = (note.at, note.who.name.clone(), note.text.clone());
            let said = Said { at, who, text, step: None, because: None, refused: None };
            if !is_known(&said, &self.chronicle.answers) {
                self.chronicle.answers.push(said);
            }
        }
        self.chronicle.answers.sort_by_key(|said| said.at);
        self.chronicle
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hands {
    Machine,
    Human,
    Nobody,
}

impl Census {
    fn change(&mut self, from: Hands, to: Hands) {
        match from {
            Hands::Machine => self.machine = self.machine.saturating_sub(1),
            Hands::Human => self.human = self.human.saturating_sub(1),
            Hands::Nobody => {}
        }
        match to {
            Hands::Machine => self.machine += 1,
            Hands::Human => self.human += 1,
            Hands::Nobody => {}
        }
    }
}

impl Said {
    fn of(at: Timestamp, answer: &Answer, refused: Option<&str>) -> Self {
        use crate::model::Verb;
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
        }
    }
}

fn is_of_executor(event: &Event) -> bool {
    matches!(event, Event::SegmentOpened { .. } | Event::TailDoubted { .. } | Event::ExecutorStarted { .. })
}

/// Whether people reading the report want to see it. Answers stand there as what came of them, and in a list of their own.
fn is_worth_a_line(event: &Event) -> bool {
    !matches!(
        event,
        Event::SegmentOpened { .. }
            | Event::LedgerAdded { .. }
            | Event::LedgerRemoved { .. }
            | Event::PhaseReached { .. }
    )
}
