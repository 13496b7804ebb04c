//! The report as data: what a team needs when it talks about a recovery, gathered from the view and the chronicle.
//! Its serialisation is the report in JSON.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::chronicle::{Approval, Chronicle, Entry, Hours, Interruption, Said};
use crate::journal::store::RunDir;
use crate::model::record::{Check, Mode, SkipReason};
use crate::model::{Address, Fault, RunId, RunStatus, Status};
use crate::plan::staffing::Staffing;
use crate::runbook::duration;
use crate::view::json::removal;
use crate::view::tell::why_skipped;
use crate::view::words::{between, span, span_seconds};
use crate::view::{RunView, StepView, derive, read};

#[derive(Debug, Serialize)]
pub struct Postmortem {
    pub run: RunId,
    pub title: String,
    pub runbook: Option<String>,
    pub severity: Option<String>,
    pub mode: Option<Mode>,
    pub digest: Option<String>,
    pub state: RunStatus,
    /// The run in one sentence.
    pub outcome: String,
    pub started_by: Option<String>,
    pub outage_began: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub written_at: Timestamp,
    pub times: Times,
    pub objectives: Vec<Objective>,
    pub params: Map<String, Value>,
    /// Who was wanted, and who there was.
    pub staffing: Staffing,
    pub steps: Vec<StepReport>,
    pub tables: Vec<TableReport>,
    pub answers: Vec<Said>,
    pub interruptions: Vec<Interruption>,
    pub ledger: Vec<Leftover>,
    pub timeline: Vec<Entry>,
    /// What could not be read.
    pub troubles: Vec<String>,
    pub head: String,
    pub records: u64,
}

#[derive(Debug, Serialize)]
pub struct Times {
    /// From the outage, or the start where nobody said when it began, to the end, or to now.
    pub total_ms: Option<u64>,
    /// From the outage to the start.
    pub before_ms: Option<u64>,
    #[serde(flatten)]
    pub hours: Hours,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Objective {
    pub name: String,
    pub wanted_seconds: u64,
    pub measured_seconds: Option<i64>,
    /// Absent while it is open, or where it cannot be measured.
    pub met: Option<bool>,
}

#[derive(Debug, Serialize)]
pub struct StepReport {
    pub id: Address,
    pub name: String,
    pub kind: Option<String>,
    pub state: Status,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub duration_ms: Option<u64>,
    pub attempts: u32,
    pub by_hand: bool,
    pub adopted: bool,
    /// What is said of a change whose old state cannot be had back.
    pub in_place: Option<String>,
    pub approvals: Vec<Approval>,
    /// What people decided about it, but for approvals.
    pub decisions: Vec<Said>,
    pub checks: Vec<Check>,
    pub skipped: Option<SkipReason>,
    pub blocked_by: Option<Address>,
    pub outputs: Option<Map<String, Value>>,
    pub fault: Option<Fault>,
    pub evidence: Option<String>,
    pub finally: bool,
}

/// One table that was brought back.
#[derive(Debug, PartialEq, Serialize)]
pub struct TableReport {
    pub step: Address,
    pub name: String,
    pub rows: Option<u64>,
    pub only_in_live: Option<u64>,
    pub only_in_copy: Option<u64>,
    pub differ: Option<u64>,
}

#[derive(Debug, Serialize)]
pub struct Leftover {
    pub kind: String,
    pub id: String,
    pub made_by: Address,
    pub keep_until: Option<Timestamp>,
    pub overdue: bool,
    pub remove: String,
}

impl Postmortem {
    pub fn gather(dir: &RunDir, now: Timestamp) -> Self {
        // One after the other: the chronicle folds all records too, and two states of a large run are not held at once.
        let outline = read::outline(dir, None).unwrap_or_default();
        let (chronicle, _) = Chronicle::read(&dir.path, &outline);
        drop(outline);
        Self::of(&RunView::load(dir, now), chronicle)
    }

