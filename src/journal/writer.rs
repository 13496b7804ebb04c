//! Appends records to the journal. After [`Writer::commit`] returned, the records survive a power cut; observers are told
//! only then.
//!
//! Records are staged first: they get their place in the chain and can be folded, so that the outcome of one step and the
//! intents of those it releases lie in one write and one sync. Every writer makes a segment of its own; no file is ever
//! appended to by a second process. After any error the writer is spent: nothing may be retried on it (G11).

use std::io::{self, Write};

use super::disk::Disk;
use super::error::JournalError;
use super::frame::{self, GENESIS};
use super::payload::{self, Digested, Payload};
use crate::model::time::Moment;
use crate::model::{Event, Record, RunState, Seq};

/// A new segment is begun beyond this.
pub const MAX_SEGMENT: u64 = 64 << 20;
/// Room that is kept for the closing records of one step in flight.
const CLOSING: u64 = 16 * 1024;
/// How much more is reserved at a time.
const AHEAD: u64 = 1 << 20;

pub struct Writer<D: Disk> {
    disk: D,
    file: D::File,
    name: String,
    epoch: u64,
    /// The newest staged record, and its hash.
    seq: Seq,
    head: String,
    /// The newest record known to be on disk.
    durable: Seq,
    staged: Vec<u8>,
    written: u64,
    reserved: u64,
}

/// A file of a disk, as something to write into.
struct Blob<'a, D: Disk> {
    disk: &'a mut D,
    file: &'a mut D::File,
}

impl<D: Disk> Write for Blob<'_, D> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.write(self.file, bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub fn segment_name(number: u64) -> String {
    format!("journal.{number:06}")
}

pub fn segment_number(name: &str) -> Option<u64> {
    name.strip_prefix("journal.")?.parse().ok()
}

impl<D: Disk> Writer<D> {
    /// Begins the next segment for a new executor. `state` is what the journal holds so far, empty for a new run; it comes
    /// back with the head of the segment folded in. It is handed through, not copied: after 10,000 steps it is large.
    pub fn open(mut disk: D, state: RunState, now: &Moment) -> Result<(Self, RunState), JournalError> {
        let newest =
            disk.list().map_err(|e| JournalError::io("journal", e))?.iter().filter_map(|n| segment_number(n)).max();
        let name = segment_name(newest.unwrap_or(0) + 1);
        let file = disk.create(&name).map_err(|e| JournalError::io(&name, e))?;
        let fresh = state.seq == Seq(0) && state.doubts.is_empty();
        let head = if state.head.is_empty() { GENESIS.to_string() } else { state.head.clone() };
        let mut writer = Self {
            disk,
            file,
            name,
            epoch: state.epoch + 1,
            seq: state.seq,
            head: head.clone(),
            durable: state.seq,
            staged: Vec::new(),
            written: 0,
            reserved: 0,
        };
        let state = if fresh {
            state
        } else {
            let opened = Event::SegmentOpened { state: Box::new(RunState { head, ..state }) };
            let (record, hash) = writer.stage(opened, now)?;
            writer.commit()?;
            let mut state = RunState::default();
            state.take(record, &hash);
            state
        };
        if guard!("names") {
            writer.disk.sync_names().map_err(|e| writer.lost(e))?;
        }
        Ok((writer, state))
    }

    /// Gives `event` its place in the chain. It is on disk after the next [`Writer::commit`].
    pub fn stage(&mut self, event: Event, now: &Moment) -> Result<(Record, String), JournalError> {
        let seq = Seq(self.seq.0 + 1);
        let record = Record {
            seq,
            at: now.at,
            event,
            epoch: self.epoch,
            boot: now.boot.clone(),
            mono: now.mono,
            prev: self.head.clone(),
        };
        let (kind, hash, line) = match payload::of(&record).map_err(|e| JournalError::encode(&self.name, &e))? {
            Payload::Short(line) => (frame::kind_of(&line).to_owned(), frame::hash(&line), line),
            Payload::Long(Digested { hash, kind }) => {
                let line = self.aside(&record, &kind, &hash)?;
                (kind, hash, line)
            }
        };
        frame::encode(&mut self.staged, &kind, &line, seq, self.durable, self.epoch);
        self.seq = seq;
        self.head.clone_from(&hash);
        Ok((record, hash))
    }

    /// One write and one sync for everything staged.
    pub fn commit(&mut self) -> Result<(), JournalError> {
        if self.staged.is_empty() {
            return Ok(());
        }
        let staged = std::mem::take(&mut self.staged);
        self.disk.write(&mut self.file, &staged).map_err(|e| self.lost(e))?;
        if guard!("sync") {
            let synced = self.disk.sync(&mut self.file);
            if guard!("failed sync") {
                synced.map_err(|e| self.lost(e))?;
            }
        }
        self.written += staged.len() as u64;
        self.durable = self.seq;
        Ok(())
    }

    /// Whether the closing records of `in_flight` steps fit; keeps the room if so (G12). A disk that fails is not a full one.
    pub fn has_room_for(&mut self, in_flight: usize) -> Result<bool, JournalError> {
        let need = self.written + self.staged.len() as u64 + CLOSING * (in_flight as u64 + 1);
        if need <= self.reserved {
            return Ok(true);
        }
        let to = need + AHEAD;
        let kept = self.disk.reserve(&mut self.file, self.reserved, to - self.reserved);
        match kept.map_err(|e| self.lost(e)) {
            Ok(()) => self.reserved = to,
            Err(JournalError::Full { .. }) => return Ok(false),
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    /// Whether this segment has grown so long that the next record should begin another one.
    pub fn is_full(&self) -> bool {
        self.written > MAX_SEGMENT
    }

    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    pub fn into_disk(self) -> D {
        self.disk
    }

    /// Puts a payload that is too long for a line into a blob, synced before the line that names it.
    fn aside(&mut self, record: &Record, kind: &str, hash: &str) -> Result<Vec<u8>, JournalError> {
        let name = format!("blob.{hash}");
        let mut file = self.disk.create(&name).map_err(|e| self.lost(e))?;
        let blob = Blob { disk: &mut self.disk, file: &mut file };
        payload::write(record, blob).map_err(|e| self.lost(e))?;
        if guard!("blob") {
            self.disk.sync(&mut file).map_err(|e| self.lost(e))?;
        }
        self.disk.sync_names().map_err(|e| self.lost(e))?;
        frame::reference(record, kind, &name).map_err(|e| JournalError::encode(&self.name, &e))
    }

    fn lost(&self, error: io::Error) -> JournalError {
        JournalError::lost(&self.name, self.written, error)
    }
}
