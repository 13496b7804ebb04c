//! What the engine wants done, and what it is told.

use serde_json::Value;

use crate::kind::{Found, Next, Outputs, Prepared, RawOp, Undone};
use crate::model::ledger::{Kept, LedgerEntry};
use crate::model::record::{Check, Record};
use crate::model::time::Moment;
use crate::model::{Address, Answer, Fault, RunState};
use crate::runbook::ast::Proof;

/// Something for the outside. Issued only after the records it stands on are on disk.
#[derive(Clone, Debug)]
pub enum Command {
    /// Reads what was there before.
    Prepare {
        node: usize,
        op: RawOp,
    },
    /// Asks what became of an intent without outcome.
    Find {
        node: usize,
        op: RawOp,
    },
    /// Acts, then waits for the end of the phase.
    Start {
        node: usize,
        op: RawOp,
    },
    /// Waits for the end of what an earlier executor started.
    Watch {
        node: usize,
        op: RawOp,
    },
    Verify {
        node: usize,
        proofs: Vec<RenderedProof>,
    },
    Undo {
        node: usize,
        op: RawOp,
        undo: Value,
        outputs: Outputs,
    },
    /// Takes away things of the ledger, for a step `ledger.cleanup` or a person.
    Cleanup {
        node: Option<usize>,
        entries: Vec<Removal>,
    },
    /// Writes the report, for a step `report.write`.
    Report {
        node: usize,
        inputs: Value,
    },
}

/// One entry of `verify` with its templates filled in.
#[derive(Clone, Debug)]
pub struct RenderedProof {
    pub proof: Proof,
    /// Holds placeholders until the driver opens them.
    pub with: Value,
    pub op: RawOp,
    /// What `expect` may refer to.
    pub names: Value,
}

/// A thing of the ledger, and the `with` of the step that made it.
#[derive(Clone, Debug)]
pub struct Removal {
    pub entry: LedgerEntry,
    /// Holds placeholders until the driver opens them.
    pub with: Value,
    /// It stays for the sake of this step.
    pub needed_by: Option<Address>,
}

/// What the outside says.
#[derive(Debug)]
pub enum Happening {
    Prepared {
        node: usize,
        result: Result<Prepared<Value>, Fault>,
    },
    Found {
        node: usize,
        result: Result<Found, Fault>,
    },
    Ended {
        node: usize,
        result: Result<Next, Fault>,
    },
    Verified {
        node: usize,
        checks: Vec<Check>,
        fault: Option<Fault>,
    },
    Undone {
        node: usize,
        result: Result<Undone, Fault>,
    },
    Removed {
        entry: LedgerEntry,
    },
    /// What a person asked to be taken away was tried.
    CleanedUp {
        kept: Vec<Kept>,
        failed: Vec<String>,
    },
    Answered(Answer),
    /// First Ctrl-C or SIGTERM.
    StopRequested,
    /// Second one, or a hang-up.
    DetachRequested,
}

/// Everything outside the engine: clocks, workers, people, observers. The simulation has its own.
pub trait World {
    fn now(&self) -> Moment;

    /// Between 0 and 1, for jitter.
    fn chance(&mut self) -> f64;

    /// Begins to do it; the answer comes as a [`Happening`].
    fn perform(&mut self, command: Command);

    /// Waits for at least one happening, or until `millis` have passed. Empty: the time is up, or nothing can ever happen.
    fn wait(&mut self, millis: Option<u64>) -> Vec<Happening>;

    /// Told only what is on disk.
    fn publish(&mut self, records: &[Record], state: &RunState);
}
