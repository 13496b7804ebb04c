//! Reads a journal as a crash may have left it. Reading never writes and needs no lock.
//!
//! The newest segment with a valid first record wins; it begins with the folded state. Only an uncommitted tail is ever
//! dropped (G9): a clean end, zeroes, or a line that was cut are normal; anything else behind the last good record is doubt
//! (G10), and refused where a later good record says that it was durable.

use std::io::Read;

use super::disk::Disk;
use super::error::JournalError;
use super::frame::{self, Bad, GENESIS};
use super::writer::segment_number;
use crate::model::{Event, Record, RunState, Seq};

/// What lies behind the last good record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tail {
    Clean,
    /// A write that was cut. Normal after a crash.
    Torn {
        offset: usize,
    },
    /// Not a clean cut: steps at the frontier may have begun.
    Doubtful {
        offset: usize,
    },
}

#[derive(Debug)]
pub struct Recovered {
    pub state: RunState,
    /// The segment it was read from.
    pub segment: String,
    pub tail: Tail,
}

/// The folded state of the run; empty, with a doubtful tail, where not even the first record can be read.
pub fn recover<D: Disk>(disk: &D) -> Result<Recovered, JournalError> {
    let mut names = segments(disk)?;
    let mut unread = None;
    while let Some(name) = names.pop() {
        let bytes = read(disk, &name)?;
        let mut state = RunState::default();
        let tail = walk(disk, &name, &bytes, &mut state, &mut |_, _| {})?;
        if state.seq != Seq(0) {
            return Ok(Recovered { state, segment: name, tail });
        }
        if let Tail::Doubtful { .. } = tail {
            unread = Some(Recovered { state, segment: name, tail });
        }
    }
    // Nothing can be read, and something was written: the very first records may have been acted upon.
    unread.ok_or(JournalError::Missing)
}

/// Every record of the run in order, each with its hash. Returns the state they fold to.
pub fn replay<D: Disk>(disk: &D, mut visit: impl FnMut(&Record, &str)) -> Result<RunState, JournalError> {
    let names = segments(disk)?;
    let mut opened = Vec::new();
    for name in names {
        let bytes = read(disk, &name)?;
        if let Some(first) = first_seq(disk, &name, &bytes)? {
            opened.push((name, first));
        }
    }
    let mut state = RunState::default();
    for (index, (name, _)) in opened.iter().enumerate() {
        let end = opened.get(index + 1).map_or(Seq(u64::MAX), |(_, first)| *first);
        let bytes = read(disk, name)?;
        let mut all = RunState::default();
        // What stands behind the record that the next segment continues was never committed.
        walk(disk, name, &bytes, &mut all, &mut |record, hash| {
            if record.seq < end {
                visit(record, hash);
            }
        })?;
        state = all;
    }
    if state.seq == Seq(0) { Err(JournalError::Missing) } else { Ok(state) }
}

/// The bytes behind `offset`, to be kept aside before the next segment is begun.
pub fn tail_bytes<D: Disk>(disk: &D, segment: &str, offset: usize) -> Result<Vec<u8>, JournalError> {
    Ok(read(disk, segment)?.split_off(offset))
}

fn segments<D: Disk>(disk: &D) -> Result<Vec<String>, JournalError> {
    let names = disk.list().map_err(|e| JournalError::io("journal", e))?;
    let mut segments: Vec<String> = names.into_iter().filter(|n| segment_number(n).is_some()).collect();
    segments.sort_by_key(|name| segment_number(name));
    Ok(segments)
}

fn read<D: Disk>(disk: &D, name: &str) -> Result<Vec<u8>, JournalError> {
    let mut bytes = Vec::new();
    let mut file = disk.open(name).map_err(|e| JournalError::io(name, e))?;
    file.read_to_end(&mut bytes).map_err(|e| JournalError::io(name, e))?;
    Ok(bytes)
}

