//! What the report says of each step. Made one by one whenever they are gone through: ten thousand of them are never held
//! beside the state they are made of.

use std::collections::{HashMap, HashSet};

use indexmap::IndexMap;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::chronicle::{Approval, Chronicle, Said};
use super::diary::{Diary, Spell};
use crate::model::record::{Check, SkipReason};
use crate::model::repaired::Repaired;
use crate::model::step::StepState;
use crate::model::time::Moment;
use crate::model::{Address, Fault, Status};
use crate::plan::schedule;
use crate::view::claims::in_place_of_its_work;
use crate::view::drill::{Rehearsed, would};
use crate::view::tell::{restarted, why_skipped};
use crate::view::words::{shown, span};
use crate::view::{RunView, StepView};

#[derive(Debug)]
pub struct Steps {
    view: RunView,
    approvals: IndexMap<Address, Vec<Approval>>,
    decisions: HashMap<Address, Vec<Said>>,
    unverified: HashSet<Address>,
    diary: Diary,
    /// Start and end in seconds from the start of the run, by estimate.
    planned: Vec<Option<(u64, u64)>>,
}

#[derive(Debug, Serialize)]
pub struct StepReport<'a> {
    pub id: &'a Address,
    pub name: &'a str,
    pub kind: Option<&'a str>,
    pub state: Status,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    /// From its first start to its end, waits for people included.
    pub duration_ms: Option<u64>,
    /// Of that, what was work.
    pub worked_ms: u64,
    /// As the plan had it.
    pub estimate_seconds: Option<u64>,
    /// From the start of the run, by the estimates of all steps.
    pub planned_start_seconds: Option<u64>,
    pub planned_end_seconds: Option<u64>,
    /// Ended so much later than planned; below zero: earlier.
    pub late_seconds: Option<i64>,
    pub attempts: u32,
    /// How often what an attempt had begun was gone without a result, and was done again.
    pub restarts: u32,
    /// What was done against its faults before it was tried again, and how often.
    pub repairs: &'a [Repaired],
    pub by_hand: bool,
    /// Whether that was said in the place of its work.
    #[serde(skip)]
    pub claimed: bool,
    /// Called done by a person, and proven by nothing.
    pub unverified: bool,
    pub adopted: bool,
    pub allow_failure: bool,
    /// What is said of a change whose old state cannot be had back.
    pub in_place: Option<&'a str>,
    pub approvals: &'a [Approval],
    /// What people decided about it, but for approvals.
    pub decisions: &'a [Said],
    pub checks: &'a [Check],
    pub skipped: Option<&'a SkipReason>,
    pub blocked_by: Option<&'a Address>,
    #[serde(serialize_with = "as_shown")]
    pub outputs: Option<&'a Map<String, Value>>,
    pub fault: Option<&'a Fault>,
    pub evidence: Option<&'a str>,
    /// What became of it in a drill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drill: Option<Rehearsed>,
    pub finally: bool,
    #[serde(skip)]
    pub is_group: bool,
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

impl Steps {
    pub fn new(view: RunView, chronicle: &mut Chronicle) -> Self {
        let mut decisions: HashMap<Address, Vec<Said>> = HashMap::new();
        for said in chronicle.answers.iter().filter(|said| said.is_decision()) {
            if let Some(step) = &said.step {
                decisions.entry(step.clone()).or_default().push(said.clone());
            }
        }
        let planned = view.plan.as_ref().map(|plan| schedule::timetable(&plan.outline, plan.concurrency));
        Self {
            view,
            approvals: std::mem::take(&mut chronicle.approvals),
            decisions,
            unverified: std::mem::take(&mut chronicle.unverified),
            diary: std::mem::take(&mut chronicle.diary),
            planned: planned.unwrap_or_default(),
        }
    }

    pub fn view(&self) -> &RunView {
        &self.view
    }

    pub fn diary(&self) -> &Diary {
        &self.diary
    }

    pub fn len(&self) -> usize {
        self.view.steps.len()
    }

    pub fn is_empty(&self) -> bool {
        self.view.steps.is_empty()
    }

