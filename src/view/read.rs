//! Reads a run's journal for looking: as far as it can be read, and with what is wrong beside it. Needs no lock and writes
//! nothing (G25).

use std::fs::File;
use std::io::{self, BufRead};
use std::path::Path;

use crate::journal::store::RunDir;
use crate::journal::writer::segment_number;
use crate::journal::{Disk, Folder, JournalError, Tail, recover, replay};
use crate::kinds;
use crate::model::{Record, RunState};
use crate::plan::outline::Outline;
use crate::plan::saved::SavedPlan;

/// What a journal tells, and why it does not tell more.
#[derive(Debug)]
pub struct Reading {
    pub state: RunState,
    pub tail: Tail,
    pub error: Option<JournalError>,
}

/// The steps of a run, with the items of lists that opened up to `state`, or up to now.
pub fn outline(run: &RunDir, state: Option<&RunState>) -> Result<Outline, String> {
    let mut plan = SavedPlan::read(run).map_err(|error| error.to_string())?;
    if !plan.may_grow() {
        return Ok(plan.outline);
    }
    let grown = match state {
        Some(state) => plan.grown(run, state, kinds::find),
        None => plan.grown(run, &fold(&run.path).state, kinds::find),
    };
    Ok(grown?.unwrap_or_else(|| std::mem::take(&mut plan.outline)))
}

/// The newest state that can be had.
pub fn fold(folder: &Path) -> Reading {
    match recover(&Folder::new(folder)) {
        Ok(recovered) => Reading { state: recovered.state, tail: recovered.tail, error: None },
        Err(error) => {
            let mut state = RunState::default();
            visit(folder, |record, hash| state.take(record, hash));
            Reading { state, tail: Tail::Clean, error: Some(error) }
        }
    }
}

/// Every record that can be read, in order, each with its hash; what came in the way, if anything.
pub fn visit(folder: &Path, mut visit: impl FnMut(Record, &str)) -> Option<JournalError> {
    let mut seen = false;
    let error = replay(&Folder::new(folder), |record, hash| {
        seen = true;
        visit(record, hash);
    })
    .err()?;
    // Damage in the head of one segment hides all others from `replay`: what lies before it, or behind it, is read alone.
    let names = segments(folder);
    let before = (1..names.len()).rev().map(|end| &names[..end]);
    let behind = (1..names.len()).map(|start| &names[start..]);
    for part in before.chain(behind) {
        if seen {
            break;
        }
        let _ = replay(&Part { folder: Folder::new(folder), names: part }, |record, hash| {
            seen = true;
            visit(record, hash);
        });
    }
    Some(error)
}

/// Names of the segments, oldest first.
pub fn segments(folder: &Path) -> Vec<String> {
    let names = Folder::new(folder).list().unwrap_or_default();
    let mut names: Vec<String> = names.into_iter().filter(|name| segment_number(name).is_some()).collect();
    names.sort_by_key(|name| segment_number(name));
    names
}

/// Some segments of a folder, to be read only.
struct Part<'a> {
    folder: Folder,
    names: &'a [String],
}

impl Disk for Part<'_> {
    type File = File;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names.to_vec())
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn BufRead + '_>> {
        self.folder.open(name)
    }

    fn create(&mut self, _: &str) -> io::Result<File> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn write(&mut self, _: &mut File, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync(&mut self, _: &mut File) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn reserve(&mut self, _: &mut File, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}
