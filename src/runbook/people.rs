//! The people file beside a runbook: who has which role, and how they are reached.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use indexmap::IndexMap;

use super::ast::Somebody;
use super::diagnostic::{Problem, Report};
use super::source::Source;
use super::{digest, read, yaml};

/// The file as it was read; it is kept with a run like the runbook.
#[derive(Clone, Debug)]
pub struct PeopleFile {
    pub path: PathBuf,
    pub source: Arc<Source>,
    pub bytes: Vec<u8>,
}

/// Reads the file. The error is what kept it from being read at all.
pub fn load(
    path: &Path,
    problems: &mut Vec<Problem>,
) -> Result<(PeopleFile, IndexMap<String, Somebody>), Box<Problem>> {
    let (source, bytes) = Source::read(path)?;
    let mut report = Report::new(&source);
    let tree = yaml::parse(&mut report)?;
    let people = read::people(tree, &mut report);
    problems.extend(report.problems);
    Ok((PeopleFile { path: path.to_path_buf(), source, bytes }, people))
}

/// What stands for a runbook and the people file it names: the text of both.
pub fn digest_of_both(runbook: &[u8], people: Option<&[u8]>) -> String {
    match people {
        None => digest(runbook),
        Some(people) => digest(format!("{}\n{}", digest(runbook), digest(people)).as_bytes()),
    }
}
