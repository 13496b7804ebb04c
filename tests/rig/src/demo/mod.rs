//! A small hosting platform loses a table and gets it back, with the real program on real servers.
//!
//! 1. A live PostgreSQL with WAL archive and base backup; users go on writing all the time ([`writer`]).
//! 2. Someone deletes most of the enrolments; writes follow, some to that very table ([`damage`]).
//! 3. The restore-only runbook runs. Its executor is killed while the table loads and resumed; the approval comes from
//!    another process that has seen the three counts ([`rescue`], [`kill`], [`approve`]).
//! 4. Every row is compared with the truth from the moment before, and every later write must still be there ([`truth`]).
//!
//! It exits with 0 only if everything is as it must be.

pub mod approve;
pub mod damage;
pub mod kill;
pub mod platform;
pub mod program;
pub mod rescue;
pub mod tell;
pub mod truth;
pub mod writer;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::ValueEnum;

use platform::{Platform, Table};
use program::Program;
use tell::{number, step};
use writer::Writer;

use crate::reaper::Watched;
use crate::workspace;

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

/// How much is lost. More come with the kinds they need.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Disaster {
    /// One table; the platform goes on
    RestoreOnly,
}

pub async fn run(args: Args) -> Result<u8> {
    match args.disaster {
        Disaster::RestoreOnly => restore_only(args).await,
    }
}

async fn restore_only(args: Args) -> Result<u8> {
    let path = match args.regrow {
        Some(path) => path,
        None => {
            step("Building regrow");
            program::build().await?
        }
    };
    let scratch = Watched::new()?;
    step("A platform: live PostgreSQL, WAL archive, base backup, users at work");
    let platform = Platform::open(&scratch, args.rows).await?;
    let writer = Writer::start(&platform).await?;
    writer.wait_for(100).await?;

    step("Someone deletes most of the enrolments; the users go on");
    let loss = damage::strike(&platform, &writer).await?;
    let before = loss.truth.count(Table::Enrolments);
    println!(
        "{} of {} enrolments are gone. The moment before: {}",
        number(loss.deleted),
        number(before),
        loss.truth.as_of
    );

    step("The recovery, as a person sees it");
    let state = kept_folder(&scratch)?.join("state");
    let program = Program { path, state, password: platform.live.lms_password().to_string() };
    let rescue = rescue::perform(&program, &platform, &loss, &scratch).await?;

    step("What came of it");
    // The table must be good for writing, too, not only for reading.
    writer.wait_for(50).await?;
    let memory = writer.stop().await?;
    let client = platform.as_owner().await?;
    let verdict = loss.truth.verify(&client, &memory).await?;
    let problems = tell::all(&loss, &rescue, &memory, &verdict);
    Ok(u8::from(!problems.is_empty()))
}

/// State and report stay for a look when the servers are gone; named like the scratch, so two demos do not meet.
fn kept_folder(scratch: &Watched) -> Result<PathBuf> {
    let name = scratch.path().file_name().context("a scratch has a name")?;
    let folder = workspace::target().join("rig-demo").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
    Ok(folder)
}
