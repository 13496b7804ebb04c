//! The recovery itself, by the real program: run, killed in the middle, resumed, approved by somebody else.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use tokio::process::Child;
use tokio_postgres::Client;

use super::approve::{Approval, Approver};
use super::kill::{self, Moment};
use super::program::Program;
use crate::process::Identity;
use crate::scratch::Scratch;

/// Who runs it.
const NAME: &str = "ana";
const RUN: &str = "demo";
/// A recovery that takes longer has stopped moving.
const PATIENCE: Duration = Duration::from_secs(600);

/// What is typed.
pub struct Call {
    /// `run` or `drill`.
    pub verb: &'static str,
    pub runbook: &'static str,
    pub params: Vec<(&'static str, String)>,
}

/// The server that a table with so many rows is loaded into: the executor is killed in the middle of that.
pub struct Middle {
    pub watcher: Client,
    pub rows: usize,
}

/// How it went.
pub struct Rescue {
    pub killed: Option<Moment>,
    pub approvals: Vec<Approval>,
    pub took: Duration,
    pub report: PathBuf,
    /// Ids of steps that were left out.
    pub skipped: Vec<String>,
}

/// From the first command to the end of the run; without a `middle` nobody is killed.
pub async fn perform(program: &Program, call: &Call, middle: Option<Middle>, scratch: &Scratch) -> Result<Rescue> {
    let approver = Approver::start(program.clone(), RUN);
    let begun = Instant::now();
    let mut executor = start(program, &call.arguments(), scratch)?;
    let killed = match middle {
        Some(middle) => {
            let moment = kill::in_the_middle(&mut executor, &middle.watcher, i64::try_from(middle.rows)?);
            let moment = tokio::time::timeout(PATIENCE, moment).await.context("the table never began to load")??;
            let Moment { rows, of, .. } = moment;
            println!("\nThe executor was killed by SIGKILL with {rows} of {of} rows in the scratch table.\n");
            executor = start(program, &["resume", RUN, "--as", NAME, "--yes"].map(String::from), scratch)?;
            Some(moment)
        }
        None => None,
    };
    let status = tokio::time::timeout(PATIENCE, executor.wait()).await.context("the run does not end")??;
    let took = begun.elapsed();
    ensure!(status.success(), "the run ended with {status}; its state lies in {}", program.state.display());
    let (report, skipped) = (report(program).await?, skipped(program).await?);
    Ok(Rescue { killed, approvals: approver.given(), took, report, skipped })
}

impl Call {
    fn arguments(&self) -> Vec<String> {
        let fixed = [self.verb, self.runbook, "--run-id", RUN, "--as", NAME, "--yes"].map(String::from);
        let params = self.params.iter().flat_map(|(name, value)| ["--param".to_string(), format!("{name}={value}")]);
        fixed.into_iter().chain(params).collect()
    }
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

async fn skipped(program: &Program) -> Result<Vec<String>> {
    let status = program.json(&["status", "--json", RUN]).await?;
    let steps = status["steps"].as_array().into_iter().flatten().filter(|step| step["state"] == "skipped");
    Ok(steps.filter_map(|step| step["id"].as_str().map(str::to_string)).collect())
}
