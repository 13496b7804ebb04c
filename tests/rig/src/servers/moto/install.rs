//! moto in a virtual environment of the rig's cache: nothing of it is seen by anybody else's Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::cache;
use crate::servers::account::finish;

const VERSION: &str = "5.2.5";

/// The Python that has moto; installed once for each version of Python, into which such an environment is bound.
pub fn python() -> Result<PathBuf> {
    let words = "import sys; print('%d.%d' % sys.version_info[:2])";
    let python = finish(Command::new("python3").args(["-c", words]))?;
    let folder = cache::dir()?.join(format!("moto-{VERSION}-python-{}", python.trim()));
    let program = folder.join("bin/python3");
    // An environment names its own place and cannot be renamed into it, so a file says that it is whole.
    let whole = folder.join("whole");
    let _lock = cache::lock("moto")?;
    if !whole.exists() {
        eprintln!("rig: fetching moto, once");
        make(&folder, &program)?;
        fs::write(whole, "")?;
    }
    Ok(program)
}

fn make(folder: &Path, program: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    finish(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let package = format!("moto[server]=={VERSION}");
    finish(Command::new(program).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &package]))?;
    Ok(())
}
