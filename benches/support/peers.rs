//! What benchmarks of runs need beside that: peers from the machine, and regrow in turn with them.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::support::Spread;

/// A program that regrow is held against; without it there is no figure.
pub fn peer(program: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file());
    match found {
        Some(found) => Ok(found),
        None => bail!("`{program}` is not installed: apt-get install {package}"),
    }
}

/// `run FILE` as everybody would, with the state of the run in `state`.
pub fn run(regrow: &Path, state: &Path, file: &Path) -> Command {
    let mut command = Command::new(regrow);
    command.arg("--state").arg(state).args(["run", "--yes", "--run-id", "bench"]).arg(file);
    command
}

impl Spread {
    /// Each figure over the one of `other` in the same round.
    pub fn over(&self, other: &Spread) -> Spread {
        Self::of(self.each().zip(other.each()).map(|(ours, theirs)| ours / theirs))
    }
}
