//! What may be typed.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::drill::DrillArgs;
use super::ready::ReadyArgs;
use super::values::{duration, one_line, said};
use crate::report::Format;

#[derive(Debug, Parser)]
#[command(name = "regrow", version, about = "Brings hosted services back after a disaster", max_term_width = 110)]
#[command(after_help = "Begin with `regrow check FILE`, then `regrow plan FILE`, then `regrow run FILE`.\n\
    After a crash or a stop: `regrow resume`. Where it stands: `regrow status`.")]
pub struct Cli {
    /// Folder for the state of runs [default: $XDG_STATE_HOME/regrow]
    #[arg(long, global = true, env = "REGROW_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Print JSON on stdout
    #[arg(long, global = true)]
    pub json: bool,
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto)]
    pub color: Color,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// Say only what matters
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say everything that is wrong with runbooks, without the outside world
    Check {
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show what a run would do; changes nothing
    Plan(PlanArgs),
    /// Whether runbooks would work tonight: newest backups against what was promised; changes nothing
    #[command(after_help = "Exit codes: 0 fit, 8 fit with warnings, 9 unfit, 2 not checkable.")]
    Ready(ReadyArgs),
    /// Start a run
    Run(RunArgs),
    /// Go through a runbook beside production; what it makes is taken away again
    Drill(DrillArgs),
    /// Go on with a run after a crash, a stop, a repaired failure or an answered question
    Resume(ResumeArgs),
    /// Where a run stands
    Status(StatusArgs),
    /// All runs, newest first
    List,
    /// The journal of a run
    Events {
        run: Option<String>,
        /// Go on as it is written
        #[arg(short, long)]
        follow: bool,
    },
    /// What happens in a run, live, from any terminal
    Watch { run: Option<String> },
    /// What a step's command printed
    Logs(LogsArgs),
    /// All about one step, with what is asked and its code
    Show {
        step: String,
        #[arg(long, value_name = "RUN")]
        run: Option<String>,
    },
    #[command(flatten)]
    Answer(AnswerCommand),
    /// What happened, as a report
    Report(ReportArgs),
    /// Check the hash chain of a run's journal and print its head
    VerifyLog { run: Option<String> },
    /// Draw the steps of a runbook and what each needs
    Graph {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(long, value_enum, default_value_t = Drawn::Text)]
        format: Drawn,
    },
    /// What a kind of step or a code means; without one, all there are
    Explain {
        #[arg(value_name = "KIND|CODE")]
        word: Option<String>,
    },
    /// The kinds of steps
    Kinds,
    /// The JSON schema of runbooks, for editors
    Schema {
        /// Of files that runbooks include
        #[arg(long)]
        include: bool,
    },
    /// What a shell needs to complete the command line
    Completions { shell: clap_complete::Shell },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawn {
    Text,
    Dot,
    Mermaid,
    Svg,
}

