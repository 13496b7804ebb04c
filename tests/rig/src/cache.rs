//! The folder outside the repository that outlives a run of the rig: templates of servers, and the list of scratch folders.
//!
//! Several test processes use it at once. Whoever changes it holds its lock, builds beside the final name and renames.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Where the rig keeps what it need not build twice: `$REGROW_RIG_CACHE`, else below the user's cache folder.
pub fn dir() -> Result<PathBuf> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let dir = named("REGROW_RIG_CACHE")
        .or_else(|| named("XDG_CACHE_HOME").map(|base| base.join("regrow-rig")))
        .or_else(|| named("HOME").map(|home| home.join(".cache/regrow-rig")))
        .context("no place for the rig's cache: set REGROW_RIG_CACHE")?;
    // 0700: the list of scratch folders says which processes to end, so nobody else may write it.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&dir)
        .with_context(|| format!("cannot create the cache folder {}", dir.display()))?;
    std::path::absolute(dir).context("cannot find the current folder")
}

/// Holds the cache's lock until dropped. The kernel frees it when the holder dies, however it dies.
#[must_use = "the lock is held only as long as this value lives"]
pub struct Lock {
    _file: File,
}

/// Waits for the lock of that name.
pub fn lock(name: &str) -> Result<Lock> {
    let path = dir()?.join(format!("{name}.lock"));
    let file = File::options()
        .create(true)
        .write(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(Lock { _file: file })
}
