//! The real program, built as a person would, and called as a person would.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::process::Tree;
use crate::workspace::cargo;

/// `regrow` with a state folder of its own.
#[derive(Clone)]
pub struct Program {
    pub path: PathBuf,
    pub state: PathBuf,
    /// Reach the program by its environment, never by its arguments.
    pub secrets: Vec<(&'static str, String)>,
}

impl Program {
    /// One call. It asks nothing: its stdin is empty.
    pub fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg("--state")
            .arg(&self.state)
            .args(arguments)
            .envs(self.secrets.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// What it would look like in a terminal.
    pub fn as_typed(&self, arguments: &[String]) -> String {
        format!("$ regrow --state {} {}", self.state.display(), arguments.join(" "))
    }

    /// Stdout of a call that must succeed; the error is what it said.
    pub async fn output(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let output = self.command(&arguments).output().await.context("cannot run regrow")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "regrow {} ended with {}: {}",
            arguments.join(" "),
            output.status,
            said.trim_end()
        );
        Ok(output.stdout)
    }

    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        serde_json::from_slice(&self.output(arguments).await?).context("regrow printed no JSON")
    }
}

/// Builds the development profile and returns where the program lies.
pub async fn build() -> Result<PathBuf> {
    let child = cargo()
        .args(["build", "--package", "regrow", "--bin", "regrow", "--message-format", "json-render-diagnostics"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot run cargo")?;
    let _tree = Tree::of(&child);
    let output = child.wait_with_output().await?;
    ensure!(output.status.success(), "regrow does not build");
    let path = String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "regrow")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    path.filter(|path| Path::new(path).exists()).context("cargo named no program `regrow`")
}
