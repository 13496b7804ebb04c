//! The recovery itself, by the real program: run, killed in the middle, resumed, approved by somebody else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::process::Child;

use super::approve::{Approval, Approver};
use super::damage::Loss;
use super::kill::{self, Moment};
use super::platform::{Platform, Table};
use super::program::Program;
use crate::process::Identity;
use crate::scratch::Scratch;

/// Who runs it.
const NAME: &str = "ana";
const RUN: &str = "demo";
/// A recovery that takes longer has stopped moving.
const PATIENCE: Duration = Duration::from_secs(600);

/// How it went.
pub struct Rescue {
    pub killed: Moment,
    pub approvals: Vec<Approval>,
    pub took: Duration,
    pub report: PathBuf,
}

/// From the first command to the end of the resumed run.
pub async fn perform(program: &Program, platform: &Platform, loss: &Loss, scratch: &Scratch) -> Result<Rescue> {
    let arguments = first_command(platform, loss, scratch)?;
    let approver = Approver::start(program.clone(), RUN);
    let watcher = platform.as_superuser().await?;
    let begun = Instant::now();

    let mut executor = start(program, &arguments, scratch)?;
    let of = i64::try_from(loss.truth.count(Table::Enrolments))?;
    let middle = kill::in_the_middle(&mut executor, &watcher, of);
    let killed = tokio::time::timeout(PATIENCE, middle).await.context("the table never began to load")??;
    println!("\nThe executor was killed by SIGKILL with {} of {} rows in the scratch table.\n", killed.rows, killed.of);

    let resume = ["resume", RUN, "--as", NAME, "--yes"].map(String::from);
    let mut executor = start(program, &resume, scratch)?;
    let status = tokio::time::timeout(PATIENCE, executor.wait()).await.context("the resumed run does not end")??;
    let took = begun.elapsed();
    ensure!(status.success(), "the resumed run ended with {status}; its state lies in {}", program.state.display());
    Ok(Rescue { killed, approvals: approver.given(), took, report: report(program).await? })
}

fn first_command(platform: &Platform, loss: &Loss, scratch: &Scratch) -> Result<Vec<String>> {
    // The new data folder is regrow's to make; its parent must be open to the user the copy will run as.
    let restored = scratch.folder("restored")?;
    platform.live.account().own(&restored)?;
    let params = [
        ("table", "public.enrolments".to_string()),
        ("as_of", loss.truth.as_of.clone()),
        ("base", platform.base.display().to_string()),
        ("archive", platform.live.archive_dir().display().to_string()),
        ("live_url", platform.live.url()),
        ("data_directory", restored.join("data").display().to_string()),
    ];
    let fixed = ["run", "runbooks/restore-only.yaml", "--run-id", RUN, "--as", NAME, "--yes"];
    let params = params.into_iter().flat_map(|(name, value)| ["--param".to_string(), format!("{name}={value}")]);
    Ok(fixed.into_iter().map(String::from).chain(params).collect())
}

/// Shows its output as a person would see it.
fn start(program: &Program, arguments: &[String], scratch: &Scratch) -> Result<Child> {
    println!("{}", program.as_typed(arguments));
    let child = program
        .command(arguments)
        .current_dir(crate::workspace::root())
        .spawn()
        .with_context(|| format!("cannot run {}", program.path.display()))?;
    if let Some(process) = child.id().and_then(|pid| Identity::of(i32::try_from(pid).ok()?)) {
        scratch.record(process, Signal::TERM)?;
    }
    Ok(child)
}

/// Beside the state, where it stays when the servers are gone.
async fn report(program: &Program) -> Result<PathBuf> {
    let path = program.state.with_file_name("report.html");
    let output = path.to_string_lossy().into_owned();
    program.output(&["report", RUN, "--format", "html", "--output", &output]).await?;
    Ok(path)
}
