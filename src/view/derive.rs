//! What no single record says: whether a run waits or is stuck, how much time is left, when it will be over.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{RunView, StepView, words};
use crate::model::ledger::LedgerEntry;
use crate::model::run::Undoing;
use crate::model::{Address, RunState, RunStatus, Status};
use crate::runbook::duration;

/// Whether nothing but a limit holds a step whose needs are satisfied.
pub fn is_turn(state: &RunState, finally: bool, step: &Address) -> bool {
    let undoing = state.undoing.as_ref().is_some_and(Undoing::goes_on);
    let known = state.step(step);
    let waits_for_retry = known.retry.is_some() || known.mending.is_some();
    state.ended.is_none() && !state.paused && !undoing && !waits_for_retry && finally == state.ending.is_some()
}

/// The status of the run with what the graph adds: `waiting` if only people can move it on, `paused` if a failure keeps it.
pub fn run_status(state: &RunState, steps: &[StepView]) -> RunStatus {
    let recorded = state.run_status();
    if recorded != RunStatus::Running {
        return recorded;
    }
    let moves = |step: &StepView| match step.status {
        // A group moves in its items.
        _ if step.is_group => false,
        Status::Running | Status::Verifying | Status::Undoing | Status::Queued | Status::Late => true,
        Status::Pending => moves_again(state, &step.address),
        _ => false,
    };
    let asks = |step: &StepView| matches!(step.status, Status::Waiting | Status::Unknown);
    let steps = || steps.iter().filter(|step| !step.finally);
    if steps().any(moves) {
        RunStatus::Running
    } else if steps().any(asks) {
        RunStatus::Waiting
    } else if steps().any(needs_attention) {
        RunStatus::Paused
    } else {
        RunStatus::Running
    }
}

/// Whether an attempt follows without anybody: at its time, or behind a repair for which nobody is asked.
fn moves_again(state: &RunState, step: &Address) -> bool {
    let asks = |by: &Address| matches!(state.status(by), Status::Waiting | Status::Unknown);
    let step = state.step(step);
    step.retry.is_some() || step.mending.as_ref().is_some_and(|by| !asks(by))
}

/// A step that keeps the run from its end until a person has dealt with it.
pub fn needs_attention(step: &StepView) -> bool {
    match step.status {
        Status::Failed => !step.allow_failure,
        Status::Unproven | Status::Undone | Status::Unknown => true,
        _ => false,
    }
}

pub fn is_overdue(entry: &LedgerEntry, now: Timestamp, ended: bool) -> bool {
    match entry.keep_until {
        Some(until) => entry.temporary && until < now,
        None => entry.temporary && ended,
    }
}

impl RunView {
    /// Now, or when it ended.
    pub fn until(&self) -> Timestamp {
        self.state.ended_at.unwrap_or(self.now)
    }

    pub fn elapsed_seconds(&self) -> Option<i64> {
        Some(seconds(self.started_at()?, self.until()))
    }

    /// The objective called `rto` or `rpo`, where it is one duration.
    pub fn objective_seconds(&self, name: &str) -> Option<i64> {
        let objectives = &self.state.started()?.objectives;
        let text = objectives.get(name).and_then(Value::as_str)?;
        duration::parse(text).ok().map(|wanted| i64::try_from(wanted.as_secs()).unwrap_or(i64::MAX))
    }

    /// From the outage, if somebody said when it began, else from the start.
    pub fn recovery_seconds(&self) -> Option<i64> {
        Some(seconds(self.outage_began().or(self.started_at())?, self.until()))
    }

    /// What is left of the objective; below zero once it is missed.
    pub fn rto_left_seconds(&self) -> Option<i64> {
        Some(self.objective_seconds("rto")? - self.recovery_seconds()?)
    }

    /// When the last step outside `finally` will have ended. `None` where a person, a missing estimate or a missing
    /// executor makes that anybody's guess.
    pub fn expected_end(&self) -> Option<Timestamp> {
        if self.status != RunStatus::Running || !self.alive {
            return None;
        }
        let outline = &self.plan.as_ref()?.outline;
        // Seconds from now until everything up to and with a node is done.
        let mut done_in: HashMap<usize, u64> = HashMap::new();
        let mut last = 0;
        for &node in &outline.order {
            if outline.steps[node].finally {
                continue;
            }
            let own = self.seconds_left(node, outline.steps[node].estimate_seconds)?;
            let before = outline.steps[node].needs.iter().filter_map(|need| done_in.get(&need.step)).max();
            let at = before.copied().unwrap_or(0) + own;
            done_in.insert(node, at);
            last = last.max(at);
        }
        self.now.checked_add(jiff::SignedDuration::from_secs(i64::try_from(last).ok()?)).ok()
    }

    fn seconds_left(&self, node: usize, estimate: Option<u64>) -> Option<u64> {
        let step = &self.steps[node];
        if step.status.is_settled() {
            return Some(0);
        }
        let Some(began) = self.state_of(step).started_at.as_ref() else { return estimate };
        let gone = words::between(began.at, self.now) / 1000;
        let pace = step.pulse.as_ref().and_then(|pulse| {
            let left = pulse.total?.saturating_sub(pulse.done);
            (pulse.done > 0).then(|| gone.saturating_mul(left) / pulse.done)
        });
        pace.or(estimate.map(|estimate| estimate.saturating_sub(gone)))
    }
}

fn seconds(from: Timestamp, to: Timestamp) -> i64 {
    to.duration_since(from).as_secs()
}
