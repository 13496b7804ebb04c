//! The files of one supervised process, and how they are read after a crash.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::job::Outcome;
use crate::kind::Op;
use crate::model::{Address, OpId, Pulse};

/// Paths, all beginning alike.
#[derive(Clone, Debug)]
pub struct JobFiles {
    base: PathBuf,
}

/// What a job file says.
#[derive(Debug, PartialEq)]
pub enum Written {
    /// Not even the mark: the command never began.
    Nothing,
    Begun,
    Result(Box<Outcome>),
}

const BEGUN: &str = "begun\n";

impl JobFiles {
    pub fn of<P, Q>(work: &Path, op: &Op<P, Q>) -> Self {
        Self::named(work, &op.id, op.attempt, &op.phase)
    }

    pub fn named(work: &Path, op: &OpId, attempt: u32, phase: &str) -> Self {
        let mut name = format!("{}.{attempt}", op.file_name());
        if !phase.is_empty() {
            name.push('.');
            name.push_str(phase);
        }
        Self { base: work.join(name) }
    }

    pub fn at(base: PathBuf) -> Self {
        Self { base }
    }

    pub fn base(&self) -> &Path {
        &self.base
    }

    pub fn job(&self) -> PathBuf {
        self.with("job")
    }

    pub fn log(&self) -> PathBuf {
        self.with("log")
    }

    pub fn pulse(&self) -> PathBuf {
        self.with("pulse")
    }

    fn with(&self, extension: &str) -> PathBuf {
        let mut path = self.base.clone().into_os_string();
        path.push(".");
        path.push(extension);
        path.into()
    }

    /// Logs of all attempts and phases of a step, oldest first.
    pub fn logs(work: &Path, step: &Address) -> Vec<PathBuf> {
        let part = format!(".{}.", Self::word(step));
        let Ok(entries) = fs::read_dir(work) else { return Vec::new() };
        let ours = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            // RUN.STEP.GENERATION.ATTEMPT[.PHASE].log: a run id has no dot, an id neither.
            let begins = name.find('.').is_some_and(|dot| name[dot..].starts_with(&part));
            begins && name.ends_with(".log")
        };
        let mut logs: Vec<PathBuf> = entries.filter_map(|e| Some(e.ok()?.path())).filter(ours).collect();
        logs.sort_by_key(|path| fs::metadata(path).and_then(|meta| meta.created()).ok());
        logs
    }

    /// The file of every job that was handed over, with its step as the name has it.
    pub fn handed_over(work: &Path) -> Vec<(String, PathBuf)> {
        let Ok(entries) = fs::read_dir(work) else { return Vec::new() };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths.filter_map(|path| Some((step_of(path.file_name()?.to_str()?)?, path))).collect()
    }

    /// The step as it stands in the names of its files.
    pub fn word(step: &Address) -> String {
        step.as_str().replace('/', "+")
    }

    pub fn read(&self) -> io::Result<Option<Written>> {
        match File::open(self.job()) {
            Ok(mut file) => {
                let mut text = Vec::new();
                file.read_to_end(&mut text)?;
                Ok(Some(parse(&text)))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The same may be begun once more. Where it cannot be taken away it stands, and nothing is done twice.
    pub fn forget(&self) {
        let _ = fs::remove_file(self.job());
    }

    /// When the supervisor wrote the result down; nothing where there is none.
    pub fn ended_at(&self) -> Option<Timestamp> {
        let Ok(Some(Written::Result(_))) = self.read() else { return None };
        fs::metadata(self.job()).and_then(|file| file.modified()).ok()?.try_into().ok()
    }
}

/// RUN.STEP.GENERATION.ATTEMPT[.PHASE].job; a key of a list may hold dots. None for what was done before an intent.
fn step_of(name: &str) -> Option<String> {
    let (_, name) = name.strip_suffix(".job")?.split_once('.')?;
    let numbered = |name: &str| {
        let (rest, attempt) = name.rsplit_once('.')?;
        let (step, generation) = rest.rsplit_once('.')?;
        let is_begun = attempt.parse::<u32>().ok()? > 0 && generation.parse::<u32>().is_ok();
        is_begun.then(|| step.to_owned())
    };
    numbered(name).or_else(|| numbered(name.rsplit_once('.')?.0))
}

pub fn begun() -> &'static [u8] {
    BEGUN.as_bytes()
}

/// The result as one write: length, checksum, JSON.
pub fn encode(outcome: &Outcome) -> Vec<u8> {
    let json = serde_json::to_vec(outcome).unwrap_or_default();
    let mut line = format!("result {} {:08x} ", json.len(), crc32c::crc32c(&json)).into_bytes();
    line.extend_from_slice(&json);
    line.push(b'\n');
    line
}

fn parse(text: &[u8]) -> Written {
    let Some(rest) = text.strip_prefix(begun()) else { return Written::Nothing };
    // A torn result reads as none.
    parse_result(rest).map_or(Written::Begun, |outcome| Written::Result(Box::new(outcome)))
}

fn parse_result(line: &[u8]) -> Option<Outcome> {
    let mut fields = line.strip_prefix(b"result ")?.splitn(3, |byte| *byte == b' ');
    let len: usize = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let crc = u32::from_str_radix(std::str::from_utf8(fields.next()?).ok()?, 16).ok()?;
    let json = fields.next()?.get(..len)?;
    (crc32c::crc32c(json) == crc).then(|| serde_json::from_slice(json).ok())?
}

/// The newest pulse of a step's work, whoever executes it.
pub fn latest_pulse(files: &JobFiles) -> Option<Pulse> {
    serde_json::from_slice(&fs::read(files.pulse()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::job::Ended;
    use super::*;

    #[test]
    fn a_torn_result_reads_as_none() {
        let outcome = Outcome { output: "a=b\n".into(), ..Outcome::of(Ended::Exit(0)) };
        let mut text = begun().to_vec();
        text.extend(encode(&outcome));
        assert_eq!(parse(&text), Written::Result(Box::new(outcome)));
        for cut in begun().len()..text.len() - 1 {
            assert_eq!(parse(&text[..cut]), Written::Begun, "cut at {cut}");
        }
        for cut in 0..begun().len() {
            assert_eq!(parse(&text[..cut]), Written::Nothing);
        }
    }
}
