//! `ready`: whether runbooks would work tonight. For a timer: what is found is a table that is read in the morning, one line for a
//! badge, or JSON, and an exit code.
//!
//! It takes no lock and writes nothing, neither here nor elsewhere, and asks nobody.

mod look;
mod text;

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::args::{Choices, ReadyArgs};
use super::context::Context;
use super::failure::ARGUMENT;
use super::looking::{self, print, print_json};
use super::{Failure, exit, run};
use crate::kind::stock::{Finding, Fitness, Shelf};
use crate::runbook;

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
    /// Steps with backups that could not be looked at, and why.
    pub unseen: Vec<(String, String)>,
    /// When a drill passed last.
    pub drilled: Option<Timestamp>,
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
    Ok(code(&all))
}

/// The first that holds: not checkable, unfit, warnings, fit.
fn code(all: &[Readiness]) -> u8 {
    if all.iter().any(|it| it.outcome.is_err()) {
        return exit::USAGE;
    }
    match all.iter().filter_map(Readiness::fitness).max() {
        Some(Fitness::Unfit) => exit::UNFIT,
        Some(Fitness::Warnings) => exit::WARNINGS,
        Some(Fitness::Fit) | None => exit::DONE,
    }
}

/// Of several runbooks each takes the parameters that it has; one that none has is a slip.
fn choices(args: &ReadyArgs) -> Result<Vec<Choices>, Failure> {
    if args.more.is_empty() {
        return Ok(vec![args.choices.clone()]);
    }
    let given = run::given(&args.choices)?;
    let files = || std::iter::once(&args.choices.file).chain(&args.more);
    // What cannot be read is told when it is looked at.
    let known: Vec<Option<Vec<String>>> = files().map(|file| params(file)).collect();
    let has = |known: &Option<Vec<String>>, name: &String| known.as_ref().is_none_or(|known| known.contains(name));
    if let Some((name, _)) = given.iter().find(|(name, _)| !known.iter().any(|known| has(known, name))) {
        return Err(Failure::usage(ARGUMENT, format!("none of these runbooks has a parameter `{name}`"))
            .hint("`regrow plan FILE` names those of a runbook"));
    }
    Ok(files()
        .zip(&known)
        .map(|(file, known)| {
            let own = args.choices.params.iter().zip(&given).filter(|(_, (name, _))| has(known, name));
            let params = own.map(|(param, _)| param.clone()).collect();
            Choices { file: file.clone(), params, ..args.choices.clone() }
        })
        .collect())
}

fn params(file: &Path) -> Option<Vec<String>> {
    runbook::load(file).ok().map(|loaded| loaded.runbook.params.keys().cloned().collect())
}
