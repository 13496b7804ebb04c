//! Words to and from a person; exit codes.
//!
//! One file a command. What a person types is in [`args`]; errors leave by [`failure`] alone.

mod answer;
mod args;
mod check;
mod context;
pub mod events;
pub mod exit;
pub mod failure;
mod follow;
pub mod list;
pub mod logs;
pub mod looking;
mod plan;
pub mod problems;
pub mod report;
mod resume;
mod run;
pub mod show;
mod start_question;
pub mod status;
pub mod verify_log;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
use failure::Failure;

/// Does what the command line says and returns the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { exit::NOT_STARTED } else { exit::DONE };
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
    let looked = |result: Result<(), Failure>| result.map(|()| exit::DONE);
    match command {
        Command::Check { files } => check::check(context, &files),
        Command::Plan(args) => plan::plan(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Resume(args) => resume::resume(context, args),
        Command::Status(args) => looked(status::status(&context.looking(), args.run.as_deref(), args.line)),
        Command::List => looked(list::list(&context.looking())),
        Command::Events { run, follow } => looked(events::events(&context.looking(), run.as_deref(), follow)),
        Command::Logs(args) => {
            let wish = logs::Wish { follow: args.follow, tail: args.tail };
            looked(logs::logs(&context.looking(), args.run.as_deref(), &args.step, wish))
        }
        Command::Show { step, run } => looked(show::show(&context.looking(), run.as_deref(), &step)),
        Command::Report(args) => {
            let (format, output) = (args.format.into(), args.output.as_deref());
            looked(report::report(&context.looking(), args.run.as_deref(), format, output))
        }
        Command::VerifyLog { run } => looked(verify_log::verify_log(&context.looking(), run.as_deref())),
        Command::Answer(answer) => answer::answer(context, answer),
    }
}
