//! Exit codes. Where several hold, the first of this order: 74, 75, 5, 4, 1, 6, 3, 0.

/// Every step succeeded or was skipped, and what was to be verified is.
pub const DONE: u8 = 0;
/// Paused by a failure, or ended `failed`; for `verify-log`, a damaged journal.
pub const FAILED: u8 = 1;
/// Nothing was started: usage, invalid runbook, bad parameter, failed preflight, refused answer.
pub const USAGE: u8 = 2;
/// Waits for a person (`--no-wait`).
pub const WAITING: u8 = 3;
/// An outcome is unknown and needs a decision (`--no-wait`).
pub const UNKNOWN: u8 = 4;
/// Another process executes this run.
pub const BUSY: u8 = 5;
/// Aborted or undone.
pub const ABORTED: u8 = 6;
/// `ready`: fit, with warnings.
pub const WARNINGS: u8 = 8;
/// `ready`: a recovery would not come to what was promised.
pub const UNFIT: u8 = 9;
/// The journal cannot be written; no further side effect was begun.
pub const JOURNAL: u8 = 74;
/// Stopped on request, or no room left; resumable.
pub const STOPPED: u8 = 75;