/// What is said to a run.
#[derive(Debug, Subcommand)]
pub enum AnswerCommand {
    /// Agree to what a step shows
    Approve {
        step: String,
        /// The code that `show` prints: it stands for what was shown
        #[arg(long)]
        code: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Refuse what a step shows; the step fails
    Reject {
        step: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Say that a step was done by hand
    Done(DoneArgs),
    /// Go on without a step
    Skip {
        step: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Try failed steps again, prove unproven ones again, or say that an unknown one did not happen
    Retry {
        step: Option<String>,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Do a step again that has ended
    Rerun {
        step: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Start a step before its time, which it waits for
    Start {
        step: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Give work that is late more time, counted from now
    Extend {
        step: String,
        /// How long: 30m, 1h30m
        #[arg(value_parser = duration)]
        duration: Duration,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Start nothing new until `resume`
    Pause {
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// End the run: nothing new starts, holds are given back or kept, the steps of `finally` run
    Abort {
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Give a hold back that was kept or could not be given back, also after the end
    Release {
        hold: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Take back a step and all that needed it, or the whole run
    Undo {
        step: Option<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        /// A secret output whose key is gone: its value is asked for, or read from stdin, one a line
        #[arg(long = "secret-output", value_name = "STEP.NAME")]
        secret_outputs: Vec<String>,
        #[command(flatten)]
        answer: AnswerArgs,
    },
    /// Take away what a run made for a while, also after its end
    Cleanup {
        #[command(flatten)]
        run: WhichRun,
        /// Who you are [default: $SUDO_USER, else the login]
        #[arg(long = "as", value_name = "NAME", value_parser = one_line)]
        name: Option<String>,
    },
    /// Write a sentence into the journal
    Note {
        #[arg(value_parser = said)]
        text: String,
        #[command(flatten)]
        answer: AnswerArgs,
    },
}

#[derive(Clone, Debug, Args)]
pub struct Choices {
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Value of a parameter; repeat it for a list
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub params: Vec<String>,
    /// Parameters from a YAML or JSON file
    #[arg(long = "params", value_name = "FILE")]
    pub params_file: Option<PathBuf>,
    /// Only this step and what it needs
    #[arg(long, value_name = "STEP")]
    pub only: Vec<String>,
    /// Begin at this step; what it needs counts as done
    #[arg(long, value_name = "STEP", requires = "because")]
    pub from: Option<String>,
    /// Leave a step out
    #[arg(long, value_name = "STEP", requires = "because")]
    pub skip: Vec<String>,
    /// Why, for --from and --skip
    #[arg(long, visible_alias = "reason", short_alias = 'm', value_name = "TEXT", value_parser = said)]
    pub because: Option<String>,
    /// How many steps at once
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: u16,
    /// The parameters are for several runbooks: each takes those that it has.
    #[arg(skip)]
    pub shared: bool,
}

#[derive(Debug, Args)]
pub struct PlanArgs {
    #[command(flatten)]
    pub choices: Choices,
    /// What `regrow drill` would do
    #[arg(long)]
    pub drill: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub choices: Choices,
    /// Id of the run; an existing one is resumed or followed
    #[arg(long, value_name = "ID")]
    pub run_id: Option<String>,
    #[command(flatten)]
    pub going: Going,
}

#[derive(Debug, Args)]
pub struct Going {
    /// Leave instead of waiting for a person
    #[arg(long)]
    pub no_wait: bool,
    /// What a failure does to the run [default: pause, or as the run was started]
    #[arg(long, value_enum)]
    pub on_failure: Option<OnFailureArg>,
    /// Who you are [default: $SUDO_USER, else the login]
    #[arg(long = "as", value_name = "NAME", value_parser = one_line)]
    pub name: Option<String>,
    /// Do not ask before the start; approvals are asked all the same
    #[arg(long)]
    pub yes: bool,
    /// When the outage began: the RTO clock starts there
    #[arg(long, value_name = "TIME")]
    pub outage_began: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnFailureArg {
    Pause,
    Abort,
}

/// Named as by commands that look, or as by those that answer.
#[derive(Debug, Args)]
pub struct WhichRun {
    /// Not needed if exactly one is unfinished
    #[arg(value_name = "RUN")]
    run: Option<String>,
    #[arg(long = "run", value_name = "RUN", conflicts_with = "run", hide = true)]
    named: Option<String>,
}

impl WhichRun {
    pub fn name(&self) -> Option<&str> {
        self.run.as_deref().or(self.named.as_deref())
    }
}

#[derive(Debug, Args)]
pub struct ResumeArgs {
    #[command(flatten)]
    pub run: WhichRun,
    /// How many steps at once [default: as the run was started]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub concurrency: Option<u16>,
    #[command(flatten)]
    pub going: Going,
    /// Go on with the runbook as the run has it, though the file has changed
    #[arg(long, conflicts_with = "accept")]
    pub as_started: bool,
    /// Take over the edited runbook that has this digest; steps that were started may not differ
    #[arg(long, value_name = "DIGEST")]
    pub accept: Option<String>,
    /// A secret output whose key is gone: its value is asked for, or read from stdin, one a line
    #[arg(long = "secret-output", value_name = "STEP.NAME")]
    pub secret_outputs: Vec<String>,
}

#[derive(Debug, Args)]
pub struct StatusArgs {
    pub run: Option<String>,
    /// One sentence to paste for customers
    #[arg(long)]
    pub line: bool,
}

#[derive(Debug, Args)]
pub struct LogsArgs {
    pub step: String,
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Go on as it is written
    #[arg(short, long)]
    pub follow: bool,
    /// Only the last lines
    #[arg(long, value_name = "N")]
    pub tail: Option<usize>,
}

#[derive(Debug, Args)]
pub struct DoneArgs {
    pub step: String,
    /// An output, JSON or text
    #[arg(long = "output", value_name = "NAME=VALUE")]
    pub outputs: Vec<String>,
    /// Outputs as a JSON object, `-` for stdin
    #[arg(long = "outputs", value_name = "FILE")]
    pub outputs_file: Option<PathBuf>,
    /// A secret output: its value is asked for, or read from stdin, one a line
    #[arg(long = "secret-output", value_name = "NAME")]
    pub secret_outputs: Vec<String>,
    /// Do not run the step's `verify`
    #[arg(long)]
    pub unverified: bool,
    #[command(flatten)]
    pub answer: AnswerArgs,
}

#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The run; not needed if exactly one is unfinished
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// The reason, kept in the journal
    #[arg(long, visible_alias = "reason", short = 'm', value_name = "TEXT", value_parser = said)]
    pub because: Option<String>,
    /// Who you are [default: $SUDO_USER, else the login]
    #[arg(long = "as", value_name = "NAME", value_parser = one_line)]
    pub name: Option<String>,
}

#[derive(Debug, Args)]
pub struct ReportArgs {
    pub run: Option<String>,
    #[arg(long, value_enum, default_value_t = ReportFormat::Markdown)]
    pub format: ReportFormat,
    /// A file instead of stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    Markdown,
    Html,
    Json,
}

impl From<ReportFormat> for Format {
    fn from(format: ReportFormat) -> Self {
        match format {
            ReportFormat::Markdown => Format::Markdown,
            ReportFormat::Html => Format::Html,
            ReportFormat::Json => Format::Json,
        }
    }
}
