//! The report as data: what a team needs when it talks about a recovery, gathered from the view and the chronicle.
//! Its serialisation is the report in JSON; `docs/report.md` tells its shape.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::chronicle::{Chronicle, Decision, Entry, Failure, Interruption, Said};
use super::diary::Wait;
use super::hours::Hours;
use super::lost::{Lost, Objective, objectives};
use super::open::{Flag, Leftover, Open, flags, leftovers, open};
use super::paths::{self, Leg};
use super::steps::{Steps, TableReport};
use crate::journal::lease;
use crate::journal::store::RunDir;
use crate::model::record::{Mode, StopReason};
use crate::model::{Address, RunId, RunStatus};
use crate::plan::staffing::Staffing;
use crate::view::words::{between, span_seconds};
use crate::view::{RunView, StepView, derive, read};

#[derive(Debug, Serialize)]
pub struct Postmortem {
    /// Of this shape: raised when a field goes away or means something else.
    pub version: u32,
    pub run: RunId,
    pub title: String,
    pub runbook: Option<String>,
    pub severity: Option<String>,
    pub mode: Option<Mode>,
    pub digest: Option<String>,
    pub state: RunStatus,
    /// Whether it has come to its end. If not, all of this is as of `written_at`.
    pub ended: bool,
    /// The run in one sentence.
    pub outcome: String,
    pub started_by: Option<String>,
    pub outage_began: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub written_at: Timestamp,
    pub times: Times,
    pub objectives: Vec<Objective>,
    pub lost: Lost,
    pub open: Vec<Open>,
    pub ledger: Vec<Leftover>,
    pub flags: Vec<Flag>,
    pub decisions: Vec<Decision>,
    pub waits: Vec<Wait>,
    pub failures: Vec<Failure>,
    pub plan: Planned,
    /// The chain of needs that ended last: its waits and its work are the time from the start to the end of its last step.
    pub actual_path: Vec<Leg>,
    pub params: Map<String, Value>,
    /// Who was wanted, and who there was.
    pub staffing: Staffing,
    pub steps: Steps,
    pub tables: Vec<TableReport>,
    pub answers: Vec<Said>,
    pub interruptions: Vec<Interruption>,
    pub timeline: Vec<Entry>,
    /// What could not be read.
    pub troubles: Vec<String>,
    pub head: String,
    pub records: u64,
}

#[derive(Debug, Serialize)]
pub struct Times {
    /// From the outage, or the start where nobody said when it began, to the end, or to now: `before_ms` and `elapsed_ms`.
    pub total_ms: Option<u64>,
    /// From the outage to the start.
    pub before_ms: Option<u64>,
    /// From the start to the end, or to now: the four parts behind it.
    pub elapsed_ms: u64,
    #[serde(flatten)]
    pub hours: Hours,
    /// Of the time that nobody executed the run: after an executor that had left to wait for people.
    pub left_waiting_ms: u64,
}

/// What the plan foresaw.
#[derive(Debug, Default, Serialize)]
pub struct Planned {
    /// From the start to the end of the last step outside `finally`.
    pub estimate_seconds: Option<u64>,
    pub critical_path: Vec<Address>,
    /// It was changed since the run began: then this is what the changed plan foresaw.
    pub changed: bool,
}

/// The shape that is written now.
const VERSION: u32 = 1;

impl Postmortem {
    pub fn gather(dir: &RunDir, now: Timestamp) -> Self {
        // One after the other: the chronicle folds all records too, and two states of a large run are not held at once.
        let outline = read::outline(dir, None).unwrap_or_default();
        let (chronicle, _) = Chronicle::read(&dir.path, &outline, now, lease::is_held(&dir.path));
        drop(outline);
        Self::of(RunView::load(dir, now), chronicle)
    }

    /// What people said that decided nothing: notes, and answers that were refused.
    pub fn notes(&self) -> impl Iterator<Item = &Said> {
        self.answers.iter().filter(|said| said.is_note || said.refused.is_some())
    }

    /// Whether anything went wrong, also where the record of it is lost and only what was folded since tells of it.
    pub fn has_trouble(&self) -> bool {
        !self.failures.is_empty() || self.steps.view().state.steps.values().any(|step| step.is_trouble())
    }

    /// Failures of steps that stand well now, or wait for nobody.
    pub fn dealt_with(&self) -> Vec<&Failure> {
        self.failures.iter().filter(|it| !self.steps.view().state.step(&it.step).is_trouble()).collect()
    }

