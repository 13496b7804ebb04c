//! A server that is our own child, with its log in a file.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::leftovers::Entry;
use crate::process::{Identity, wait_gone};

/// Ended on `Drop`.
pub struct Own {
    child: Child,
    process: Option<Identity>,
    log: PathBuf,
}

impl Own {
    /// Starts `command`, and makes sure that it ends with the scratch of `entry`.
    pub fn spawn(command: &mut Command, log: PathBuf, entry: &Entry) -> Result<Own> {
        let out = File::create(&log)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0) // Ctrl-C is for the rig, which ends its servers in order.
            .spawn()
            .with_context(|| format!("cannot run {}", command.get_program().display()))?;
        let process = Identity::of(i32::try_from(child.id())?);
        let own = Own { child, process, log };
        if let Some(process) = process {
            entry.record(process, Signal::TERM)?;
        }
        Ok(own)
    }

    pub fn is_over(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn process(&self) -> Option<Identity> {
        self.process
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            process.signal(Signal::TERM);
            if !wait_gone(&BTreeSet::from([process]), Duration::from_secs(5)) {
                process.signal(Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}
