//! What the author's probe says of a command whose result is lost. Where it says that all is done, it may give the outputs,
//! too: later steps read them as if the command had ended.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{RunOp, own_env, secret};
use crate::kind::{Found, Next, ReadCx};
use crate::model::{Fault, RetryClass};
use crate::provider::process::{self, Written};

/// How often a probe that says "still running" is asked again.
const PROBE_EVERY: Duration = Duration::from_secs(2);
/// A short command that takes longer than this is ended.
const PATIENCE: Duration = Duration::from_secs(60);

pub async fn ask(cx: &ReadCx, op: &RunOp, evidence: &str) -> Result<Found, Fault> {
    let Some(argv) = &op.params.probe else { return Ok(Found::CannotTell(evidence.to_string())) };
    let dir = super::dir(cx, op);
    loop {
        let written = Written::new().map_err(|e| Fault::new("RG2011", "no memory for outputs").caused_by(&e))?;
        let (name, value) = written.variable();
        let env: Vec<_> =
            process::environment(cx, op, own_env(op)).into_iter().chain([(name.to_string(), value)]).collect();
        return Ok(match quiet(&dir, argv, &env).await? {
            Some(0) => Found::Done(Next::Done(secret::taken(cx, op, &String::from_utf8_lossy(&written.read()))?)),
            Some(1) => Found::Absent,
            Some(2) => {
                tokio::time::sleep(PROBE_EVERY).await;
                continue;
            }
            Some(code) => Found::CannotTell(format!("{evidence}; its probe cannot tell (exit code {code})")),
            None => Found::CannotTell(format!("{evidence}; its probe did not end by itself")),
        });
    }
}

/// Runs a short command of the author to its end without keeping what it prints. No code: it did not end by itself.
pub async fn quiet(dir: &Path, argv: &[String], env: &[(String, String)]) -> Result<Option<i32>, Fault> {
    let Some(program) = argv.first() else { return Err(Fault::new("RG2014", "the command is empty")) };
    let mut command = tokio::process::Command::new(program);
    command
        .args(&argv[1..])
        .env_clear()
        .envs(env.iter().map(|(name, value)| (name, value)))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    let Ok(ended) = tokio::time::timeout(PATIENCE, command.status()).await else { return Ok(None) };
    let status = ended.map_err(|e| {
        Fault::new("RG2011", format!("cannot start `{program}`")).caused_by(&e).retry(RetryClass::Never)
    })?;
    Ok(status.code())
}
