//! `check`: everything that can be known without the outside world.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::failure::{NOTHING_STARTED, UNFIT};
use super::looking::{print, print_json_line};
use super::{Failure, exit, problems};
use crate::journal::store::RunDir;
use crate::kinds::Kinds;
use crate::model::record::Mode;
use crate::plan::saved::SavedPlan;
use crate::runbook::{self, Loaded, Problem};
use crate::view::clean;

pub fn check(context: &Context, files: &[PathBuf]) -> Result<u8, Failure> {
    let mut all = Vec::new();
    for file in files {
        match runbook::load(file) {
            Ok(loaded) => all.extend(runbook::check(&loaded, &Kinds)),
            Err(problems) => all.extend(problems),
        }
    }
    let bad = all.iter().any(Problem::is_error);
    if context.json {
        print_json_line(&problems::to_json(&all))?;
    } else {
        show(context, &all);
        if !bad {
            let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
            print(format_args!("{} can be run\n", clean::word(&names.join(", "))))?;
        }
    }
    Ok(if bad { exit::USAGE } else { exit::DONE })
}

/// A runbook without errors; everything wrong with it is printed.
pub fn load(context: &Context, file: &Path) -> Result<Loaded, Failure> {
    let loaded = runbook::load(file).map_err(|problems| refused(context, file, &problems))?;
    let problems = runbook::check(&loaded, &Kinds);
    if problems.iter().any(Problem::is_error) {
        return Err(refused(context, file, &problems));
    }
    if !context.quiet {
        show(context, &problems);
    }
    Ok(loaded)
}

/// The same, with the values of a drill where it is to be one.
pub fn load_for(context: &Context, file: &Path, mode: Mode) -> Result<Loaded, Failure> {
    let mut loaded = load(context, file)?;
    if mode == Mode::Drill {
        loaded.runbook.take_drill_values();
    }
    Ok(loaded)
}

/// The text as a run has it.
pub fn load_copy(context: &Context, dir: &RunDir, saved: &SavedPlan) -> Result<Loaded, Failure> {
    saved.load(dir).map_err(|problems| refused(context, &saved.runbook_copy(dir), &problems))
}

pub fn refused(context: &Context, file: &Path, problems: &[Problem]) -> Failure {
    show(context, problems);
    Failure::usage(UNFIT, format!("`{}` cannot be run{NOTHING_STARTED}", file.display()))
}

pub fn show(context: &Context, problems: &[Problem]) {
    let width = console::Term::stderr().size_checked().map_or(110, |(_, columns)| usize::from(columns));
    problems::print(&problems::text(problems, context.color, width.min(140)));
}