    fn of(view: RunView, mut chronicle: Chronicle) -> Self {
        let steps = Steps::new(view, &mut chronicle);
        let view = steps.view();
        let started = view.state.started();
        let lost = Lost::of(&steps);
        Self {
            version: VERSION,
            run: view.id.clone(),
            title: view.called().to_string(),
            runbook: started.map(|it| it.runbook.clone()),
            severity: started.map(|it| it.severity.clone()),
            mode: view.mode(),
            digest: started.map(|it| it.digest.clone()),
            state: view.status,
            ended: view.status.is_final(),
            outcome: outcome(view),
            started_by: chronicle.started_by,
            outage_began: view.outage_began(),
            started_at: view.started_at(),
            ended_at: view.state.ended_at,
            written_at: view.now,
            times: times(view, chronicle.hours, chronicle.left_waiting_ms),
            objectives: objectives(view, &lost),
            lost,
            open: open(view),
            ledger: leftovers(view),
            flags: flags(&steps),
            decisions: chronicle.decisions,
            waits: steps.diary().waits.clone(),
            failures: chronicle.failures,
            plan: planned(&steps),
            actual_path: actual_path(&steps),
            params: started.map(|it| it.params.clone()).unwrap_or_default(),
            staffing: view.plan.as_ref().map(|plan| plan.staffing.clone()).unwrap_or_default(),
            tables: steps.iter().flat_map(|step| step.tables()).collect(),
            answers: chronicle.answers,
            interruptions: interruptions(view, chronicle.interruptions),
            timeline: chronicle.timeline,
            troubles: view.troubles.iter().map(|trouble| trouble.message.clone()).collect(),
            head: view.state.head.clone(),
            records: view.state.seq.0,
            steps,
        }
    }
}

/// For the team: the state, what is left to deal with, and the time it took.
fn outcome(view: &RunView) -> String {
    let took = view.recovery_seconds().map(span_seconds).unwrap_or_default();
    let since = if view.outage_began().is_some() { "after the outage began" } else { "after the start" };
    let bad: Vec<&StepView> = view.steps.iter().filter(|step| derive::needs_attention(step)).collect();
    let bad = some_names(&bad);
    let what = if view.is_drill() { "drill" } else { "recovery" };
    match view.status {
        RunStatus::Succeeded => {
            let ended = if view.is_recovered() { "succeeded" } else { "ended" };
            format!("The {what} {ended} {took} {since}{}: {}.", view.remarked(), view.counts())
        }
        RunStatus::Failed => format!("The {what} failed {took} {since}{bad}."),
        RunStatus::Aborted => format!("The {what} was aborted {took} {since}{bad}."),
        RunStatus::Undone => format!("The {what} was taken back {took} {since}."),
        RunStatus::Running | RunStatus::Waiting | RunStatus::Paused | RunStatus::Ending => {
            let nobody = if view.is_abandoned() { ", and nobody executes it" } else { "" };
            format!("The {what} has not ended: it is {}{nobody}, {took} {since}{bad}.", view.status.word())
        }
    }
}

/// So many steps are named in a sentence.
const MOST_NAMED: usize = 5;

fn some_names(steps: &[&StepView]) -> String {
    let named = steps.iter().take(MOST_NAMED).map(|step| format!("`{}` ({})", step.address, step.status.word()));
    let named: Vec<String> = named.collect();
    match steps.len() {
        0 => String::new(),
        count if count > MOST_NAMED => format!(": {} and {} more", named.join(", "), count - MOST_NAMED),
        _ => format!(": {}", named.join(", ")),
    }
}

fn times(view: &RunView, hours: Hours, left_waiting_ms: u64) -> Times {
    let before_ms = view.outage_began().zip(view.started_at()).map(|(outage, started)| between(outage, started));
    let elapsed_ms = hours.total_ms();
    let total_ms = view.started_at().map(|_| before_ms.unwrap_or(0) + elapsed_ms);
    Times { total_ms, before_ms, elapsed_ms, hours, left_waiting_ms }
}

fn planned(steps: &Steps) -> Planned {
    let Some(plan) = &steps.view().plan else { return Planned::default() };
    let address = |node: usize| plan.outline.steps[node].address.clone();
    Planned {
        estimate_seconds: steps.foreseen_seconds(),
        critical_path: paths::planned(&plan.outline).into_iter().map(address).collect(),
        changed: plan.amendment.is_some(),
    }
}

fn actual_path(steps: &Steps) -> Vec<Leg> {
    let outline = steps.view().plan.as_ref().map(|plan| &plan.outline);
    outline.map(|outline| paths::actual(outline, |node| steps.times(node))).unwrap_or_default()
}

fn interruptions(view: &RunView, mut past: Vec<Interruption>) -> Vec<Interruption> {
    if let (true, Some(last)) = (view.is_abandoned(), &view.state.last_at) {
        past.push(Interruption { from: last.at, to: None, left: view.state.stopped, resumed_by: None });
    }
    past
}

impl Interruption {
    /// How it came about, in words.
    pub fn cause(&self) -> &'static str {
        match self.left {
            None => "no sign of life of an executor",
            Some(StopReason::Requested) => "it was stopped on request",
            Some(StopReason::Detached) => "it was detached, the work went on",
            Some(StopReason::Paused) => "it was paused",
            Some(StopReason::Waiting) => "it waited for a person",
            Some(StopReason::Full) => "there was no room left",
        }
    }
}
