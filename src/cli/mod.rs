//! Words to and from a person; exit codes.
//!
//! One file a command. What a person types is in [`args`]; errors leave by [`failure`] alone.

mod amend;
mod answer;
mod args;
mod check;
mod cleanup;
mod completions;
mod context;
mod drill;
mod elsewhere;
mod events;
mod excerpt;
pub mod exit;
mod explain;
mod failure;
mod follow;
mod graph;
mod holds;
mod keyboard;
mod kinds;
mod list;
mod logs;
mod looker;
mod looking;
mod offer;
mod plan;
pub mod problems;
mod ready;
mod report;
mod resume;
mod run;
mod schema;
mod sealed;
mod show;
mod start_question;
mod status;
mod values;
mod verify_log;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
pub use failure::Failure;

/// Does what the command line says and returns the exit code.
pub fn main() -> u8 {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(mut error) => {
            elsewhere::suggest(&mut error);
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
        Command::Ready(args) => ready::ready(context, &args),
        Command::Run(args) => run::run(context, args),
        Command::Drill(args) => drill::drill(context, args),
        Command::Resume(args) => resume::resume(context, args),
        Command::Status(args) => status::status(context, args.run.as_deref(), args.line).map(done),
        Command::List => list::list(context).map(done),
        Command::Events { run, follow } => events::events(context, run.as_deref(), follow).map(done),
        Command::Watch { run } => follow::watch(context, run.as_deref()).map(done),
        Command::Logs(args) => logs::logs(context, &args).map(done),
        Command::Show { step, run } => show::show(context, run.as_deref(), &step).map(done),
        Command::Report(args) => report::report(context, &args).map(done),
        Command::VerifyLog { run } => verify_log::verify_log(context, run.as_deref()).map(done),
        Command::Graph { file, format } => graph::graph(context, &file, format),
        Command::Explain { word } => explain::explain(context, word.as_deref()).map(done),
        Command::Kinds => kinds::kinds(context).map(done),
        Command::Schema { include } => schema::schema(include).map(done),
        Command::Completions { shell } => completions::completions(shell).map(done),
        Command::Answer(answer) => answer::answer(context, answer),
    }
}

/// Looking ends with 0 when something could be shown.
fn done(_: ()) -> u8 {
    exit::DONE
}