    fn of(view: &RunView, chronicle: Chronicle) -> Self {
        let started = view.state.started();
        let steps: Vec<StepReport> = view.steps.iter().map(|step| StepReport::of(view, step, &chronicle)).collect();
        Self {
            run: view.id.clone(),
            title: view.called().to_string(),
            runbook: started.map(|it| it.runbook.clone()),
            severity: started.map(|it| it.severity.clone()),
            mode: view.mode(),
            digest: started.map(|it| it.digest.clone()),
            state: view.status,
            outcome: outcome(view),
            started_by: chronicle.started_by,
            outage_began: view.outage_began(),
            started_at: view.started_at(),
            ended_at: view.state.ended_at,
            written_at: view.now,
            times: times(view, chronicle.hours),
            objectives: objectives(view),
            params: started.map(|it| it.params.clone()).unwrap_or_default(),
            staffing: view.plan.as_ref().map(|plan| plan.staffing.clone()).unwrap_or_default(),
            tables: steps.iter().flat_map(tables).collect(),
            steps,
            answers: chronicle.answers,
            interruptions: interruptions(view, chronicle.interruptions),
            ledger: view.state.ledger.iter().map(|entry| leftover(view, entry)).collect(),
            timeline: chronicle.timeline,
            troubles: view.troubles.iter().map(|trouble| trouble.message.clone()).collect(),
            head: view.state.head.clone(),
            records: view.state.seq.0,
        }
    }
}

/// For the team: the state, what is left to deal with, and the time it took.
fn outcome(view: &RunView) -> String {
    let took = view.recovery_seconds().map(span_seconds).unwrap_or_default();
    let since = if view.outage_began().is_some() { "after the outage began" } else { "after the start" };
    let bad: Vec<String> = view.steps.iter().filter(|step| derive::needs_attention(step)).map(name_and_state).collect();
    let bad = if bad.is_empty() { String::new() } else { format!(": {}", bad.join(", ")) };
    match view.status {
        RunStatus::Succeeded => format!("The recovery succeeded {took} {since}: {}.", view.counts()),
        RunStatus::Failed => format!("The recovery failed {took} {since}{bad}."),
        RunStatus::Aborted => format!("The recovery was aborted {took} {since}{bad}."),
        RunStatus::Undone => format!("The recovery was taken back {took} {since}."),
        RunStatus::Running | RunStatus::Waiting | RunStatus::Paused | RunStatus::Ending => {
            let nobody = if view.is_abandoned() { ", and nobody executes it" } else { "" };
            format!("The recovery has not ended: it is {}{nobody}, {took} {since}{bad}.", view.status.word())
        }
    }
}

fn name_and_state(step: &StepView) -> String {
    format!("`{}` ({})", step.address, step.status.word())
}

fn times(view: &RunView, mut hours: Hours) -> Times {
    let (until, outage, started) = (view.until(), view.outage_began(), view.started_at());
    if let (Some(last), false) = (&view.state.last_at, view.status.is_final()) {
        // The last stretch is still open.
        let open = between(last.at, view.now);
        match view.status {
            RunStatus::Waiting | RunStatus::Paused => hours.human_ms += open,
            _ if view.steps.iter().any(|step| step.status.is_in_flight()) => hours.machine_ms += open,
            _ => hours.idle_ms += open,
        }
    }
    Times {
        total_ms: outage.or(started).map(|from| between(from, until)),
        before_ms: outage.zip(started).map(|(outage, started)| between(outage, started)),
        hours,
    }
}

fn objectives(view: &RunView) -> Vec<Objective> {
    let Some(started) = view.state.started() else { return Vec::new() };
    let mut objectives = Vec::new();
    for (name, wanted) in started.objectives.as_object().into_iter().flatten() {
        match wanted {
            Value::String(text) => objectives.extend(objective(view, name, text)),
            // One a store: which store a step restored is not known here.
            Value::Object(stores) => objectives.extend(stores.iter().filter_map(|(store, text)| {
                let wanted_seconds = duration::parse(text.as_str()?).ok()?.as_secs();
                Some(Objective {
                    name: format!("{name} of {store}"),
                    wanted_seconds,
                    measured_seconds: None,
                    met: None,
                })
            })),
            _ => {}
        }
    }
    objectives
}

fn objective(view: &RunView, name: &str, text: &str) -> Option<Objective> {
    let wanted_seconds = duration::parse(text).ok()?.as_secs();
    let is_rto = name == "rto";
    // A run that ended without success has recovered nothing, however soon.
    let gave_up = is_rto && view.status.is_final() && view.status != RunStatus::Succeeded;
    let measured_seconds = if is_rto { view.recovery_seconds().filter(|_| !gave_up) } else { lost_seconds(view) };
    let within = measured_seconds.map(|measured| measured <= i64::try_from(wanted_seconds).unwrap_or(i64::MAX));
    let met = match view.status {
        RunStatus::Succeeded => within,
        _ if gave_up => Some(false),
        // Time goes on: missed is missed, met is not yet.
        _ => within.filter(|within| !within),
    };
    Some(Objective { name: name.to_string(), wanted_seconds, measured_seconds, met })
}

/// How much before the outage the oldest restore stands: what was written in between is not in it.
fn lost_seconds(view: &RunView) -> Option<i64> {
    let outage = view.outage_began().or(view.started_at())?;
    let restored = view.steps.iter().filter_map(|step| {
        let text = view.state_of(step).outputs.as_ref()?.get("restored_to")?.as_str()?;
        text.parse::<Timestamp>().ok()
    });
    Some(outage.duration_since(restored.min()?).as_secs().max(0))
}

impl StepReport {
    fn of(view: &RunView, step: &StepView, chronicle: &Chronicle) -> Self {
        let state = view.state_of(step);
        let ended = view.ended_of(step);
        let duration = state.started_at.as_ref().zip(ended).map(|(from, to)| to.since(from));
        Self {
            id: step.address.clone(),
            name: step.name.clone(),
            kind: step.kind.clone(),
            state: step.status,
            started_at: state.started_at.as_ref().map(|it| it.at),
            ended_at: ended.map(|it| it.at),
            duration_ms: duration.filter(|_| step.status != Status::Skipped),
            attempts: state.attempts,
            by_hand: state.by_hand,
            adopted: state.adopted,
            in_place: step.in_place.clone(),
            approvals: chronicle.approvals.get(&step.address).cloned().unwrap_or_default(),
            decisions: chronicle.decisions(&step.address).cloned().collect(),
            checks: state.checks.clone(),
            skipped: state.skipped.clone(),
            blocked_by: step.blocked_by.clone(),
            outputs: state.outputs.clone(),
            fault: state.fault.as_deref().cloned(),
            evidence: state.evidence.clone(),
            finally: step.finally,
        }
    }

