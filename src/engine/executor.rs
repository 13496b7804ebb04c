//! Takes a run in hand: makes its folder or opens what a crash left, holds its lock, and drives it.

use std::fs;
use std::io;

use thiserror::Error;

use super::driver::{Driver, Halt};
use super::opening::{self, Opening};
use super::vault::Vault;
use super::world::{Audience, Compose, RealWorld, Setting, WriteReport, pending};
use crate::journal::disk::Folder;
use crate::journal::lease::Lease;
use crate::journal::store::{RunDir, Store};
use crate::journal::{JournalError, Writer};
use crate::kind::{AnyKind, ReadCx};
use crate::model::record::{Event, RunStarted};
use crate::model::secret::Secret;
use crate::model::time::Clock;
use crate::model::{Answer, Person, RunState};
use crate::plan::Plan;
use crate::plan::saved::SavedPlan;
use crate::provider::clock::SystemClock;
use crate::provider::process::JobFiles;
use crate::provider::seal::Seal;
use crate::runbook::Texts;
use crate::runbook::template::Secrets;

/// What an executor needs beside the plan.
pub struct Hands {
    pub who: Person,
    pub secrets: Secrets,
    /// For outputs that are secret.
    pub seal: Option<Seal>,
    /// Secret outputs whose key is gone, as somebody gave them: `token.key`, and the value.
    pub given: Vec<(String, Secret)>,
    pub audience: Vec<Box<dyn Audience>>,
    pub write_report: WriteReport,
    pub compose: Compose,
    pub find_kind: fn(&str) -> Option<&'static dyn AnyKind>,
    pub no_wait: bool,
    /// Given in this process, before the run goes on.
    pub answers: Vec<Answer>,
    /// Only what the answers ask for is done; the run stays where it is.
    pub errand: bool,
}

#[derive(Debug, Error)]
pub enum ExecuteError {
    #[error("another process executes run `{0}`")]
    Busy(crate::model::RunId),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{what}")]
    Io { what: String, source: io::Error },
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> ExecuteError {
    let what = what.into();
    |source| ExecuteError::Io { what, source }
}

/// Makes the folder of a new run. From here on it can be resumed.
pub fn create(store: &Store, plan: &Plan, saved: &SavedPlan, texts: &Texts) -> Result<RunDir, ExecuteError> {
    let files = saved.files(texts).map_err(io_error("cannot write the plan"))?;
    store.create(&plan.run, &files).map_err(io_error("cannot make the run's folder"))
}

/// Executes a run from its first record, or from where the journal says it stands. Returns why it left it; how the run
/// stands is in the journal, and a state that is held no more makes room for the report.
pub fn execute(run: &RunDir, plan: &mut Plan, started: RunStarted, hands: Hands) -> Result<Halt, ExecuteError> {
    let lease = Lease::take(&run.path).map_err(io_error("cannot take the run's lock"))?;
    let Some(_lease) = lease else { return Err(ExecuteError::Busy(plan.run.clone())) };
    let here = Event::ExecutorStarted { host: host(), pid: std::process::id(), who: hands.who.clone() };
    let Opening { writer, state, mut first } = opening::open(
        Folder::new(&run.path),
        plan,
        started,
        here,
        &SystemClock.now(),
        &JobFiles::handed_over(&run.work()),
    )?;
    if hands.errand {
        first.retain(|event| !matches!(event, Event::RunUnpaused));
    }
    drive(run, plan, state, writer, first, hands)
}

fn drive(
    run: &RunDir,
    plan: &mut Plan,
    state: RunState,
    writer: Writer<Folder>,
    first: Vec<Event>,
    hands: Hands,
) -> Result<Halt, ExecuteError> {
    let cx = ReadCx {
        base: plan.base.clone(),
        work: run.work(),
        mode: plan.mode,
        secrets: hands.secrets.values().cloned().collect(),
        seal: hands.seal.clone(),
        rpo: plan.runbook.objectives.rpo.clone(),
    };
    let Hands { secrets, seal, given, audience, write_report, compose, find_kind, no_wait, answers, errand, .. } =
        hands;
    let setting = Setting { cx, run: run.clone(), audience, write_report, compose, find_kind };
    let world = RealWorld::new(plan, setting).map_err(io_error("cannot start the workers"))?;
    let waiting = pending(&run.inbox()).into_iter().map(|(_, answer)| answer);
    let answers = answers.into_iter().chain(waiting).collect();
    let vault = Vault::new(secrets, seal, given);
    let driver = Driver::new(plan, state, writer, world, vault, no_wait);
    let mut driver = if errand { driver.on_an_errand() } else { driver };
    let halt = driver.run(first, answers);
    let (_, _, world) = driver.into_parts();
    world.close();
    Ok(halt?)
}

pub fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_string()
}
