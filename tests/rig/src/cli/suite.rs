//! `cargo rig test`: what CI runs. All parts run even when one fails, so that a person sees everything at once.
//!
//! A test that was not run is not a test that passed: `ignored` tests and lines that begin with `SKIPPED` fail the suite.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::ValueEnum;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use super::{exit, ready};
use crate::process::Tree;
use crate::workspace::cargo;
use crate::{go, leftovers, tools};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    Fmt,
    Clippy,
    Test,
    /// Each guard switched off: the simulation must notice.
    Mutants,
}

/// How one part ended, and why it counts as failed although it ended with 0.
struct Outcome {
    part: Part,
    code: u8,
    seconds: f32,
    not_run: Vec<String>,
}

pub async fn run(only: &[Part], args: &[OsString]) -> Result<u8> {
    let code = ready(tools::ALL)?;
    if code != exit::DONE {
        return Ok(code);
    }
    if only.is_empty() || only.contains(&Part::Test) {
        tools::terraform()?;
        // Lints and the first tests go on meanwhile.
        go::begin();
    }
    let mut outcomes = Vec::new();
    for part in Part::value_variants().iter().copied().filter(|part| only.is_empty() || only.contains(part)) {
        outcomes.push(perform(part, args).await?);
    }
    // Test processes that were killed cannot clean up behind themselves.
    leftovers::sweep()?;
    outcomes.iter().for_each(tell);
    Ok(outcomes.iter().map(|outcome| outcome.code).find(|code| *code != exit::DONE).unwrap_or(exit::DONE))
}

async fn perform(part: Part, args: &[OsString]) -> Result<Outcome> {
    let arguments = arguments(part, args);
    eprintln!("rig: cargo {}", arguments.join(OsStr::new(" ")).to_string_lossy());
    let begun = Instant::now();
    let mut child = cargo()
        .args(&arguments)
        .stdout(if part == Part::Test { Stdio::piped() } else { Stdio::inherit() })
        .spawn()
        .context("cannot run cargo")?;
    // Cargo alone is not enough: its test processes would go on.
    let _tree = Tree::of(&child);
    let not_run = match child.stdout.take() {
        Some(output) => pass_on(output).await?,
        None => Vec::new(),
    };
    let code = exit::of(child.wait().await?);
    let code = if code == exit::DONE && !not_run.is_empty() { exit::FAILED } else { code };
    Ok(Outcome { part, code, seconds: begun.elapsed().as_secs_f32(), not_run })
}

fn arguments(part: Part, args: &[OsString]) -> Vec<OsString> {
    let fixed: &[&str] = match part {
        Part::Fmt => &["fmt", "--all", "--check"],
        Part::Clippy => &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"],
        Part::Test => &["test", "--workspace", "--no-fail-fast"],
        Part::Mutants => &["test", "--features", "mutants", "--test", "simulation", "mutants"],
    };
    let mut arguments: Vec<OsString> = fixed.iter().map(OsString::from).collect();
    if part == Part::Test {
        arguments.extend(args.iter().cloned());
        if !args.iter().any(|arg| arg == "--") {
            // Else the harness keeps what a passing test printed, and `SKIPPED` with it.
            arguments.extend(["--", "--show-output"].map(OsString::from));
        }
    }
    arguments
}

/// Passes the lines on and keeps those that say that something was not run.
async fn pass_on(output: impl AsyncRead + Unpin) -> Result<Vec<String>> {
    let mut lines = BufReader::new(output).split(b'\n');
    let mut not_run = Vec::new();
    while let Some(mut line) = lines.next_segment().await? {
        if let Some(reason) = says_not_run(&String::from_utf8_lossy(&line)) {
            not_run.push(reason);
        }
        line.push(b'\n');
        let mut stdout = io::stdout().lock();
        stdout.write_all(&line)?;
        stdout.flush()?;
    }
    Ok(not_run)
}

fn says_not_run(line: &str) -> Option<String> {
    if line.starts_with("SKIPPED") {
        return Some(line.to_string());
    }
    // test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s
    let counts = line.strip_prefix("test result:")?;
    let ignored = counts.split(';').find_map(|count| count.trim().strip_suffix(" ignored"))?;
    (ignored != "0").then(|| format!("{ignored} tests were ignored"))
}

fn tell(outcome: &Outcome) {
    let name = outcome.part.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default();
    let word = if outcome.code == exit::DONE { "ok" } else { "FAILED" };
    eprintln!("rig: {name:<7} {word:<7} {:.1} s", outcome.seconds);
    outcome.not_run.iter().for_each(|reason| eprintln!("rig:         not run: {reason}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_run_is_seen() {
        let table = [
            ("test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s", None),
            (
                "test result: ok. 3 passed; 0 failed; 10 ignored; 0 measured; 0 filtered out",
                Some("10 tests were ignored"),
            ),
            ("SKIPPED: no network", Some("SKIPPED: no network")),
            ("a test SKIPPED nothing", None),
        ];
        for (line, expected) in table {
            assert_eq!(says_not_run(line).as_deref(), expected, "{line}");
        }
    }
}