    /// In the order of the runbook.
    pub fn iter(&self) -> impl Iterator<Item = StepReport<'_>> {
        self.view.steps.iter().enumerate().map(|(node, step)| self.report(node, step))
    }

    /// Start and end of a step that has both, in milliseconds from the start of the run.
    pub fn times(&self, node: usize) -> Option<(u64, u64)> {
        let step = self.view.steps.get(node)?;
        let state = self.view.state_of(step);
        self.times_of(step, state, self.ended_of(step, state))
    }

    fn times_of(&self, step: &StepView, state: &StepState, ended: Option<&Moment>) -> Option<(u64, u64)> {
        // One that was taken back ended again when it was.
        if matches!(step.status, Status::Skipped | Status::Undone) {
            return None;
        }
        let (from, began) = (self.view.state.started_at.as_ref()?, state.started_at.as_ref()?);
        Some((began.since(from), began.since(from) + ended?.since(began)))
    }

    fn ended_of<'a>(&'a self, step: &StepView, state: &'a StepState) -> Option<&'a Moment> {
        state.ended_at.as_ref().or_else(|| self.view.ended_of(step))
    }

    /// From the start of the run to the end of its last step, by estimate.
    pub fn foreseen_seconds(&self) -> Option<u64> {
        self.planned.iter().flatten().map(|(_, end)| *end).max()
    }

    pub fn spells(&self, step: &Address) -> &[Spell] {
        self.diary.spells.get(step).map_or(&[], Vec::as_slice)
    }

    /// Start and end by estimate, in seconds.
    pub fn planned(&self, node: usize) -> Option<(u64, u64)> {
        let outline = &self.view.plan.as_ref()?.outline;
        let estimated = outline.steps.get(node)?.estimate_seconds.is_some();
        self.planned.get(node).copied().flatten().filter(|_| estimated)
    }

    fn report<'a>(&'a self, node: usize, step: &'a StepView) -> StepReport<'a> {
        let state = self.view.state_of(step);
        let ended = self.ended_of(step, state);
        let duration = state.started_at.as_ref().zip(ended).map(|(from, to)| to.since(from));
        let was_done = duration.filter(|_| step.status != Status::Skipped);
        let outline = self.view.plan.as_ref().and_then(|plan| plan.outline.steps.get(node));
        let planned = self.planned(node);
        let signed = |millis: u64| i64::try_from(millis / 1000).unwrap_or(i64::MAX);
        let late = planned
            .zip(self.times_of(step, state, ended))
            .map(|((_, planned), (_, end))| signed(end) - signed(planned * 1000));
        StepReport {
            id: &step.address,
            name: &step.name,
            kind: step.kind.as_deref(),
            state: step.status,
            started_at: state.started_at.as_ref().map(|it| it.at),
            ended_at: ended.map(|it| it.at),
            duration_ms: was_done,
            worked_ms: self.diary.worked_ms(&step.address),
            estimate_seconds: outline.and_then(|step| step.estimate_seconds),
            planned_start_seconds: planned.map(|it| it.0),
            planned_end_seconds: planned.map(|it| it.1),
            late_seconds: late,
            attempts: state.attempts,
            restarts: state.restarts,
            repairs: &state.repairs,
            by_hand: state.by_hand,
            claimed: in_place_of_its_work(state),
            unverified: self.unverified.contains(&step.address),
            adopted: state.adopted,
            allow_failure: step.allow_failure,
            in_place: step.in_place.as_deref(),
            approvals: self.approvals.get(&step.address).map_or(&[], Vec::as_slice),
            decisions: self.decisions.get(&step.address).map_or(&[], Vec::as_slice),
            checks: &state.checks,
            skipped: state.skipped.as_ref(),
            blocked_by: step.blocked_by.as_ref(),
            outputs: state.outputs.as_ref(),
            fault: state.fault.as_deref(),
            evidence: state.evidence(),
            drill: step.drill,
            finally: step.finally,
            is_group: step.is_group,
        }
    }
}

/// Where a secret was born, the word that says so.
fn as_shown<S: Serializer>(outputs: &Option<&Map<String, Value>>, to: S) -> Result<S::Ok, S::Error> {
    outputs.map(shown).serialize(to)
}

/// One after the other.
impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.iter())
    }
}

