//! Text to a typed runbook, and everything that can be known about it without the outside world.
//!
//! The way of a file: [`source`] reads it, [`yaml`] makes it a [`tree`] in which every key and value knows its place,
//! [`read`] makes that an [`ast::Runbook`] with its [`template`]s compiled, and [`check`] judges it against a
//! [`catalog`] of step kinds. Each stage collects its problems and goes on; only a file that is no YAML ends it.
//!
//! Pure but for reading the file: no clock, no environment, no network.

pub mod ast;
pub mod catalog;
pub mod check;
pub mod codes;
pub mod diagnostic;
pub mod difference;
pub mod duration;
pub mod expect;
pub mod keys;
pub mod params;
pub mod people;
mod read;
pub mod roles;
pub mod schema;
pub mod source;
pub mod suggest;
pub mod template;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod vars;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use ast::Runbook;
pub use diagnostic::{Problem, Severity};
pub use people::PeopleFile;
pub use source::Source;

use catalog::Catalog;
use diagnostic::Report;

/// A runbook that was read, sound or not: run it only if [`check`] finds no error.
#[derive(Debug)]
pub struct Loaded {
    pub runbook: Runbook,
    pub source: Arc<Source>,
    /// SHA-256 of the file's bytes, in hex; with a people file it stands for both.
    pub digest: String,
    /// The people file, if there is one.
    pub people: Option<PeopleFile>,
    /// What reading found; [`check`] includes it.
    problems: Vec<Problem>,
}

/// Reads a runbook. The error is what kept it from being read at all.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    load_with(path, None)
}

/// The same with the people file at another place than where the runbook says: a copy is kept with each run.
pub fn load_with(path: &Path, people: Option<&Path>) -> Result<Loaded, Vec<Problem>> {
    let (source, bytes) = Source::read(path).map_err(|problem| vec![*problem])?;
    let mut loaded = parse(source, &bytes)?;
    let Some(named) = loaded.runbook.people_file.clone() else { return Ok(loaded) };
    let beside = path.parent().unwrap_or(Path::new("")).join(&named.text);
    match people::load(people.unwrap_or(&beside), &mut loaded.problems) {
        Ok((file, people)) => {
            loaded.digest = people::digest_of_both(&bytes, Some(&file.bytes));
            loaded.runbook.people = people;
            loaded.people = Some(file);
        }
        // What has no place of its own is a problem of whoever names the file.
        Err(problem) if problem.source.is_none() => {
            let placed = Problem::at(&loaded.source, problem.code, named.span, problem.message);
            loaded.problems.push(placed.help("`people` names a file, from the runbook's own folder"));
        }
        Err(problem) => loaded.problems.push(*problem),
    }
    Ok(loaded)
}

/// Reads a runbook from text, under a name for messages. A people file is not looked for.
pub fn parse_text(name: &str, text: &str) -> Result<Loaded, Vec<Problem>> {
    parse(Source::new(name, text), text.as_bytes())
}

fn parse(source: Arc<Source>, bytes: &[u8]) -> Result<Loaded, Vec<Problem>> {
    let mut report = Report::new(&source);
    let tree = yaml::parse(&mut report).map_err(|problem| vec![*problem])?;
    check::urls(&tree, &mut report);
    let Some(runbook) = read::runbook(tree, &mut report) else { return Err(report.problems) };
    let digest = digest(bytes);
    Ok(Loaded { runbook, source, digest, people: None, problems: report.problems })
}

/// What stands for the text of a file: SHA-256, in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is wrong, in the order of the file.
pub fn check(loaded: &Loaded, catalog: &dyn Catalog) -> Vec<Problem> {
    let mut problems = loaded.problems.clone();
    problems.extend(check::check(&loaded.runbook, &loaded.source, catalog));
    diagnostic::tidy(&mut problems);
    problems
}
