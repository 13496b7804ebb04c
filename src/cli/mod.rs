//! Words to and from a person; exit codes.

mod answer;
mod args;
mod check;
mod context;
pub mod exit;
mod failure;
mod follow;
mod plan;
pub mod problems;
mod resume;
mod run;
mod start_question;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
pub use failure::Failure;

/// Does what the command line says and returns the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE } else { exit::DONE };
        }
    };
    let context = Context::of(&cli);
    match dispatch(&context, cli.command) {
        Ok(code) => code,
        Err(failure) => {
            failure.print(context.json);
            failure.exit
        }
    }
}

fn dispatch(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check { files } => check::check(context, &files),
        Command::Plan(args) => plan::plan(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Resume(args) => resume::resume(context, args),
        other => answer::answer(context, other),
    }
}
