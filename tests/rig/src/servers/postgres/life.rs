//! Start, stop, crash and restart of a PostgreSQL that is our own child.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::Signal;

use super::{PATIENCE, Postgres, StopMode};
use crate::process::{Identity, descendants, wait_gone};
use crate::servers::account::finish;
use crate::servers::free_port;

enum Started {
    Ready,
    PortTaken,
}

impl Postgres {
    /// Does nothing when the server is stopped already.
    pub fn stop(&mut self, mode: StopMode) -> Result<()> {
        let Some(process) = self.process() else {
            return self.collect();
        };
        let all = with_descendants(process);
        process.signal(match mode {
            StopMode::Fast => Signal::INT,
            StopMode::Immediate => Signal::QUIT,
        });
        if !wait_gone(&all, PATIENCE) {
            all.iter().for_each(|process| process.signal(Signal::KILL));
            self.collect()?;
            bail!("PostgreSQL did not stop in {PATIENCE:?} and was killed");
        }
        self.collect()
    }

    /// SIGKILL to the postmaster, and waits until its orphans noticed: a restart refuses to begin beside them.
    pub fn kill(&mut self) -> Result<()> {
        let Some(process) = self.process() else {
            return self.collect();
        };
        let all = with_descendants(process);
        process.signal(Signal::KILL);
        self.collect()?;
        ensure!(wait_gone(&all, PATIENCE), "sessions of the killed PostgreSQL did not end");
        Ok(())
    }

    /// Starts again on the same port; a running server is stopped first.
    pub fn restart(&mut self) -> Result<()> {
        self.stop(StopMode::Fast)?;
        match self.try_start()? {
            Started::Ready => Ok(()),
            Started::PortTaken => {
                bail!("port {} was taken by another program meanwhile", self.port)
            }
        }
    }

    pub(super) fn start_on_free_port(&mut self) -> Result<()> {
        for _ in 0..10 {
            self.port = free_port()?;
            self.configure()?;
            if matches!(self.try_start()?, Started::Ready) {
                return Ok(());
            }
        }
        bail!("found no free port for PostgreSQL in ten attempts")
    }

    /// In the file, as on a real platform, so that a copy of the data folder brings port and archive command along: a
    /// restore has to cope with that.
    fn configure(&self) -> Result<()> {
        let archive = self.archive_dir();
        let archive = archive.display();
        let mode = if self.archives { "on" } else { "off" };
        let settings = format!(
            "\nport = {}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nfsync = off\nwal_level = replica\n\
             archive_mode = {mode}\narchive_timeout = 5\narchive_command = 'test ! -f {archive}/%f && \
             cp %p {archive}/.%f.part && mv {archive}/.%f.part {archive}/%f'\n",
            self.port,
            self.socket_dir().display(),
        );
        let path = self.data_dir().join("postgresql.conf");
        let mut file =
            File::options().append(true).open(&path).with_context(|| format!("cannot open {}", path.display()))?;
        file.write_all(settings.as_bytes()).context("cannot write postgresql.conf")
    }

    fn try_start(&mut self) -> Result<Started> {
        let log = File::create(self.home.join("log"))?;
        let child = self
            .account
            .command(&self.bin.join("postgres"))
            .arg("-D")
            .arg(self.data_dir())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0) // Ctrl-C is for the rig, which ends its servers in order.
            .spawn()
            .context("cannot run postgres")?;
        let pid = i32::try_from(child.id())?;
        self.child = Some(child);
        if let Some(process) = Identity::of(pid) {
            self.scratch.record(process, Signal::QUIT)?;
        }
        self.wait_ready()
    }

    fn wait_ready(&mut self) -> Result<Started> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let child = self.child.as_mut().context("not started")?;
            if child.try_wait()?.is_some() {
                self.child = None;
                let log = self.log();
                let taken = log.contains("could not bind") || log.contains("Address already in use");
                return if taken { Ok(Started::PortTaken) } else { Err(anyhow!("PostgreSQL did not start:\n{log}")) };
            }
            match self.ask_over_tcp() {
                Ok(folder) if Path::new(&folder) == self.data_dir() => return Ok(Started::Ready),
                Ok(folder) => bail!("port {} is answered by the server of {folder}", self.port),
                Err(error) if Instant::now() > deadline => {
                    return Err(error.context(format!("PostgreSQL is not ready:\n{}", self.log_tail())));
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    fn ask_over_tcp(&self) -> Result<String> {
        let mut psql = self.account.command(&self.bin.join("psql"));
        let output = finish(psql.args([
            "-XAtq",
            "-d",
            &self.superuser_url(),
            "-c",
            "select current_setting('data_directory')",
        ]))?;
        Ok(output.trim_end().to_string())
    }

    fn collect(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.wait().context("cannot wait for PostgreSQL")?;
        }
        Ok(())
    }
}

fn with_descendants(process: Identity) -> BTreeSet<Identity> {
    let mut all = descendants(process);
    all.insert(process);
    all
}
