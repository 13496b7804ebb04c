//! PostgreSQL: a cluster with a WAL archive, a superuser `regrow` and a role `lms` that owns the database `lms`.
//!
//! `regrow` needs no password, `lms` needs one over TCP. The server is our own child, so its pid is known without reading a
//! file, and nobody else can be taken for it: it is ready when a query answers with the name of our data folder.

mod life;
pub mod newer;
pub mod template;
mod work;

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};

use super::account::Account;
use super::{Offer, Running};
use crate::leftovers::Entry;
use crate::process::Identity;
use crate::scratch::Scratch;
use crate::tools;

pub const OFFER: Offer = Offer {
    name: "postgres",
    about: "PostgreSQL with a WAL archive and a base backup",
    tools: &[tools::POSTGRES],
    start: |scratch| {
        let server = Postgres::start(scratch)?;
        let base = scratch.folder("base")?.join("backup");
        server.base_backup(&base)?;
        Ok(Box::new(WithBackup { server, base }))
    },
};

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopMode {
    /// Sessions are cut, everything is written: what `pg_ctl stop` does.
    Fast,
    /// As after a crash: the next start recovers from WAL.
    Immediate,
}

/// What kind of cluster to start.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub archive: bool,
    /// A system identifier of its own, at the price of an `initdb`. Otherwise all clusters share the template's.
    pub own_identifier: bool,
}

/// A running PostgreSQL. Dropping it ends it.
pub struct Postgres {
    bin: PathBuf,
    account: Account,
    /// Holds `data`, `archive`, `socket` and `log`.
    home: PathBuf,
    port: u16,
    password: String,
    archives: bool,
    child: Option<Child>,
    scratch: Arc<Entry>,
}

impl Postgres {
    /// A live server as a hoster has it: WAL goes to an archive, at least every five seconds.
    pub fn start(scratch: &Scratch) -> Result<Postgres> {
        Postgres::start_with(scratch, Options { archive: true, own_identifier: false })
    }

    /// A second server, without archive, that is told from every other by its system identifier.
    pub fn start_plain(scratch: &Scratch) -> Result<Postgres> {
        Postgres::start_with(scratch, Options { archive: false, own_identifier: true })
    }

    pub fn start_with(scratch: &Scratch, options: Options) -> Result<Postgres> {
        let account = Account::named("postgres")?;
        let home = scratch.folder("postgres")?;
        let mut server = Postgres {
            bin: tools::postgres_bin().context("PostgreSQL is not installed; `cargo rig install` gets it")?,
            account,
            port: 0,
            password: random_password()?,
            archives: options.archive,
            child: None,
            scratch: scratch.entry(),
            home,
        };
        account.folder(&server.archive_dir(), 0o755)?;
        account.folder(&server.socket_dir(), 0o711)?;
        if options.own_identifier {
            template::build(&server.bin, account, &server.data_dir())?;
        } else {
            template::copy(&server.bin, account, &server.home, &server.data_dir())?;
        }
        server.start_on_free_port()?;
        server.sql("postgres", &format!("alter role lms password '{}'", server.password))?;
        Ok(server)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The database `lms` as its owner. Needs [`Postgres::lms_password`].
    pub fn url(&self) -> String {
        format!("postgresql://lms@127.0.0.1:{}/lms", self.port)
    }

    /// The database `postgres` as superuser. Needs no password.
    pub fn superuser_url(&self) -> String {
        format!("postgresql://regrow@127.0.0.1:{}/postgres", self.port)
    }

    pub fn lms_password(&self) -> &str {
        &self.password
    }

    pub fn data_dir(&self) -> PathBuf {
        self.home.join("data")
    }

    /// Empty when the server does not archive.
    pub fn archive_dir(&self) -> PathBuf {
        self.home.join("archive")
    }

    pub fn socket_dir(&self) -> PathBuf {
        self.home.join("socket")
    }

    pub fn bin_dir(&self) -> &Path {
        &self.bin
    }

    /// The user the server runs as; a data folder beside it must be his.
    pub fn account(&self) -> Account {
        self.account
    }

    /// Pid and start time of the postmaster; none when it is stopped.
    pub fn process(&self) -> Option<Identity> {
        self.child.as_ref().and_then(|child| Identity::of(i32::try_from(child.id()).ok()?))
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.home.join("log")).unwrap_or_default()
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.stop(StopMode::Immediate) {
            eprintln!("rig: {error:#}");
        }
    }
}

impl Running for Postgres {
    fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("RIG_POSTGRES_URL", self.superuser_url()),
            ("RIG_POSTGRES_LMS_URL", self.url()),
            ("RIG_POSTGRES_LMS_PASSWORD", self.password.clone()),
            ("RIG_POSTGRES_ARCHIVE", self.archive_dir().display().to_string()),
            ("RIG_POSTGRES_BIN", self.bin.display().to_string()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }
}

/// What `cargo rig with postgres` hands out.
struct WithBackup {
    server: Postgres,
    base: PathBuf,
}

impl Running for WithBackup {
    fn env(&self) -> Vec<(String, String)> {
        let mut env = self.server.env();
        env.push(("RIG_POSTGRES_BASE".to_string(), self.base.display().to_string()));
        env
    }
}

fn random_password() -> Result<String> {
    let mut bytes = [0_u8; 16];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
