//! `check`: everything that can be known without the outside world.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::context::Context;
use super::{Failure, exit, problems};
use crate::kinds::Kinds;
use crate::runbook::{self, Loaded, Problem};

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
        let _ = writeln!(std::io::stdout().lock(), "{}", problems::to_json(&all));
    } else {
        show(context, &all);
        if !bad {
            let names: Vec<String> = files.iter().map(|file| format!("`{}`", file.display())).collect();
            let _ = writeln!(std::io::stdout().lock(), "{} can be run", names.join(", "));
        }
    }
    Ok(if bad { exit::USAGE } else { exit::DONE })
}

/// A runbook without errors; everything wrong with it is printed.
pub fn load(context: &Context, file: &Path) -> Result<Loaded, Failure> {
    load_with(context, file, None)
}

/// The same with the people file at a place of its own.
pub fn load_with(context: &Context, file: &Path, people: Option<&Path>) -> Result<Loaded, Failure> {
    let loaded = runbook::load_with(file, people).map_err(|problems| refused(context, file, &problems))?;
    let problems = runbook::check(&loaded, &Kinds);
    if problems.iter().any(Problem::is_error) {
        return Err(refused(context, file, &problems));
    }
    if !context.quiet {
        show(context, &problems);
    }
    Ok(loaded)
}

pub fn refused(context: &Context, file: &Path, problems: &[Problem]) -> Failure {
    show(context, problems);
    Failure::usage(format!("`{}` cannot be run; nothing was started", file.display()))
}

pub fn show(context: &Context, problems: &[Problem]) {
    let width = console::Term::stderr().size_checked().map_or(110, |(_, columns)| usize::from(columns));
    let _ = write!(std::io::stderr().lock(), "{}", problems::text(problems, context.color, width.min(140)));
}
