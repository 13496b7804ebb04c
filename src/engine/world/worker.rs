//! Does one command and says how it went.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use jiff::Timestamp;
use serde_json::json;

use super::messenger::{self, Compose};
use super::proofs;
use crate::engine::command::{Command, Happening, Removal};
use crate::kind::{AnyKind, Next, Outputs, RawOp, ReadCx, WriteCx};
use crate::model::ledger::{Cleanup, Kept};
use crate::model::{Address, Effect, Fault};
use crate::provider::process::TIMED_OUT;
use crate::runbook::catalog::Late;

pub struct Worker {
    pub cx: ReadCx,
    pub folders: Arc<Folders>,
    pub sender: Sender<Happening>,
    pub find_kind: fn(&str) -> Option<&'static dyn AnyKind>,
    pub compose: Compose,
    pub kind: Option<&'static dyn AnyKind>,
}

/// Where the relative paths of steps start from, if not from the folder of the runbook.
pub type Folders = BTreeMap<Address, PathBuf>;

impl Worker {
    /// The context of a step: paths in a file that is included are relative to that file.
    fn cx_of(&self, step: &Address) -> ReadCx {
        match self.folders.get(step) {
            Some(base) => ReadCx { base: base.clone(), ..self.cx.clone() },
            None => self.cx.clone(),
        }
    }

    pub async fn perform(self, command: Command) {
        let sender = self.sender.clone();
        // Nobody listens any more once the executor leaves; then there is nothing left to say.
        let _ = sender.send(self.outcome(command).await);
    }

    async fn outcome(self, command: Command) -> Happening {
        match command {
            Command::Verify { step, proofs } => {
                let cx = proofs.first().map_or_else(|| self.cx.clone(), |proof| self.cx_of(&proof.op.step));
                let (checks, fault) = proofs::prove(&cx, &proofs, self.find_kind).await;
                Happening::Verified { step, checks, fault }
            }
            Command::Cleanup { step: Some(step), entries } => {
                Happening::Ended { step, result: cleaned(self.clean_up(entries).await) }
            }
            Command::Cleanup { step: None, entries } => {
                let Cleanup { kept, failed, .. } = self.clean_up(entries).await;
                Happening::CleanedUp { kept, failed }
            }
            Command::Tell(telling) => messenger::tell(telling, self.compose, self.cx.masker()).await,
            other => match self.kind {
                Some(kind) => self.step(kind, other).await,
                None => unknown(&other),
            },
        }
    }

    async fn step(&self, kind: &'static dyn AnyKind, command: Command) -> Happening {
        match command {
            Command::Prepare { op } => {
                Happening::Prepared { result: kind.prepare(&self.cx_of(&op.step), &op).await, step: op.step }
            }
            Command::Find { op } => {
                Happening::Found { result: kind.find(&self.cx_of(&op.step), &op).await, step: op.step }
            }
            Command::Start { op } => Happening::Ended { result: self.start(kind, &op).await, step: op.step },
            Command::Watch { op } => Happening::Ended { result: self.watch(kind, &op).await, step: op.step },
            Command::Undo { op, undo, outputs } => {
                let result = kind.undo(&WriteCx::grant(self.cx_of(&op.step)), &op, &undo, &outputs).await;
                Happening::Undone { step: op.step, result }
            }
            other @ (Command::Verify { .. } | Command::Report { .. } | Command::Cleanup { .. } | Command::Tell(_)) => {
                unknown(&other)
            }
        }
    }

    async fn start(&self, kind: &'static dyn AnyKind, op: &RawOp) -> Result<Next, Fault> {
        kind.start(&WriteCx::grant(self.cx_of(&op.step)), op).await?;
        let next = self.watch(kind, op).await?;
        match &next {
            Next::Done(outputs) => kind.disappoints(outputs).map_or(Ok(next), Err),
            Next::Phase { .. } => Ok(next),
        }
    }

    /// Waits for the end. What only reads is given up when its time is over; everything else keeps its own time.
    async fn watch(&self, kind: &'static dyn AnyKind, op: &RawOp) -> Result<Next, Fault> {
        let only_reads = kind.effect(&Late { value: &op.params }) == Effect::Read && kind.name() != "run";
        let cx = self.cx_of(&op.step);
        match op.timeout_ms.filter(|_| only_reads) {
            None => kind.watch(&cx, op).await,
            Some(millis) => {
                let time = std::time::Duration::from_millis(millis);
                let late = || Err(Fault::new(TIMED_OUT, "no answer came in time"));
                tokio::time::timeout(time, kind.watch(&cx, op)).await.unwrap_or_else(|_| late())
            }
        }
    }

    /// Every entry is tried; what is too young or still needed stays.
    async fn clean_up(&self, entries: Vec<Removal>) -> Cleanup {
        let mut cleanup = Cleanup { ended: true, ..Cleanup::default() };
        for Removal { entry, with, needed_by } in entries {
            let what = entry.what();
            let until = entry.keep_until.filter(|until| *until > Timestamp::now());
            if until.is_some() || needed_by.is_some() {
                cleanup.kept.push(Kept { what, until, needed_by });
                continue;
            }
            let Some(kind) = (self.find_kind)(&entry.remover) else { continue };
            let cx = WriteCx::grant(self.cx_of(&entry.made_by));
            match kind.remove(&cx, &entry, &with).await {
                Ok(()) => {
                    cleanup.removed.push(what);
                    let _ = self.sender.send(Happening::Removed { entry });
                }
                Err(fault) => cleanup.failed.push(format!("{what}: {fault}")),
            }
        }
        cleanup
    }
}

/// How a step `ledger.cleanup` ends.
fn cleaned(cleanup: Cleanup) -> Result<Next, Fault> {
    if cleanup.failed.is_empty() {
        let kept: Vec<String> = cleanup.kept.into_iter().map(|kept| kept.what).collect();
        return Ok(Next::Done(Outputs::from_iter([
            ("removed".to_string(), json!(cleanup.removed)),
            ("kept".to_string(), json!(kept)),
        ])));
    }
    let mut fault = Fault::new("RG5004", format!("{} of the ledger could not be removed", cleanup.failed.len()));
    fault.causes = cleanup.failed;
    Err(fault)
}

/// A command for a step that no kind stands behind cannot come out of a bound plan.
fn unknown(command: &Command) -> Happening {
    let fault = Fault::new("RG1005", "no kind stands behind this step");
    match command.step() {
        Some(step) => Happening::Ended { step: step.clone(), result: Err(fault) },
        None => Happening::CleanedUp { kept: Vec::new(), failed: vec![fault.to_string()] },
    }
}

/// The outputs of a step that wrote reports.
pub fn report_outputs(files: Vec<String>) -> Next {
    let files: Vec<PathBuf> = files.into_iter().map(PathBuf::from).collect();
    Next::Done(Outputs::from_iter([("files".to_string(), json!(files))]))
}
