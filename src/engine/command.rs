//! What the engine wants done, and what it is told.

use serde_json::Value;

use crate::kind::{Found, Next, Outputs, Prepared, RawOp, Undone};
use crate::model::ledger::{Kept, LedgerEntry};
use crate::model::record::{Check, Record};
use crate::model::secret::Secret;
use crate::model::time::Moment;
use crate::model::told::Matter;
use crate::model::{Address, Answer, Fault, RunState, Seq};
use crate::plan::Plan;
use crate::runbook::ast::Proof;

/// Something for the outside. Issued only after the records it stands on are on disk.
#[derive(Clone, Debug)]
pub enum Command {
    /// Reads what was there before.
    Prepare {
        op: RawOp,
    },
    /// Asks what became of an intent without outcome.
    Find {
        op: RawOp,
    },
    /// Acts, then waits for the end of the phase.
    Start {
        op: RawOp,
    },
    /// Waits for the end of what an earlier executor started.
    Watch {
        op: RawOp,
    },
    Verify {
        step: Address,
        proofs: Vec<RenderedProof>,
    },
    Undo {
        op: RawOp,
        undo: Value,
        outputs: Outputs,
    },
    /// Takes away things of the ledger, for a step `ledger.cleanup` or a person.
    Cleanup {
        step: Option<Address>,
        entries: Vec<Removal>,
    },
    /// Tells somebody outside.
    Tell(Telling),
    /// Writes the report, for a step `report.write`.
    Report {
        step: Address,
        inputs: Value,
    },
}

impl Command {
    /// The step it is about.
    pub fn step(&self) -> Option<&Address> {
        match self {
            Command::Prepare { op }
            | Command::Find { op }
            | Command::Start { op }
            | Command::Watch { op }
            | Command::Undo { op, .. } => Some(&op.step),
            Command::Verify { step, .. } | Command::Report { step, .. } => Some(step),
            Command::Cleanup { step, .. } => step.as_ref(),
            Command::Tell(_) => None,
        }
    }
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
    /// Not asked, since a drill has nothing that it could look at.
    pub left_out: bool,
}

/// A message to somebody outside, for an entry of `tell`.
#[derive(Clone, Debug)]
pub struct Telling {
    pub entry: usize,
    /// The same at each try.
    pub key: String,
    /// The address; a placeholder until the driver opens it.
    pub to: Value,
    /// What it says is so by this record, or a later one.
    pub upto: Seq,
    pub when: Vec<Matter>,
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

/// What the outside says. Steps have their addresses there: the numbers of nodes move when the graph grows.
#[derive(Debug)]
pub enum Happening {
    Prepared {
        step: Address,
        result: Result<Prepared<Value>, Fault>,
    },
    Found {
        step: Address,
        result: Result<Found, Fault>,
    },
    Ended {
        step: Address,
        result: Result<Next, Fault>,
    },
    Verified {
        step: Address,
        checks: Vec<Check>,
        fault: Option<Fault>,
    },
    Undone {
        step: Address,
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
    /// What became of a message to somebody outside.
    Told {
        entry: usize,
        upto: Seq,
        result: Result<(), Fault>,
    },
    Answered(Answer),
    /// First Ctrl-C or SIGTERM.
    StopRequested,
    /// Second one, or a hang-up.
    DetachRequested,
}

impl Happening {
    /// The step it is about.
    pub fn step(&self) -> Option<&Address> {
        match self {
            Happening::Prepared { step, .. }
            | Happening::Found { step, .. }
            | Happening::Ended { step, .. }
            | Happening::Verified { step, .. }
            | Happening::Undone { step, .. } => Some(step),
            Happening::Removed { .. }
            | Happening::CleanedUp { .. }
            | Happening::Told { .. }
            | Happening::Answered(_)
            | Happening::StopRequested
            | Happening::DetachRequested => None,
        }
    }
}

/// Everything outside the engine: clocks, workers, people, observers. The simulation has its own.
pub trait World {
    fn now(&self) -> Moment;

    /// Between 0 and 1, for jitter.
    fn chance(&mut self) -> f64;

    /// The plan has more steps now: lists of it opened.
    fn grown(&mut self, plan: &Plan);

    /// What is kept out of all that is printed from now on, beside what was.
    fn keep_secret(&mut self, secrets: &[Secret]);

    /// Begins to do it; the answer comes as a [`Happening`].
    fn perform(&mut self, command: Command);

    /// Waits for at least one happening, or until `millis` have passed. Empty: the time is up, or nothing can ever happen.
    fn wait(&mut self, millis: Option<u64>) -> Vec<Happening>;

    /// Told only what is on disk.
    fn publish(&mut self, records: &[Record], state: &RunState);
}
