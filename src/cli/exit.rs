//! Exit codes, and which one is told where several hold.

use crate::model::{RunStatus, Status};

/// Done: for a run, every step succeeded or was skipped, and what was to be verified is.
pub const DONE: u8 = 0;
/// Paused by a failure, or ended `failed`; for `verify-log`, a damaged journal.
pub const FAILED: u8 = 1;
/// Nothing was started: usage, invalid runbook, bad parameter, failed preflight, refused answer.
pub const NOT_STARTED: u8 = 2;
/// Waits for a person, with `--no-wait`.
pub const WAITING: u8 = 3;
/// An outcome is unknown and needs a decision, with `--no-wait`.
pub const UNKNOWN: u8 = 4;
/// Another process executes this run.
pub const TAKEN: u8 = 5;
/// Aborted or undone.
pub const ABORTED: u8 = 6;
/// The journal cannot be written; no further side effect was begun. EX_IOERR of sysexits.
pub const JOURNAL: u8 = 74;
/// Stopped on request, or no room left; resumable. EX_TEMPFAIL of sysexits.
pub const STOPPED: u8 = 75;

/// Order of telling: the first of these that holds is the code.
const BY_WEIGHT: [u8; 7] = [JOURNAL, STOPPED, TAKEN, UNKNOWN, FAILED, ABORTED, WAITING];

/// The one code where several hold.
pub fn heaviest(codes: impl IntoIterator<Item = u8> + Clone) -> u8 {
    let holds = |code: &&u8| codes.clone().into_iter().any(|held| held == **code);
    BY_WEIGHT.iter().find(holds).copied().unwrap_or(DONE)
}

/// The code of a run that nobody executes any more, as it stands.
pub fn of_run(status: RunStatus, steps: impl IntoIterator<Item = Status> + Clone) -> u8 {
    let any = |wanted: Status| steps.clone().into_iter().any(|status| status == wanted);
    match status {
        RunStatus::Succeeded => DONE,
        RunStatus::Failed => FAILED,
        RunStatus::Aborted | RunStatus::Undone => ABORTED,
        RunStatus::Running | RunStatus::Ending => STOPPED,
        RunStatus::Waiting if any(Status::Unknown) => UNKNOWN,
        RunStatus::Waiting => WAITING,
        RunStatus::Paused => FAILED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heaviest_code_is_told() {
        assert_eq!(heaviest([WAITING, FAILED, UNKNOWN]), UNKNOWN);
        assert_eq!(heaviest([ABORTED, FAILED]), FAILED);
        assert_eq!(heaviest([JOURNAL, STOPPED]), JOURNAL);
        assert_eq!(heaviest([]), DONE);
    }
}
