//! A benchmark of several parts, each of which can be asked for alone.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::support::{self, Figures};

/// The binary, and a folder on the disk that is measured.
pub struct Bench {
    pub regrow: PathBuf,
    scratch: tempfile::TempDir,
}

impl Bench {
    pub fn path(&self) -> &Path {
        self.scratch.path()
    }
}

/// One group of figures.
pub type Part = fn(&Bench, &mut Figures) -> Result<()>;

/// Measures all of them, or the one that `REGROW_BENCH_ONLY` names.
pub fn measure(parts: &[(&str, Part)]) -> Result<()> {
    let only = std::env::var("REGROW_BENCH_ONLY").unwrap_or_default();
    let bench = Bench { regrow: support::regrow()?, scratch: tempfile::tempdir()? };
    let mut figures = Figures::begin();
    for (name, measure) in parts {
        if only.is_empty() || only == *name {
            measure(&bench, &mut figures)?;
        }
    }
    figures.end()
}
