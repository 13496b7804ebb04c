//! A private folder for servers, gone at the end together with every process that was started in it.
//!
//! The folder is named in the list of [`leftovers`] before it exists, so no crash can leave one that nobody knows of.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use crate::leftovers::{self, Entry};
use crate::process::Identity;

/// Removed on `Drop`, after all processes recorded in it were stopped. Keep it alive as long as its servers.
pub struct Scratch {
    entry: Arc<Entry>,
    count: AtomicU32,
}

impl Scratch {
    /// First ends what dead owners left behind, then makes a new folder below the system's temporary folder.
    pub fn new() -> Result<Scratch> {
        leftovers::sweep()?;
        let entry = Arc::new(leftovers::register()?);
        // Others may pass through (servers run as another user) but not list. What lies inside is closed by its own mode.
        fs::DirBuilder::new()
            .mode(0o711)
            .create(&entry.folder)
            .with_context(|| format!("cannot create {}", entry.folder.display()))?;
        let scratch = Scratch { entry, count: AtomicU32::new(0) };
        ensure_traversable(scratch.path())?;
        Ok(scratch)
    }

    pub fn path(&self) -> &Path {
        &self.entry.folder
    }

    /// A new folder inside: `postgres-1`, `postgres-2` and so on.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let number = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let path = self.path().join(format!("{name}-{number}"));
        fs::DirBuilder::new().mode(0o711).create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// Makes sure that this process ends with the scratch: `signal` first, then SIGKILL, its descendants included.
    pub fn record(&self, process: Identity, signal: Signal) -> Result<()> {
        self.entry.record(process, signal)
    }

    /// What the reaper needs to end this scratch in our place.
    pub(crate) fn entry(&self) -> Arc<Entry> {
        Arc::clone(&self.entry)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = self.entry.end() {
            eprintln!("rig: {error:#}");
        }
    }
}

/// PostgreSQL runs as another user when we are root: every folder above must let it pass.
fn ensure_traversable(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    for folder in path.ancestors() {
        let mode =
            fs::metadata(folder).with_context(|| format!("cannot look at {}", folder.display()))?.permissions().mode();
        ensure!(
            mode & 0o001 != 0,
            "{} lets no other user pass, but servers run as their own user; set TMPDIR to a folder that does",
            folder.display()
        );
    }
    Ok(())
}
