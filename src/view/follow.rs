//! Follows a journal that another process writes: new records as they come, without a lock.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use super::read::segments;
use crate::journal::frame;
use crate::model::{Record, Seq};

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
    pub fn poll(&mut self) -> Vec<Record> {
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

    fn read_on(&mut self, records: &mut Vec<Record>) {
        let Some(bytes) = self.segment.as_ref().and_then(|name| read_from(&self.folder.join(name), self.offset)) else {
            return;
        };
        let mut rest = &bytes[..];
        while let Ok(line) = frame::decode(rest) {
            let Some(record) = self.record(line.payload) else { return };
            if record.seq > self.last {
                self.last = record.seq;
                records.push(record);
            }
            self.offset += line.size as u64;
            rest = &rest[line.size..];
        }
    }

    fn record(&self, payload: &[u8]) -> Option<Record> {
        match frame::referenced(payload) {
            Some(blob) => serde_json::from_slice(&fs::read(self.folder.join(blob)).ok()?).ok(),
            None => serde_json::from_slice(payload).ok(),
        }
    }
}

fn read_from(path: &Path, offset: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(offset)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}