fn first_seq<D: Disk>(disk: &D, name: &str, bytes: &[u8]) -> Result<Option<Seq>, JournalError> {
    match frame::decode(bytes) {
        Ok(line) => Ok(Some(record(disk, name, 0, line.payload)?.0.seq)),
        Err(bad) => unreadable(name, bytes, 0, Seq(1), bad).map(|_| None),
    }
}

/// Folds the good records of one segment and judges its tail.
fn walk<D: Disk>(
    disk: &D,
    name: &str,
    bytes: &[u8],
    state: &mut RunState,
    visit: &mut dyn FnMut(&Record, &str),
) -> Result<Tail, JournalError> {
    let mut offset = 0;
    loop {
        let rest = &bytes[offset..];
        let line = match frame::decode(rest) {
            Ok(line) => line,
            Err(bad) => return unreadable(name, bytes, offset, Seq(state.seq.0 + 1), bad),
        };
        let (record, hash) = record(disk, name, offset, line.payload)?;
        check_chain(name, offset, state, &record, line.header.seq)?;
        state.apply(&record, &hash);
        visit(&record, &hash);
        offset += line.size;
    }
}

fn record<D: Disk>(disk: &D, name: &str, offset: usize, payload: &[u8]) -> Result<(Record, String), JournalError> {
    // The checksum says that it stands as written: what cannot be understood was written by a newer release.
    let newer = || JournalError::Newer { file: name.into(), offset: offset as u64 };
    let Some(blob) = frame::referenced(payload) else {
        return Ok((serde_json::from_slice(payload).map_err(|_| newer())?, frame::hash(payload)));
    };
    let payload = read(disk, &blob)?;
    let hash = frame::hash(&payload);
    if blob != format!("blob.{hash}") {
        return Err(damaged(&blob, 0, "its contents do not match its name"));
    }
    Ok((serde_json::from_slice(&payload).map_err(|_| newer())?, hash))
}

fn check_chain(name: &str, offset: usize, state: &RunState, record: &Record, seq: Seq) -> Result<(), JournalError> {
    if record.seq != seq {
        return Err(damaged(name, offset, "the record's number does not match its line"));
    }
    if state.seq == Seq(0) {
        // The head of a segment: a new run, or the state it continues.
        return match &record.event {
            Event::RunStarted(_) if record.prev == GENESIS => Ok(()),
            Event::SegmentOpened { state } if record.prev == state.head && record.seq.0 == state.seq.0 + 1 => Ok(()),
            _ => Err(damaged(name, offset, "the first record does not begin a segment")),
        };
    }
    if record.prev != state.head || record.seq.0 != state.seq.0 + 1 {
        return Err(damaged(name, offset, "the record does not continue the one before"));
    }
    Ok(())
}

/// Judges what stands where record `expected` should begin.
fn unreadable(name: &str, bytes: &[u8], offset: usize, expected: Seq, bad: Bad) -> Result<Tail, JournalError> {
    let rest = &bytes[offset..];
    if rest.iter().all(|byte| *byte == 0) {
        return Ok(Tail::Clean);
    }
    if bad == Bad::Newer {
        return Err(JournalError::Newer { file: name.into(), offset: offset as u64 });
    }
    if guard!("covered damage") && durable_later(rest, expected) {
        return Err(damaged(name, offset, "a later record says that what stood here was on disk"));
    }
    Ok(match bad {
        Bad::Short | Bad::Cut => Tail::Torn { offset },
        Bad::Garbage | Bad::Newer if !guard!("garbage") => Tail::Torn { offset },
        Bad::Garbage | Bad::Newer => Tail::Doubtful { offset },
    })
}

/// Whether a good record further on calls `expected` durable.
fn durable_later(rest: &[u8], expected: Seq) -> bool {
    let starts = rest.windows(4).enumerate().skip(1).filter(|(_, window)| window == b"RG1 ");
    starts.into_iter().any(|(at, _)| frame::decode(&rest[at..]).is_ok_and(|line| line.header.durable >= expected))
}

fn damaged(file: &str, offset: usize, what: &str) -> JournalError {
    JournalError::Damaged { file: file.into(), offset: offset as u64, what: what.into() }
}
