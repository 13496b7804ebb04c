//! Under which user a server runs. PostgreSQL refuses root, so root hands it to the user `postgres`; anybody else keeps it.

use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use anyhow::{Context, Result, ensure};

/// A user to run servers as; without ids it is ourselves.
#[derive(Clone, Copy, Debug)]
pub struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    /// `name` when we are root, else ourselves.
    pub fn named(name: &str) -> Result<Account> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Account { ids: None });
        }
        let id = |option: &str| -> Result<u32> {
            // `id` asks the system's own user database, which may be more than /etc/passwd.
            let output = Command::new("id").args([option, "--", name]).output().context("cannot run `id`")?;
            ensure!(output.status.success(), "there is no user `{name}`, and servers do not run as root");
            String::from_utf8_lossy(&output.stdout).trim().parse().context("`id` printed no number")
        };
        Ok(Account { ids: Some((id("-u")?, id("-g")?)) })
    }

    pub fn uid(self) -> u32 {
        self.ids.map_or_else(|| rustix::process::geteuid().as_raw(), |(uid, _)| uid)
    }

    /// A command of this user with a clean environment: no `PG*` variable of the person at the terminal leads it astray.
    /// Supplementary groups of root are given up together with the uid (std does so).
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LANG", "C.UTF-8").envs(env::var_os("PATH").map(|path| ("PATH", path)));
        command.current_dir("/"); // ours may be closed to the other user
        if let Some((uid, gid)) = self.ids {
            command.uid(uid).gid(gid);
        }
        command
    }

    /// A new folder of this user.
    pub fn folder(self, path: &Path, mode: u32) -> Result<()> {
        fs::DirBuilder::new().mode(mode).create(path).with_context(|| format!("cannot create {}", path.display()))?;
        self.own(path)
    }

    pub fn own(self, path: &Path) -> Result<()> {
        let Some((uid, gid)) = self.ids else {
            return Ok(());
        };
        chown(path, Some(uid), Some(gid)).with_context(|| format!("cannot hand over {}", path.display()))
    }
}

/// Runs it to its end; the error holds what it printed.
pub fn finish(command: &mut Command) -> Result<String> {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    ensure!(
        output.status.success(),
        "{name} failed ({}): {}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
