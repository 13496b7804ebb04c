//! Follows a journal that another process writes: new records as they come, without a lock.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use super::Observer;
use super::read::{self, segments};
use crate::journal::store::RunDir;
use crate::journal::{frame, lease};
use crate::model::{Record, RunState, Seq};

/// How often a live journal is looked at.
const PACE: Duration = Duration::from_millis(200);

/// A record and its hash.
pub type Hashed = (Record, String);

/// Shows a run that another process executes, until it ends, nobody executes it any more, or `go_on` says no. Returns where
/// it stands then.
pub fn attend(dir: &RunDir, observer: &mut dyn Observer, mut go_on: impl FnMut(&RunState) -> bool) -> RunState {
    let mut state = read::fold(&dir.path).state;
    let mut follower = Follower::after(&dir.path, state.seq);
    observer.observe(&[], &state);
    loop {
        // Asked before reading, so that the last words of an executor that leaves are not missed.
        let alive = lease::is_held(&dir.path);
        let mut records = Vec::new();
        for (record, hash) in follower.poll() {
            state.apply(&record, &hash);
            records.push(record);
        }
        if !records.is_empty() {
            observer.observe(&records, &state);
        }
        if state.ended.is_some() || !alive || !go_on(&state) {
            observer.finish();
            return state;
        }
        sleep(PACE);
    }
}

/// Where a follower stands.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    segment: Option<String>,
    offset: u64,
    /// The newest record that was given out.
    last: Seq,
}

impl Follower {
    /// Gives out what comes after `last`.
    pub fn after(folder: &Path, last: Seq) -> Self {
        Self { folder: folder.to_path_buf(), segment: segments(folder).pop(), offset: 0, last }
    }

    /// The records that have come since it was called last. A line that is not whole yet is left for the next call.
    pub fn poll(&mut self) -> Vec<Hashed> {
        let mut records = Vec::new();
        loop {
            self.read_on(&mut records);
            let names = segments(&self.folder);
            let next = names.into_iter().find(|name| self.segment.as_ref().is_none_or(|current| name > current));
            let Some(next) = next else { return records };
            self.segment = Some(next);
            self.offset = 0;
        }
    }

    fn read_on(&mut self, records: &mut Vec<Hashed>) {
        let Some(bytes) = self.segment.as_ref().and_then(|name| read_from(&self.folder.join(name), self.offset)) else {
            return;
        };
        let mut rest = &bytes[..];
        while let Ok(line) = frame::decode(rest) {
            let Some(hashed) = self.record(line.payload) else { return };
            if hashed.0.seq > self.last {
                self.last = hashed.0.seq;
                records.push(hashed);
            }
            self.offset += line.size as u64;
            rest = &rest[line.size..];
        }
    }

    fn record(&self, payload: &[u8]) -> Option<Hashed> {
        let payload = match frame::referenced(payload) {
            Some(blob) => Cow::Owned(fs::read(self.folder.join(blob)).ok()?),
            None => Cow::Borrowed(payload),
        };
        Some((serde_json::from_slice(&payload).ok()?, frame::hash(&payload)))
    }
}

fn read_from(path: &Path, offset: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
