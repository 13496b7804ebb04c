//! The files that a runbook includes: read once each, wherever they are named, and kept with their text.
//!
//! A file is known by its key, its path as seen from the folder of the runbook: `lib/mysql.yaml`. Paths in a file are
//! relative to that file, so the same key always means the same file. A run keeps copies of all of them
//! ([`super::load_copy`]) and never looks at the originals again.

use std::collections::{BTreeMap, HashMap};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::ast::{Include, Part, Runbook};
use super::diagnostic::{Problem, Report};
use super::source::{Source, Span};
use super::{check, codes, read, yaml};

/// Deep enough for any library; a ring that only links on the disk make ends here.
const MOST_DEEP: usize = 32;

/// Where the text of a file is had from.
pub type Fetch<'a> = &'a dyn Fn(&str) -> Result<(Arc<Source>, Vec<u8>), Box<Problem>>;

pub struct Reader<'a> {
    fetch: Fetch<'a>,
    /// By key.
    pub sources: BTreeMap<String, Arc<Source>>,
    pub texts: BTreeMap<String, Vec<u8>>,
    pub problems: Vec<Problem>,
    /// Parts that were read, or that cannot be.
    known: HashMap<String, Option<Arc<Part>>>,
    /// Keys of the files that are being read, from the runbook on.
    open: Vec<String>,
}

impl<'a> Reader<'a> {
    /// `main` is the file name of the runbook.
    pub fn new(main: &str, fetch: Fetch<'a>) -> Self {
        let (sources, texts) = Default::default();
        Self { fetch, sources, texts, problems: Vec::new(), known: HashMap::new(), open: vec![main.to_string()] }
    }

    /// Reads what the steps of `book` include. `key` is its own, `source` its text.
    pub fn resolve(&mut self, book: &mut Runbook, key: &str, source: &Arc<Source>) {
        for step in book.steps.iter_mut().chain(&mut book.finally) {
            if let Some(include) = step.include.as_deref_mut() {
                include.part = self.part(include, key, source);
            }
            if let Some(block) = step.block.as_deref_mut() {
                self.resolve(block, key, source);
            }
        }
    }

    fn part(&mut self, include: &Include, within: &str, source: &Arc<Source>) -> Option<Arc<Part>> {
        let key = key(within, &include.path.text);
        let mut refuse = |code, message: String, help: &str| {
            self.problems.push(Problem::at(source, code, include.path.span, message).help(help));
        };
        if let Some(at) = self.open.iter().position(|open| *open == key) {
            let ring: Vec<&str> = self.open[at..].iter().chain([&key]).map(String::as_str).collect();
            let message = format!("files include one another in a ring: {}", ring.join(" → "));
            refuse(codes::INCLUDE_RING, message, "take one of these includes away");
            return None;
        }
        if self.open.len() > MOST_DEEP {
            let message = format!("files include one another more than {MOST_DEEP} deep");
            refuse(codes::TOO_DEEP, message, "include the innermost from the runbook itself");
            return None;
        }
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let part = self.read(&key, include.path.span, source).map(Arc::new);
        self.known.insert(key, part.clone());
        part
    }

    fn read(&mut self, key: &str, span: Span, within: &Arc<Source>) -> Option<Part> {
        let (source, bytes) = match (self.fetch)(key) {
            Ok(read) => read,
            Err(problem) => {
                let help = help(&problem);
                self.problems.push(placed(*problem, within, span, help));
                return None;
            }
        };
        self.sources.insert(key.into(), source.clone());
        self.texts.insert(key.into(), bytes);
        let mut report = Report::new(&source);
        let book = match yaml::parse(&mut report) {
            Ok(tree) => {
                check::urls(&tree, &mut report);
                read::part(tree, &mut report)
            }
            Err(problem) => {
                report.problems.push(*problem);
                None
            }
        };
        self.problems.append(&mut report.problems);
        let mut book = book?;
        self.open.push(key.into());
        self.resolve(&mut book, key, &source);
        self.open.pop();
        Some(Part { key: key.into(), book })
    }
}

/// What keeps a file from being read has no line of its own: it is said where the file is named.
pub(super) fn placed(problem: Problem, within: &Arc<Source>, span: Span, help: Option<String>) -> Problem {
    if problem.source.is_some() {
        return problem;
    }
    Problem { help, ..Problem::at(within, problem.code, span, problem.message) }
}

fn help(problem: &Problem) -> Option<String> {
    match problem.code {
        codes::MISSING_FILE => Some("the path is taken from the folder of the file that names it".to_string()),
        codes::DIRECTORY => Some("name a file in it".to_string()),
        _ => problem.help.clone(),
    }
}

/// The key of a file that `within` names by `path`.
pub fn key(within: &str, path: &str) -> String {
    let joined = Path::new(within).parent().unwrap_or(Path::new("")).join(path);
    let mut parts: Vec<Component<'_>> = Vec::new();
    for part in joined.components() {
        match (part, parts.last()) {
            (Component::CurDir, _) => {}
            (Component::ParentDir, Some(Component::Normal(_))) => drop(parts.pop()),
            _ => parts.push(part),
        }
    }
    parts.iter().collect::<PathBuf>().to_string_lossy().into_owned()
}

/// How many steps there are once every include is written out; no more than `most` are counted.
pub fn written_out(book: &Runbook, most: usize) -> usize {
    count(book, most, &mut HashMap::new())
}

/// `known`: of bodies that were counted, by the place they have in memory.
fn count(book: &Runbook, most: usize, known: &mut HashMap<*const Runbook, usize>) -> usize {
    let mut steps: usize = 0;
    for (_, step) in book.all_steps() {
        steps += 1;
        if let Some(book) = step.inside() {
            let place = std::ptr::from_ref(book);
            let inside = match known.get(&place) {
                Some(known) => *known,
                None => count(book, most, known),
            };
            known.insert(place, inside);
            steps += inside;
        }
        if steps > most {
            return most + 1;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_the_path_from_the_folder_of_the_runbook() {
        let keys = [
            ("book.yaml", "lib/a.yaml", "lib/a.yaml"),
            ("lib/a.yaml", "b.yaml", "lib/b.yaml"),
            ("lib/a.yaml", "../b.yaml", "b.yaml"),
            ("book.yaml", "../x/./b.yaml", "../x/b.yaml"),
            ("../x/b.yaml", "../c.yaml", "../c.yaml"),
            ("lib/a.yaml", "/etc/c.yaml", "/etc/c.yaml"),
        ];
        for (within, path, wanted) in keys {
            assert_eq!(key(within, path), wanted);
        }
    }
}
