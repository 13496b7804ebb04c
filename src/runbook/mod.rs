//! Text to a typed runbook, and everything that can be known about it without the outside world.
//!
//! The way of a file: [`source`] reads it, [`yaml`] makes it a [`tree`] in which every key and value knows its place,
//! [`read`] makes that an [`ast::Runbook`] with its [`template`]s compiled, [`include`] adds the files that it names, and
//! [`check`] judges all of it against a [`catalog`] of step kinds. Each stage collects its problems and goes on; only a file that is no YAML ends it.
//!
//! Pure but for reading the file: no clock, no environment, no network.

pub mod ast;
pub mod catalog;
pub mod check;
pub mod codes;
pub mod diagnostic;
pub mod difference;
pub mod drill;
pub mod duration;
pub mod expect;
mod foreach;
pub mod holds;
pub mod include;
pub mod keys;
pub mod moment;
mod objectives;
pub mod params;
pub mod people;
mod read;
pub mod repair;
pub mod roles;
pub mod schema;
pub mod source;
pub mod suggest;
pub mod tell;
pub mod template;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
pub mod tree;
pub mod vars;
pub mod window;
mod yaml;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use ast::Runbook;
pub use diagnostic::{Problem, Severity};
pub use source::Source;

use catalog::Catalog;
use diagnostic::Report;

/// A runbook that was read, sound or not: run it only if [`check`] finds no error.
#[derive(Debug)]
pub struct Loaded {
    pub runbook: Runbook,
    pub source: Arc<Source>,
    /// The sources of what it includes, by key, see [`include`].
    pub files: BTreeMap<String, Arc<Source>>,
    /// What all of it was read from.
    pub texts: Texts,
    /// The people file, if there is one.
    pub people: Option<Arc<Source>>,
    /// What reading found; [`check`] includes it.
    problems: Vec<Problem>,
}

/// The bytes of a runbook and of the files that it names, directly or not, by key.
#[derive(Clone, Debug, Default)]
pub struct Texts {
    pub main: Vec<u8>,
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Texts {
    /// What stands for all of it; where nothing is included, for the text of the one file.
    pub fn digest(&self) -> String {
        if self.files.is_empty() {
            return digest(&self.main);
        }
        let mut all = digest(&self.main);
        self.files.iter().for_each(|(key, bytes)| all.push_str(&format!("\n{} {key}", digest(bytes))));
        digest(all.as_bytes())
    }

    /// The name of the copy that a run keeps of a file.
    pub fn copy_of(&self, key: &str) -> String {
        let bytes = self.files.get(key).map(Vec::as_slice).unwrap_or_default();
        format!("{}.yaml", &digest(bytes)[..16])
    }
}

/// Reads a runbook. The error is what kept it from being read at all.
pub fn load(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let (source, bytes) = Source::read(path).map_err(|problem| vec![*problem])?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    parse(source, bytes, &name, &|key| Source::read(&folder.join(key)))
}

/// Reads a runbook as a run keeps it: `copies` names the copy of each file that it names, in the same folder.
pub fn load_copy(path: &Path, copies: &BTreeMap<String, String>) -> Result<Loaded, Vec<Problem>> {
    let (source, bytes) = Source::read(path).map_err(|problem| vec![*problem])?;
    // The copy has another name, which no file that is included may be taken for.
    parse(source, bytes, "", &|key| match copies.get(key) {
        Some(copy) => Source::read(&path.with_file_name(copy)),
        None => Err(Box::new(Problem::bare(codes::MISSING_FILE, format!("the run has no copy of `{key}`")))),
    })
}

/// Reads a runbook from text, under a name for messages and for where the files lie that it names.
pub fn parse_text(name: &str, text: &str) -> Result<Loaded, Vec<Problem>> {
    let (path, text_of) = (Path::new(name), text.as_bytes().to_vec());
    let folder = path.parent().unwrap_or(Path::new(""));
    let main = path.file_name().unwrap_or_default().to_string_lossy();
    parse(Source::new(name, text), text_of, &main, &|key| Source::read(&folder.join(key)))
}

/// `main` is the file's name in its folder.
fn parse(source: Arc<Source>, bytes: Vec<u8>, main: &str, fetch: include::Fetch<'_>) -> Result<Loaded, Vec<Problem>> {
    let mut report = Report::new(&source);
    let tree = yaml::parse(&mut report).map_err(|problem| vec![*problem])?;
    check::urls(&tree, &mut report);
    let Some(mut runbook) = read::runbook(tree, &mut report) else { return Err(report.problems) };
    let mut reader = include::Reader::new(main, fetch);
    reader.resolve(&mut runbook, main, &source);
    let include::Reader { sources, texts: mut files, problems: found, .. } = reader;
    let mut problems = report.problems;
    problems.extend(found);
    let people = runbook.people_file.clone().and_then(|named| {
        let key = include::key(main, &named.text);
        let read = fetch(&key).and_then(|(source, bytes)| Ok((people::read(&source, &mut problems)?, source, bytes)));
        match read {
            Ok((people, source, bytes)) => {
                runbook.people = people;
                files.insert(key, bytes);
                Some(source)
            }
            Err(problem) => {
                let help = "`people` names a file, from the runbook's own folder".to_string();
                problems.push(include::placed(*problem, &source, named.span, Some(help)));
                None
            }
        }
    });
    Ok(Loaded { runbook, source, files: sources, people, texts: Texts { main: bytes, files }, problems })
}

/// What stands for the text of a file: SHA-256, in hex.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Everything that is wrong, in the order of the file.
pub fn check(loaded: &Loaded, catalog: &dyn Catalog) -> Vec<Problem> {
    let mut problems = loaded.problems.clone();
    problems.extend(check::check(loaded, catalog));
    diagnostic::tidy(&mut problems);
    problems
}
