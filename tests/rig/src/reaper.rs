//! Ends a scratch for an owner that could not: the last word when the rig itself is ended by SIGKILL.
//!
//! The program `rig` starts itself once more as `rig __reap FILE` and keeps one end of a pipe. The kernel closes that end
//! when the rig dies, however it dies; the reaper then does what the owner's `Drop` would have done. After an orderly end
//! the scratch is no longer on the list and the reaper has nothing to do.

use std::io::{self, Read};
use std::ops::Deref;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

use crate::Scratch;
use crate::leftovers::Entry;

/// The hidden word by which `rig` is told to be the reaper.
pub const WORD: &str = "__reap";

/// A scratch with a reaper behind it.
pub struct Watched {
    // The order matters: the scratch ends itself first, and the reaper then finds nothing to do.
    scratch: Scratch,
    _reaper: Reaper,
}

impl Watched {
    /// Only for the program `rig`: any other program does not know the hidden word.
    pub fn new() -> Result<Watched> {
        let scratch = Scratch::new()?;
        // Not by the name of the file: cargo may replace it while we run.
        let child = Command::new("/proc/self/exe")
            .arg0("rig")
            .arg(WORD)
            .arg(scratch.entry().file())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0) // Ctrl-C is for the rig, not for the one that cleans up after it.
            .spawn()
            .context("cannot start the reaper")?;
        Ok(Watched { scratch, _reaper: Reaper { child } })
    }
}

impl Deref for Watched {
    type Target = Scratch;

    fn deref(&self) -> &Scratch {
        &self.scratch
    }
}

/// Waits for the process on `Drop`.
struct Reaper {
    child: Child,
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The reaper's whole life.
pub fn reap(file: &Path) -> Result<()> {
    // Whatever comes, only the end of the pipe counts.
    let _ = io::stdin().read_to_end(&mut Vec::new());
    Entry::read(file).map_or(Ok(()), |entry| entry.end())
}
