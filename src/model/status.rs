//! Where a run and a step stand, and the one table that says what a record does to a step.
//!
//! The journal's writer, recovery and every view use [`next`]; a new record asks for its answer here.

use serde::{Deserialize, Serialize};

use super::record::Event;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    #[default]
    Pending,
    /// Ready, held by a limit or lock. Never in the journal: a view works it out.
    Queued,
    Running,
    Verifying,
    /// Only a person, a window or a lock moves it on.
    Waiting,
    Late,
    Unknown,
    Unproven,
    Succeeded,
    Failed,
    Skipped,
    /// A need ended badly. Never in the journal: a view works it out, and a retry of the need lifts it.
    Blocked,
    Undoing,
    Undone,
    Superseded,
}

impl Status {
    /// Nothing more happens to it by itself.
    pub fn is_settled(self) -> bool {
        match self {
            Status::Succeeded
            | Status::Failed
            | Status::Skipped
            | Status::Blocked
            | Status::Unproven
            | Status::Undone
            | Status::Superseded => true,
            Status::Pending
            | Status::Queued
            | Status::Running
            | Status::Verifying
            | Status::Waiting
            | Status::Late
            | Status::Unknown
            | Status::Undoing => false,
        }
    }

    /// Releases what needs it, where `when` says nothing else.
    pub fn satisfies(self) -> bool {
        matches!(self, Status::Succeeded | Status::Skipped | Status::Superseded)
    }

    /// Work of it may be going on in the outside world.
    pub fn is_in_flight(self) -> bool {
        matches!(self, Status::Running | Status::Late | Status::Undoing)
    }

    pub fn word(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Queued => "queued",
            Status::Running => "running",
            Status::Verifying => "verifying",
            Status::Waiting => "waiting",
            Status::Late => "late",
            Status::Unknown => "unknown",
            Status::Unproven => "unproven",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Skipped => "skipped",
            Status::Blocked => "blocked",
            Status::Undoing => "undoing",
            Status::Undone => "undone",
            Status::Superseded => "superseded",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    #[default]
    Running,
    /// Only a person, a window or a lock can move it on.
    Waiting,
    /// By a failure, or on request.
    Paused,
    Ending,
    Succeeded,
    Failed,
    Aborted,
    Undone,
}

impl RunStatus {
    pub fn is_final(self) -> bool {
        matches!(self, RunStatus::Succeeded | RunStatus::Failed | RunStatus::Aborted | RunStatus::Undone)
    }

    pub fn word(self) -> &'static str {
        match self {
            RunStatus::Running => "running",
            RunStatus::Waiting => "waiting",
            RunStatus::Paused => "paused",
            RunStatus::Ending => "ending",
            RunStatus::Succeeded => "succeeded",
            RunStatus::Failed => "failed",
            RunStatus::Aborted => "aborted",
            RunStatus::Undone => "undone",
        }
    }
}

/// What `event` makes of a step that stood at `status`. Only events of that step may be given.
pub fn next(status: Status, event: &Event) -> Status {
    match event {
        Event::StepIntended(_)
        | Event::StepOpened { .. }
        | Event::StepAdopted { .. }
        | Event::StepRestarted { .. }
        | Event::PhaseReached { .. } => Status::Running,
        Event::StepAsked { .. } | Event::ApprovalGiven { .. } => Status::Waiting,
        Event::ApprovalVoided { .. }
        | Event::RetryScheduled { .. }
        | Event::RepairBegan { .. }
        | Event::StepReopened { .. } => Status::Pending,
        Event::StepSucceeded(it) if it.verify => Status::Verifying,
        Event::StepSucceeded(_) | Event::StepVerified { .. } => Status::Succeeded,
        Event::StepUnproven { .. } => Status::Unproven,
        Event::StepFailed { .. } => Status::Failed,
        Event::WaitBegan { .. } | Event::WaitEnded { approved: true, .. } => Status::Waiting,
        Event::WaitEnded { .. } => Status::Pending,
        // Beyond its deadline a step may also wait, or be tried again later: it goes on with that.
        Event::StepLate { .. } if status == Status::Running => Status::Late,
        Event::StepExtended { .. } if status == Status::Late => Status::Running,
        Event::StepLate { .. } | Event::StepExtended { .. } => status,
        Event::StepDoubted { .. } => Status::Unknown,
        Event::StepSkipped { .. } => Status::Skipped,
        Event::StepSuperseded { .. } => Status::Superseded,
        Event::UndoIntended { .. } => Status::Undoing,
        Event::StepUndone { .. } => Status::Undone,
        Event::UndoFailed { .. } => Status::Failed,
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
        | Event::AskEscalated { .. }
        | Event::UndoWithheld { .. }
        | Event::RunEnded { .. } => status,
    }
}
