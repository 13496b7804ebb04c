//! `ready`: whether runbooks would work tonight. For a timer: what is found is a table that is read in the morning, one line for a
//! badge, or JSON, and an exit code.
//!
//! It takes no lock and writes nothing, neither here nor elsewhere, and asks nobody.

mod look;
mod text;

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;

use super::args::Choices;
use super::context::Context;
use super::failure::ARGUMENT;
use super::looking::{self, print, print_json};
use super::{Failure, exit, run};
use crate::kind::stock::{Finding, Fitness, Shelf};
use crate::runbook::params::ParamFile;
use crate::runbook::{self, suggest};

#[derive(Debug, Args)]
pub struct ReadyArgs {
    #[command(flatten)]
    pub choices: Choices,
    /// More runbooks; of the parameters each takes those that it has
    #[arg(value_name = "FILE")]
    pub more: Vec<PathBuf>,
    /// One sentence, for a badge
    #[arg(long, conflicts_with = "json")]
    pub line: bool,
}

/// What is known of one runbook.
pub struct Readiness {
    pub file: PathBuf,
    /// Why it could not be checked.
    pub outcome: Result<Looked, Failure>,
}

#[derive(Default)]
pub struct Looked {
    pub runbook: String,
    pub stores: Vec<Store>,
    /// Of stores, steps and the runbook as a whole.
    pub findings: Vec<(Option<String>, Finding)>,
    /// Steps that could not be looked at, or not at all of what they work on, and why.
    pub unseen: Vec<(String, String)>,
    /// When a drill passed last.
    pub drilled: Option<Timestamp>,
    /// What that drill did not go near, since a copy took its place; one step a line.
    pub spared: Vec<String>,
    /// Parameters that nobody gave, and what was taken for them.
    pub moments: Vec<(String, Timestamp)>,
}

pub struct Store {
    pub name: String,
    pub shelf: Shelf,
    pub findings: Vec<Finding>,
}

impl Readiness {
    /// None: not checkable.
    pub fn fitness(&self) -> Option<Fitness> {
        let looked = self.outcome.as_ref().ok()?;
        Some(Fitness::of(looked.findings.iter().map(|(_, finding)| finding)))
    }
}

pub fn ready(context: &Context, args: &ReadyArgs) -> Result<u8, Failure> {
    let context = Context { interactive: false, ..context.clone() };
    let now = Timestamp::now();
    let each = choices(args)?;
    let one = |choices: Choices| Readiness { outcome: look::at(&context, &choices, now), file: choices.file };
    let all: Vec<Readiness> = each.into_iter().map(one).collect();
    if context.json {
        print_json(&text::json(&all, now))?;
    } else if args.line {
        print(text::line(&all))?;
    } else {
        print(text::page(&all, looking::paint(&context), now))?;
    }
    Ok(code(worst(&all)))
}

/// Of all together; none: one of them is not checkable, which is worse than unfit.
fn worst(all: &[Readiness]) -> Option<Fitness> {
    all.iter().map(Readiness::fitness).try_fold(Fitness::Fit, |worst, one| Some(worst.max(one?)))
}

fn code(fitness: Option<Fitness>) -> u8 {
    match fitness {
        None => exit::USAGE,
        Some(Fitness::Unfit) => exit::UNFIT,
        Some(Fitness::Warnings) => exit::WARNINGS,
        Some(Fitness::Fit) => exit::DONE,
    }
}

/// Of several runbooks each takes the parameters that it has; one that none has is a slip.
fn choices(args: &ReadyArgs) -> Result<Vec<Choices>, Failure> {
    let shared = !args.more.is_empty();
    let files = || std::iter::once(&args.choices.file).chain(&args.more);
    let one = |file: &PathBuf| Choices { file: file.clone(), shared, ..args.choices.clone() };
    if shared {
        refuse_slips(&args.choices, files())?;
    }
    Ok(files().map(one).collect())
}

fn refuse_slips<'a>(choices: &Choices, files: impl Iterator<Item = &'a PathBuf>) -> Result<(), Failure> {
    let known: Option<Vec<_>> = files.map(|file| Some(runbook::load(file).ok()?.runbook.params)).collect();
    // What cannot be read is told when it is looked at, and might have it.
    let Some(known) = known else { return Ok(()) };
    let is_slip = |name: &str| !known.iter().any(|params| params.contains_key(name));
    let given = run::given(choices)?;
    let file = choices.params_file.as_deref().and_then(|path| ParamFile::read(path).ok());
    let mut names = given.iter().map(|(name, _)| name.as_str()).chain(file.iter().flat_map(ParamFile::names));
    match names.find(|name| is_slip(name)) {
        None => Ok(()),
        Some(name) => {
            let known = known.iter().flat_map(|params| params.keys()).map(String::as_str);
            let failure = Failure::usage(ARGUMENT, format!("none of these runbooks has a parameter `{name}`"));
            Err(suggest::help(name, known).into_iter().fold(failure, Failure::hint))
        }
    }
}
