//! What looking at a runbook costs, and what the order of steps gains.
//!
//! `cargo bench --bench check`. Times and memory are those of the shipped binary; makespans are played through on a virtual
//! clock by the code that orders a run. `REGROW_BENCH_ROUNDS` says how often, `REGROW_BENCH_ONLY` which part: judging,
//! ordering. Ends with an error where a target is missed.

#[path = "check/judging.rs"]
mod judging;
#[path = "engine/memory.rs"]
mod memory;
#[path = "check/ordering.rs"]
mod ordering;
mod support;

use std::path::{Path, PathBuf};

use anyhow::Result;

use support::Figures;

/// The binary, and a folder for runbooks.
pub struct Bench {
    regrow: PathBuf,
    scratch: tempfile::TempDir,
}

impl Bench {
    fn path(&self) -> &Path {
        self.scratch.path()
    }
}

/// One group of figures.
type Part = fn(&Bench, &mut Figures) -> Result<()>;

fn main() -> Result<()> {
    let parts: [(&str, Part); 2] = [("judging", judging::measure), ("ordering", ordering::measure)];
    let only = std::env::var("REGROW_BENCH_ONLY").unwrap_or_default();
    let bench = Bench { regrow: support::regrow()?, scratch: tempfile::tempdir()? };
    let mut figures = Figures::begin();
    for (name, measure) in parts {
        if only.is_empty() || only == name {
            measure(&bench, &mut figures)?;
        }
    }
    figures.end()
}
