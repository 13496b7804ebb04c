//! What is done with a running PostgreSQL: ask it, back it up, push its WAL into the archive.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{PATIENCE, Postgres};
use crate::servers::account::finish;

impl Postgres {
    /// Runs SQL as superuser with psql; returns what it printed, unaligned, without the last line break. The text goes
    /// through a pipe, so a password in it is in no process list.
    pub fn sql(&self, database: &str, text: &str) -> Result<String> {
        let mut psql = self
            .tool("psql")
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-", "-d", database])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run psql")?;
        psql.stdin.take().context("no stdin")?.write_all(text.as_bytes())?;
        let output = psql.wait_with_output()?;
        ensure!(output.status.success(), "psql: {}", String::from_utf8_lossy(&output.stderr).trim_end());
        Ok(String::from_utf8_lossy(&output.stdout).trim_end_matches('\n').to_string())
    }

    /// Takes a base backup, with manifest, into a folder that does not exist yet. It belongs to the server's user, so that
    /// a copy of it can be started by that user.
    pub fn base_backup(&self, into: &Path) -> Result<()> {
        self.account.folder(into, 0o700)?;
        // The WAL comes from the archive where there is one, as on a platform with PITR.
        let wal = if self.archives { "none" } else { "stream" };
        let mut command = self.tool("pg_basebackup");
        finish(command.args(["-c", "fast", "--no-sync", "-X", wal, "-D"]).arg(into))?;
        Ok(())
    }

    /// Ends the current WAL segment and waits until it lies in the archive. Returns its name.
    pub fn switch_wal(&self) -> Result<String> {
        ensure!(self.archives, "this server has no WAL archive");
        // The restore point makes sure that there is something to switch away from.
        let sql = "select pg_create_restore_point('rig') \\g /dev/null\nselect pg_walfile_name(pg_switch_wal())";
        let segment = self.sql("postgres", sql)?;
        let archived = self.archive_dir().join(&segment);
        let deadline = Instant::now() + PATIENCE;
        // The archive command renames, so a file that is there is whole.
        while !archived.exists() {
            ensure!(
                Instant::now() < deadline,
                "{segment} did not reach the archive; the server's log ends with:\n{}",
                self.log_tail()
            );
            thread::sleep(Duration::from_millis(10));
        }
        Ok(segment)
    }

    /// A client program of the same version, connected as superuser through the socket.
    fn tool(&self, name: &str) -> Command {
        let mut command = self.account.command(&self.bin.join(name));
        command.arg("-h").arg(self.socket_dir()).args(["-U", "regrow", "-p", &self.port.to_string()]);
        command
    }
}