    /// What there is to remark, one fact each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        remarks.extend((self.attempts > 1).then(|| format!("{} attempts", self.attempts)));
        remarks.extend(self.in_place.iter().map(|said| format!("IN PLACE, {said}")));
        remarks.extend(self.by_hand.then(|| "by hand".into()));
        remarks.extend(self.adopted.then(|| "adopted after an interruption".into()));
        remarks.extend(self.approvals.iter().map(|it| format!("approved by {} with code `{}`", it.who, it.code)));
        remarks.extend(self.decisions.iter().map(|it| {
            let because = it.because.as_ref().map(|text| format!(", because {text}")).unwrap_or_default();
            format!("{} by {}{because}", it.text, it.who)
        }));
        remarks.extend(self.checks.iter().map(|it| {
            let verdict = if it.passed { "proven" } else { "NOT PROVEN" };
            format!("{verdict}: {}", it.text)
        }));
        remarks.extend(self.skipped.as_ref().map(|why| why_skipped(&self.id, why)));
        remarks.extend(self.blocked_by.as_ref().map(|need| format!("blocked by `{need}`")));
        remarks
    }

    pub fn duration(&self) -> String {
        self.duration_ms.map(span).unwrap_or_default()
    }

    pub fn is_trouble(&self) -> bool {
        self.fault.is_some() || self.evidence.is_some()
    }
}

/// The counts that `postgres.dump_and_load` puts out, and every kind that puts out `tables` likewise.
fn tables(step: &StepReport) -> Vec<TableReport> {
    let listed = step.outputs.as_ref().and_then(|outputs| outputs.get("tables")).and_then(Value::as_array);
    let table = |entry: &Value| {
        let number = |name: &str| entry.get(name).and_then(Value::as_u64);
        Some(TableReport {
            step: step.id.clone(),
            name: entry.get("name")?.as_str()?.to_string(),
            rows: number("rows"),
            only_in_live: number("only_in_live"),
            only_in_copy: number("only_in_copy"),
            differ: number("differ"),
        })
    };
    listed.into_iter().flatten().filter_map(table).collect()
}

fn interruptions(view: &RunView, mut past: Vec<Interruption>) -> Vec<Interruption> {
    if let (true, Some(last)) = (view.is_abandoned(), &view.state.last_at) {
        past.push(Interruption { from: last.at, to: None, left: view.state.stopped, resumed_by: None });
    }
    past
}

fn leftover(view: &RunView, entry: &crate::model::ledger::LedgerEntry) -> Leftover {
    Leftover {
        kind: entry.kind.clone(),
        id: entry.id.clone(),
        made_by: entry.made_by.clone(),
        keep_until: entry.keep_until,
        overdue: derive::is_overdue(entry, view.now, view.status.is_final()),
        remove: removal(&view.commands, entry),
    }
}

impl Interruption {
    /// How it came about, in words.
    pub fn cause(&self) -> &'static str {
        use crate::model::record::StopReason;
        match self.left {
            None => "the executor was gone without a word",
            Some(StopReason::Requested) => "it was stopped on request",
            Some(StopReason::Detached) => "it was detached, the work went on",
            Some(StopReason::Paused) => "it was paused",
            Some(StopReason::Waiting) => "it waited for a person",
            Some(StopReason::Full) => "there was no room left",
        }
    }
}

impl Objective {
    /// `RTO 1h30m: 20m29s, met`.
    pub fn text(&self) -> String {
        let wanted = span_seconds(i64::try_from(self.wanted_seconds).unwrap_or(i64::MAX));
        let nothing = if self.met.is_some() { "not recovered" } else { "not measured" };
        let measured = self.measured_seconds.map_or_else(|| nothing.into(), span_seconds);
        let verdict = match (self.met, self.measured_seconds) {
            (Some(true), _) => ", met",
            (Some(false), _) => ", MISSED",
            (None, Some(_)) => " so far",
            (None, None) => "",
        };
        format!("{} {wanted}: {measured}{verdict}", self.title())
    }

    fn title(&self) -> String {
        match self.name.split_once(' ') {
            Some((name, rest)) => format!("{} {rest}", name.to_uppercase()),
            None => self.name.to_uppercase(),
        }
    }
}
