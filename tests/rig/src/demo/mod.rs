//! A small hosting platform loses something and gets it back, with the real program on real servers.
//!
//! Its pieces: a live PostgreSQL with WAL archive and base backup ([`platform`]) on which users go on writing all the time
//! ([`writer`]), a Terraform module ([`estate`]), workloads in a Kubernetes cluster with Velero ([`apps`]), buckets ([`assets`],
//! [`media`]), a zone on a pair of name servers ([`names`]), a web server that says whether all is well ([`health`]).
//!
//! 1. A disaster: one table and everything goes on ([`restore_only`]), half of everything ([`partial`]), all of it ([`complete`]).
//! 2. The runbook of that severity runs. Its executor is killed while a table loads and resumed; the approvals come from
//!    another process that has seen what is asked ([`rescue`], [`kill`], [`approve`]).
//! 3. What is there is compared with the truth from the moment before, and what was not lost must have been left alone
//!    ([`truth`]).
//!
//! A calm day is played by the tests alone: a drill of everything ([`rehearsal`]).
//!
//! It exits with 0 only if everything is as it must be.

pub mod approve;
mod apps;
mod assets;
pub mod complete;
pub mod damage;
pub mod estate;
pub mod health;
pub mod kill;
mod media;
pub mod names;
pub mod partial;
pub mod platform;
pub mod program;
pub mod rehearsal;
pub mod rescue;
pub mod restore_only;
pub mod tell;
pub mod truth;
pub mod writer;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::ValueEnum;

use platform::{connect, superuser};
use program::Program;
use rescue::Middle;
use tell::step;

use crate::reaper::Watched;
use crate::scratch::Scratch;
use crate::servers::Postgres;
use crate::{go, tools, workspace};

#[derive(clap::Args)]
pub struct Args {
    #[arg(value_enum, default_value = "restore-only")]
    disaster: Disaster,
    /// Enrolments at the start
    #[arg(long, default_value_t = 600_000, value_parser = clap::value_parser!(u32).range(1000..))]
    rows: u32,
    /// Use this program instead of building regrow
    #[arg(long, value_name = "PROGRAM")]
    regrow: Option<PathBuf>,
}

/// How much is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Disaster {
    /// One table; the platform goes on
    RestoreOnly,
    /// Half of the machines, a table, objects, a namespace and the names; the rest of the platform goes on
    Partial,
    /// The whole place: machines, databases, the cluster, the bucket, and where the names point to
    Complete,
}

/// Where it is played, by which program, and how large it is.
pub struct Stage<'a> {
    pub scratch: &'a Scratch,
    /// The program under test.
    pub regrow: PathBuf,
    /// State and report stay there for a look when the servers are gone.
    pub kept: PathBuf,
    /// Enrolments at the start.
    pub rows: u32,
    /// Whether the executor is killed on the way. A table that loads at a glance leaves no time for it.
    pub kills: bool,
}

impl Stage<'_> {
    pub fn program(&self, secrets: Vec<(&'static str, String)>) -> Program {
        Program { path: self.regrow.clone(), state: self.kept.join("state"), secrets }
    }

    /// A data folder that regrow can make for a server: its parent is there, and open to the user it will run as.
    pub fn room_for_a_copy(&self, server: &Postgres) -> Result<PathBuf> {
        let room = self.scratch.folder("restored")?;
        server.account().own(&room)?;
        Ok(room.join("data"))
    }

    /// Where the executor is killed: while so many rows are loaded into `server`.
    async fn middle(&self, server: &Postgres, rows: usize) -> Result<Option<Middle>> {
        if !self.kills {
            return Ok(None);
        }
        Ok(Some(Middle { watcher: connect(superuser(server)?).await?, rows }))
    }

    /// Plays one disaster to its end and returns what is not as it must be.
    pub async fn play(&self, disaster: Disaster) -> Result<Vec<String>> {
        match disaster {
            Disaster::RestoreOnly => restore_only::play(self).await,
            Disaster::Partial => partial::play(self).await,
            Disaster::Complete => complete::play(self).await,
        }
    }
}

pub async fn run(args: Args) -> Result<u8> {
    if args.disaster != Disaster::RestoreOnly {
        // Before anything is built or started.
        tools::terraform()?;
        tools::go()?;
        // Meanwhile regrow is built.
        go::begin();
    }
    let regrow = match args.regrow {
        Some(path) => path,
        None => {
            step("Building regrow");
            program::build().await?
        }
    };
    let scratch = Watched::new()?;
    let kept = kept_folder(&scratch)?;
    let stage = Stage { scratch: &scratch, regrow, kept, rows: args.rows, kills: true };
    let problems = stage.play(args.disaster).await?;
    Ok(u8::from(!problems.is_empty()))
}

/// Named like the scratch, so that two demos do not meet.
fn kept_folder(scratch: &Scratch) -> Result<PathBuf> {
    let name = scratch.path().file_name().context("a scratch has a name")?;
    let folder = workspace::target().join("rig-demo").join(Path::new(name));
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}
