//! The command line: `with`, `test`, `install`, `demo`, and the hidden word of the reaper.
//!
//! Talk goes to stderr. Exit codes: 2 when nothing was started, 1 when something went wrong, else those of the command.

mod exit;
mod signals;
mod suite;
mod with;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};

use crate::demo;
use crate::reaper;
use crate::servers::OFFERS;
use crate::tools::{self, Installed, Tool};

pub use suite::Part;

#[derive(Parser)]
#[command(
    name = "cargo rig",
    bin_name = "cargo rig",
    about = "Real servers on loopback for regrow's demo, tests and benchmarks"
)]
struct Args {
    #[command(subcommand)]
    word: Word,
}

#[derive(Subcommand)]
enum Word {
    /// Start servers, run a command that reaches them through its environment, end them, exit as it did
    With {
        #[arg(required = true, value_name = "NAME", value_delimiter = ',', num_args = 1, value_parser = PossibleValuesParser::new(OFFERS.iter().map(|offer| offer.name)))]
        names: Vec<String>,
        #[arg(required = true, last = true, value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// The whole suite as CI runs it: format, lints, tests on real servers
    Test {
        /// Only these parts, separated by commas
        #[arg(long, value_enum, value_delimiter = ',')]
        only: Vec<Part>,
        /// Arguments for `cargo test`
        #[arg(last = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
    /// Install the programs that the suite needs
    Install,
    /// A small hosting platform loses something and gets it back
    Demo(demo::Args),
    #[command(name = reaper::WORD, hide = true)]
    Reap { file: PathBuf },
}

/// The whole program.
pub fn main() -> ExitCode {
    let args = Args::parse();
    match perform(args.word) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("rig: {error:#}");
            ExitCode::from(exit::FAILED)
        }
    }
}

fn perform(word: Word) -> Result<u8> {
    // Before the runtime: the reaper needs nothing but a pipe.
    if let Word::Reap { file } = word {
        return reaper::reap(&file).map(|()| exit::DONE);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(async {
        match word {
            Word::With { names, command } => with::run(&names, &command).await,
            Word::Test { only, args } => signals::unless_stopped(suite::run(&only, &args)).await,
            Word::Install => ready(tools::ALL),
            Word::Demo(args) => match ready(tools::ALL)? {
                exit::DONE => signals::unless_stopped(demo::run(args)).await,
                code => Ok(code),
            },
            Word::Reap { .. } => Ok(exit::DONE),
        }
    })
}

/// Installs what is missing, or says which command a person has to run.
fn ready(tools: &[Tool]) -> Result<u8> {
    match tools::install(tools)? {
        Installed::Nothing => {}
        Installed::These(names) => eprintln!("rig: installed {}", names.join(", ")),
        Installed::ByHand(command) => {
            eprintln!("rig: programs are missing, and only root can install them; please run\n\n    {command}\n");
            return Ok(exit::NOT_STARTED);
        }
    }
    Ok(exit::DONE)
}
