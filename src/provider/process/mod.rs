//! Processes that outlive the executor.
//!
//! Every local process of a run has a supervisor: this same binary under a hidden name, in a session of its own. The supervisor
//! keeps the output masked and capped, enforces the timeout, and writes one result; the executor may die and a later one takes
//! the result, or goes on watching. A supervisor has one process at a time; while the executor lives it is used again ([`pool`]).
//! Three files tell everything, named after the operation and attempt:
//!
//! - `X.job` is locked for as long as the supervisor lives. It holds a mark before the command begins, and the result.
//! - `X.log` is what the command printed. It exists once there is something in it.
//! - `X.pulse` is the latest progress of work that reports any.
//!
//! Nothing of this is synced: a killed executor loses nothing, because the page cache outlives it, and after a power cut the
//! command is dead too; a torn or missing result then reads as no result, and the journal's intent says *unknown*.

mod child;
mod client;
mod environment;
mod files;
mod job;
mod log;
mod pool;
mod supervisor;
mod work;
mod written;

pub use client::{Fate, fate, living, once, start, survivors, watch};
pub use environment::{basics, environment, work_job};
pub use files::{JobFiles, latest_pulse};
pub use job::{Ended, Job, Outcome, Program, Sealing, WorkRequest};
pub use log::{files as log_files, mask_again};
pub use supervisor::main as supervisor_main;
pub use work::main as work_main;
pub use written::Written;

use std::time::Duration;

use crate::runbook::duration;

/// First argument under which this binary is a supervisor, looked at before anything else.
pub const SUPERVISE: &str = "__supervise";
/// First argument under which this binary does a kind's long work.
pub const WORK: &str = "__work";

/// Fault of a process that certainly never began.
pub const CANNOT_START: &str = "RG2001";
/// Fault of a process that was not begun because the disk of the run's folder is full: the executor leaves, and can go on.
pub const NO_ROOM: &str = "RG2006";
/// Fault of a process that was ended because its time was up; `retry.when: [timeout]` means it.
pub const TIMED_OUT: &str = "RG2005";

/// `was ended because its time was up (timeout 3s)`.
pub fn out_of_time(timeout_ms: Option<u64>) -> String {
    let timeout = timeout_ms.map(|millis| format!(" (timeout {})", duration::format(Duration::from_millis(millis))));
    format!("{}{}", Ended::TimedOut, timeout.unwrap_or_default())
}