impl<'a> StepReport<'a> {
    /// What there is to remark, one fact each.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        remarks.extend((self.attempts > 1).then(|| format!("{} attempts", self.attempts)));
        remarks.extend((self.restarts > 0).then(|| restarted(self.restarts)));
        remarks.extend(self.repairs.iter().map(|it| {
            let verb = if self.state == Status::Failed { "not repaired by" } else { "repaired by" };
            format!("{verb} `{}`, done {}", it.by, it.often())
        }));
        remarks.extend(self.in_place.map(|said| format!("IN PLACE, {said}")));
        remarks.extend(self.claimed.then(|| "by hand".into()));
        remarks.extend(self.unverified.then(|| "NOT VERIFIED".into()));
        remarks.extend(self.adopted.then(|| "adopted after an interruption".into()));
        remarks.extend(self.approvals.iter().map(|it| format!("approved by {} with code `{}`", it.who, it.code)));
        remarks.extend(self.decisions.iter().map(|it| {
            let because = it.because.as_ref().map(|text| format!(", because {text}")).unwrap_or_default();
            format!("{} by {}{because}", it.text, it.who)
        }));
        remarks.extend(self.checks.iter().map(|it| match (it.left_out, it.passed) {
            (true, _) => format!("`{}` was not asked: {}", it.probe, it.text),
            (false, true) => format!("proven: {}", it.text),
            (false, false) => format!("NOT PROVEN: {}", it.text),
        }));
        remarks.extend(self.skipped.map(|why| why_skipped(self.id, why)));
        remarks.extend(self.skipped.into_iter().flat_map(would));
        remarks.extend(self.drill.filter(|_| self.skipped.is_none()).map(|it| it.word().to_string()));
        // Whatever a command of the author touches, nobody else knows.
        let by_command =
            self.kind == Some("command") || self.checks.iter().any(|it| it.probe == "command" && !it.left_out);
        let trusted = self.drill.filter(|it| by_command && !it.proves_nothing());
        remarks.extend(trusted.map(|_| "that its command only looks is trusted to its author".to_string()));
        remarks.extend(self.blocked_by.map(|need| format!("blocked by `{need}`")));
        remarks
    }

    /// What people call it; nothing where that is its address.
    pub fn called(&self) -> Option<&str> {
        (self.name != self.id.as_str()).then_some(self.name)
    }

    /// How long it was worked on; nothing where it never was.
    pub fn worked(&self) -> String {
        if self.worked_ms > 0 { span(self.worked_ms) } else { String::new() }
    }

    pub fn duration(&self) -> String {
        self.duration_ms.map(span).unwrap_or_default()
    }

    /// `2m10s late`, `5.0s early`, `on time`.
    pub fn lateness(&self) -> String {
        let Some(late) = self.late_seconds else { return String::new() };
        let millis = late.unsigned_abs() * 1000;
        match late {
            0 => "on time".into(),
            1.. => format!("{} late", span(millis)),
            _ => format!("{} early", span(millis)),
        }
    }

    /// What there is to read of its outputs: tables have a part of their own, and that a command went well is no news.
    pub fn named_outputs(&self) -> impl Iterator<Item = (&'a String, &'a Value)> + use<'a> {
        let is_news = |(name, value): &(&String, &Value)| {
            name.as_str() != "tables" && !(name.as_str() == "exit_code" && value.as_i64() == Some(0))
        };
        self.outputs.into_iter().flatten().filter(is_news)
    }

    pub fn is_trouble(&self) -> bool {
        self.fault.is_some() || self.evidence.is_some()
    }

    /// The counts that `postgres.dump_and_load` puts out, and every kind that puts out `tables` likewise.
    pub fn tables(&self) -> Vec<TableReport> {
        let listed = self.outputs.and_then(|outputs| outputs.get("tables")).and_then(Value::as_array);
        let table = |entry: &Value| {
            let number = |name: &str| entry.get(name).and_then(Value::as_u64);
            Some(TableReport {
                step: self.id.clone(),
                name: entry.get("name")?.as_str()?.to_string(),
                rows: number("rows"),
                only_in_live: number("only_in_live"),
                only_in_copy: number("only_in_copy"),
                differ: number("differ"),
            })
        };
        listed.into_iter().flatten().filter_map(table).collect()
    }
}
