//! A new cluster costs a second (`initdb`), a copy of a ready one a tenth. The ready one lies in the cache, one a version.
//!
//! It is built under a lock beside its final name and renamed, so a test never copies a half-made one.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::cache;
use crate::servers::account::{Account, finish};

/// Raise it when the recipe below changes: old templates are then left alone.
const RECIPE: u32 = 2;

/// Superuser without a password on loopback, everybody else with one: so that secrets have something to open.
const ACCESS: &str = "\
local  all          all                  trust
local  replication  all                  trust
host   all          regrow 127.0.0.1/32  trust
host   replication  regrow 127.0.0.1/32  trust
host   all          all    127.0.0.1/32  scram-sha-256
";

/// One statement a line, as single-user mode wants it.
const CONTENT: &str = "create role lms login\ncreate database lms owner lms\n";

/// Fills `data`, which must not exist, from the template.
pub fn copy(bin: &Path, account: Account, work: &Path, data: &Path) -> Result<()> {
    let template = ready(bin, account, work)?;
    // As ourselves, so as root it keeps the owner.
    finish(Command::new("cp").args(["-a", "--reflink=auto", "--"]).arg(template).arg(data))?;
    Ok(())
}

/// Fills `data` with a cluster that has a system identifier of its own, which copies of the template share.
pub fn build(bin: &Path, account: Account, data: &Path) -> Result<()> {
    account.folder(data, 0o700)?;
    let initdb = ["-U", "regrow", "-A", "trust", "--no-sync", "--data-checksums", "-E", "UTF8", "--locale=C"];
    finish(account.command(&bin.join("initdb")).args(initdb).arg("-D").arg(data))?;
    fs::write(data.join("pg_hba.conf"), ACCESS).context("cannot write pg_hba.conf")?;

    let mut single = account
        .command(&bin.join("postgres"))
        .args(["--single", "-c", "fsync=off", "-D"])
        .arg(data)
        .arg("postgres")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()?;
    single.stdin.take().context("no stdin")?.write_all(CONTENT.as_bytes())?;
    let output = single.wait_with_output()?;
    let log = String::from_utf8_lossy(&output.stderr);
    // Single-user mode goes on after an error and ends with 0.
    ensure!(output.status.success() && !log.contains("ERROR"), "cannot fill the template: {log}");
    Ok(())
}

fn ready(bin: &Path, account: Account, work: &Path) -> Result<PathBuf> {
    let version = finish(account.command(&bin.join("postgres")).arg("--version"))?;
    let version = version.split_whitespace().nth(2).context("postgres --version printed no version")?;
    let folder = cache::dir()?.join("postgres");
    let template = folder.join(format!("{version}-uid{}-recipe{RECIPE}", account.uid()));
    if template.exists() {
        return Ok(template);
    }
    let _lock = cache::lock("postgres")?;
    if template.exists() {
        return Ok(template);
    }
    eprintln!("rig: preparing a PostgreSQL {version} to copy from, once");
    fs::create_dir_all(&folder)?;
    // Built where its user may pass: the cache is closed to everybody but us.
    let built = work.join("template");
    build(bin, account, &built)?;
    let part = folder.join("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    finish(Command::new("cp").args(["-a", "--"]).arg(&built).arg(&part))?;
    fs::rename(&part, &template)?;
    fs::remove_dir_all(&built)?;
    Ok(template)
}
