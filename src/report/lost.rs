//! What was lost, and what had been promised: to which moment each restore went back, and the objectives.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::steps::Steps;
use crate::model::{Address, RunStatus, Status};
use crate::runbook::duration;
use crate::view::RunView;
use crate::view::words::span_seconds;

/// What was written behind the moment a restore went back to.
#[derive(Debug, PartialEq, Serialize)]
pub struct Lost {
    /// The outage, or the start of the run where nobody said when the outage began.
    pub until: Option<Timestamp>,
    pub from_outage: bool,
    /// Of the restore that lost most.
    pub worst_seconds: Option<i64>,
    pub restores: Vec<Restore>,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Restore {
    pub step: Address,
    pub restored_to: Timestamp,
    pub lost_seconds: Option<i64>,
    /// A person said so.
    pub by_hand: bool,
}

#[derive(Debug, PartialEq, Serialize)]
pub struct Objective {
    pub name: String,
    pub wanted_seconds: u64,
    pub measured_seconds: Option<i64>,
    /// Absent while it is open, where it cannot be measured, and where the run ended in time and without having brought
    /// everything back.
    pub met: Option<bool>,
    #[serde(skip)]
    pub is_open: bool,
    /// What is said in the place of a measure that would say too much.
    #[serde(skip)]
    pub why_not: Option<&'static str>,
}

impl Lost {
    pub fn of(steps: &Steps) -> Self {
        let view = steps.view();
        let outage = view.outage_began();
        let until = outage.or(view.started_at());
        let stands = |state: Status| matches!(state, Status::Succeeded | Status::Verifying | Status::Unproven);
        let mut restores = Vec::new();
        for step in steps.iter().filter(|step| stands(step.state)) {
            let said = step.outputs.and_then(|outputs| outputs.get("restored_to")).and_then(Value::as_str);
            let Some(restored_to) = said.and_then(|text| text.parse::<Timestamp>().ok()) else { continue };
            let lost_seconds = until.map(|until| until.duration_since(restored_to).as_secs().max(0));
            restores.push(Restore { step: step.id.clone(), restored_to, lost_seconds, by_hand: step.by_hand });
        }
        let worst_seconds = restores.iter().filter_map(|it| it.lost_seconds).max();
        Self { until, from_outage: outage.is_some(), worst_seconds, restores }
    }

    /// Of a store: the restore whose step is called like it.
    fn of_store(&self, store: &str) -> Option<i64> {
        let is_it = |it: &&Restore| it.step.as_str().rsplit('/').next() == Some(store);
        self.restores.iter().find(is_it).and_then(|it| it.lost_seconds)
    }
}

pub fn objectives(view: &RunView, lost: &Lost) -> Vec<Objective> {
    let Some(started) = view.state.started() else { return Vec::new() };
    let mut objectives = Vec::new();
    for (name, wanted) in started.objectives.as_object().into_iter().flatten() {
        match wanted {
            Value::String(text) if name == "rto" => objectives.extend(rto(view, text)),
            Value::String(text) => objectives.extend(rpo(view, name.clone(), text, lost.worst_seconds)),
            Value::Object(stores) => objectives.extend(stores.iter().filter_map(|(store, text)| {
                rpo(view, format!("{name} of {store}"), text.as_str()?, lost.of_store(store))
            })),
            _ => {}
        }
    }
    objectives
}

fn rto(view: &RunView, text: &str) -> Option<Objective> {
    let wanted_seconds = duration::parse(text).ok()?.as_secs();
    // What has not brought everything back in time has not met it, and has missed it only once that time is over.
    let why_not = view.why_not_met();
    let met = verdict(view, wanted_seconds, view.recovery_seconds()).filter(|met| why_not.is_none() || !met);
    let measured_seconds = view.recovery_seconds().filter(|_| why_not.is_none());
    let is_open = !view.status.is_final();
    Some(Objective { name: "rto".into(), wanted_seconds, measured_seconds, met, is_open, why_not })
}

fn rpo(view: &RunView, name: String, text: &str, measured_seconds: Option<i64>) -> Option<Objective> {
    let wanted_seconds = duration::parse(text).ok()?.as_secs();
    let met = verdict(view, wanted_seconds, measured_seconds);
    Some(Objective { name, wanted_seconds, measured_seconds, met, is_open: !view.status.is_final(), why_not: None })
}

/// Missed is missed; met it is once the run has succeeded.
fn verdict(view: &RunView, wanted_seconds: u64, measured_seconds: Option<i64>) -> Option<bool> {
    let within = measured_seconds.map(|measured| measured <= i64::try_from(wanted_seconds).unwrap_or(i64::MAX));
    within.filter(|within| !within || view.status == RunStatus::Succeeded)
}

impl Objective {
    /// `RTO 1h30m: 20m29s, met`.
    pub fn text(&self) -> String {
        let wanted = span_seconds(i64::try_from(self.wanted_seconds).unwrap_or(i64::MAX));
        let nothing = self.why_not.unwrap_or("not measured");
        let measured = self.measured_seconds.map_or_else(|| nothing.into(), span_seconds);
        let verdict = match (self.met, self.measured_seconds) {
            (Some(true), _) => ", met",
            (Some(false), _) => ", MISSED",
            (None, Some(_)) if self.is_open => " so far",
            (None, Some(_)) => ", but the run ended without success",
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
