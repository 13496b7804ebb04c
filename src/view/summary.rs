//! A run in a sentence: for the first line of a status, for customers, for what comes next.

use super::commands::Way;
use super::words::{count, grouped, span, span_seconds, stamp};
use super::{RunView, StepView, derive};
use crate::model::time::Moment;
use crate::model::{RunStatus, Status};

/// Something a person has to deal with, and how.
#[derive(Debug)]
pub struct Todo<'a> {
    pub step: &'a StepView,
    pub ways: Vec<Way>,
}

impl RunView {
    /// What waits for people, what people are asked first.
    pub fn todos(&self) -> Vec<Todo<'_>> {
        // One that has all its approvals waits for the run, not for people.
        let asks = |step: &StepView| step.status == Status::Waiting && !self.state_of(step).is_approved();
        let is_late = |step: &StepView| step.status == Status::Late || self.is_overdue(step);
        let is_todo = |step: &&StepView| asks(step) || is_late(step) || derive::needs_attention(step);
        // Once the run has ended nothing of it goes on, but what was to be taken back and could not be.
        let goes_on = |step: &&StepView| self.state.ended.is_none() || self.is_stuck(step);
        let mut steps: Vec<&StepView> = self.steps.iter().filter(is_todo).filter(goes_on).collect();
        steps.sort_by_key(|step| match step.status {
            Status::Waiting if self.state_of(step).wait.is_some() => 4,
            Status::Waiting => 0,
            Status::Unknown => 1,
            Status::Late | Status::Running | Status::Verifying | Status::Pending => 3,
            _ => 2,
        });
        let ways = |step: &StepView| match self.state.ended {
            None => self.commands.ways(&step.address, self.state_of(step), step.status),
            Some(_) => vec![self.commands.take_back(&step.address)],
        };
        steps.into_iter().map(|step| Todo { step, ways: ways(step) }).collect()
    }

    /// Beyond its deadline, whatever it is doing.
    pub fn is_overdue(&self, step: &StepView) -> bool {
        self.state_of(step).overdue.is_some() && !step.status.is_settled()
    }

    /// `2 of 5 steps done, 1 skipped`: of all that are listed.
    pub fn done_of_all(&self) -> String {
        let all = count(self.steps.len(), "step");
        let not_needed = [Status::Skipped, Status::Superseded].map(|status| (self.count(status), status.word()));
        let not_needed = not_needed.into_iter().filter(|(steps, _)| *steps > 0);
        let not_needed: String =
            not_needed.map(|(steps, word)| format!(", {} {word}", grouped(steps as u64))).collect();
        format!("{} of {all} done{not_needed}", grouped(self.count(Status::Succeeded) as u64))
    }

    /// `3 succeeded, 1 running`, in the order of a step's life.
    pub fn counts(&self) -> String {
        const ORDER: [Status; 15] = [
            Status::Succeeded,
            Status::Skipped,
            Status::Superseded,
            Status::Running,
            Status::Verifying,
            Status::Late,
            Status::Waiting,
            Status::Unknown,
            Status::Unproven,
            Status::Failed,
            Status::Undoing,
            Status::Undone,
            Status::Blocked,
            Status::Queued,
            Status::Pending,
        ];
        let held = ORDER.iter().map(|status| (self.count(*status), status.word())).filter(|(count, _)| *count > 0);
        held.map(|(count, word)| format!("{} {word}", grouped(count as u64))).collect::<Vec<_>>().join(", ")
    }

    /// The title, or the runbook's name, or the id: what people call this run.
    pub fn called(&self) -> &str {
        match self.state.started() {
            Some(started) if !started.title.is_empty() => &started.title,
            Some(started) => &started.runbook,
            None => self.id.as_str(),
        }
    }

    /// Whether anything of it was proven, by a `verify` that held.
    pub fn is_proven(&self) -> bool {
        self.steps.iter().any(|step| {
            let state = self.state_of(step);
            step.status == Status::Succeeded
                && !state.checks.is_empty()
                && state.checks.iter().all(|check| check.passed)
        })
    }

    /// One sentence to paste for customers: no ids, no codes, nothing of the inside.
    pub fn sentence(&self) -> String {
        if self.is_drill() { format!("A drill, nothing is lost: {}", self.told()) } else { self.told() }
    }

    fn told(&self) -> String {
        let what = self.called();
        let for_how_long = self.recovery_seconds().map(|it| format!(" after {}", span_seconds(it))).unwrap_or_default();
        let at = self.state.ended_at.map(|at| format!(" at {}", stamp(at))).unwrap_or_default();
        match self.status {
            RunStatus::Succeeded | RunStatus::Failed if self.is_being_taken_back() => {
                format!("{what}: the recovery is being taken back; the team is on it.")
            }
            RunStatus::Succeeded if self.lacks_a_part() => {
                format!("{what}: the recovery ended{at}; a part of it was left out, and the team is on that.")
            }
            RunStatus::Succeeded if self.count(Status::Undone) > 0 => {
                format!("{what}: recovered{at}; a part was taken back since.")
            }
            RunStatus::Succeeded if self.is_taken_on_trust() => {
                format!("{what}: recovered{at},{for_how_long}; a part was done by hand and is not verified.")
            }
            RunStatus::Succeeded if self.is_proven() => format!("{what}: recovered and verified{at},{for_how_long}."),
            RunStatus::Succeeded => format!("{what}: recovered{at},{for_how_long}."),
            RunStatus::Failed => format!("{what}: the recovery ended{at} without success; the team is on it."),
            RunStatus::Aborted => format!("{what}: the recovery was called off{at}."),
            RunStatus::Undone => format!("{what}: the recovery was taken back{at}."),
            RunStatus::Running | RunStatus::Waiting | RunStatus::Paused | RunStatus::Ending => self.going_on(),
        }
    }

    fn going_on(&self) -> String {
        let state = match self.status {
            RunStatus::Waiting if self.waits_for_time() => "the recovery waits until work may begin",
            RunStatus::Waiting => "the recovery waits for a decision of the team",
            RunStatus::Paused => "the recovery is paused while the team looks into a problem",
            _ if !self.alive => "the recovery is interrupted and will be taken up again",
            RunStatus::Ending => "the recovery is about to end",
            _ => "the recovery is going on",
        };
        let end = self.expected_end().map(|at| format!(", expected to end at {}", stamp(at))).unwrap_or_default();
        format!("{}: {state}, {}{end} (as of {}).", self.called(), self.done_of_all(), stamp(self.now))
    }

    /// Whether nobody has to decide anything: only its time has to come.
    pub fn waits_for_time(&self) -> bool {
        self.todos().iter().all(|todo| self.state_of(todo.step).wait.is_some())
    }

    /// Elapsed and what is left of the objective.
    pub fn clock_line(&self) -> String {
        let elapsed = self.elapsed_seconds().map_or_else(|| "?".into(), span_seconds);
        let elapsed =
            format!("{elapsed} {}", if self.status.is_final() { "from start to end" } else { "since the start" });
        let Some(left) = self.rto_left_seconds() else { return elapsed };
        let wanted = span_seconds(self.objective_seconds("rto").unwrap_or_default());
        let ended = self.status.is_final();
        if let Some(why) = self.why_not_met() {
            let missed = if left < 0 { format!(" MISSED by {}", span_seconds(-left)) } else { String::new() };
            return format!("{elapsed}, RTO {wanted}{missed}: {why}");
        }
        let rto = match (left >= 0, ended) {
            (true, false) => format!("{} left of RTO {wanted}", span_seconds(left)),
            (true, true) => format!("within RTO {wanted}"),
            (false, false) => format!("RTO {wanted} MISSED by {} so far", span_seconds(-left)),
            (false, true) => format!("RTO {wanted} MISSED by {}", span_seconds(-left)),
        };
        format!("{elapsed}, {rto}")
    }

    /// `3m12s` of a step: until it ended, or until now while it goes on.
    pub fn duration_of(&self, step: &StepView) -> Option<String> {
        let began = self.state_of(step).started_at.as_ref()?;
        let millis = match self.ended_of(step) {
            Some(ended) => ended.since(began),
            None => super::words::between(began.at, self.now),
        };
        Some(span(millis))
    }

    /// When a step ended. A group that failed has no record of its own: it ended with the last of its members.
    pub fn ended_of(&self, step: &StepView) -> Option<&Moment> {
        let own = self.state_of(step).ended_at.as_ref();
        if own.is_some() || !step.is_group || !step.status.is_settled() {
            return own;
        }
        let members = self.steps.iter().filter(|it| it.address.is_inside_of(&step.address));
        members.filter_map(|it| self.state_of(it).ended_at.as_ref()).max_by_key(|moment| moment.at)
    }
}
