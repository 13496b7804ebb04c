//! Reads a journal as a crash may have left it. Reading never writes and needs no lock.
//!
//! The newest segment with a valid first record wins; it begins with the folded state. Only an uncommitted tail is ever
//! dropped (G9): a clean end, zeroes, or a line that was cut are normal; anything else behind the last good record is doubt
//! (G10), and refused where a later good record says that it was durable. A newer segment of which nothing can be read may
//! have held any number of records: everything that has not ended is in doubt.

use std::io::{BufRead, Read};

use super::disk::Disk;
use super::error::JournalError;
use super::frame::{self, Bad, GENESIS, Line};
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
    /// A newer segment cannot be read at all: every step that has not ended may have begun.
    Lost {
        segment: String,
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
    let mut unread: Option<Recovered> = None;
    let mut newest = None;
    while let Some(name) = names.pop() {
        let mut state = RunState::default();
        let tail = walk(disk, &name, &mut |record, hash| state.take(record, hash))?;
        if state.seq != Seq(0) {
            let tail = newest.map_or(tail, |segment| Tail::Lost { segment });
            return Ok(Recovered { state, segment: name, tail });
        }
        if let Tail::Doubtful { .. } = tail {
            newest.get_or_insert_with(|| name.clone());
            unread = Some(Recovered { state, segment: name, tail });
        }
    }
    // Nothing can be read, and something was written: the very first records may have been acted upon.
    unread.ok_or(JournalError::Missing)
}

/// Every record of the run in order, each with its hash.
pub fn replay<D: Disk>(disk: &D, mut visit: impl FnMut(Record, &str)) -> Result<(), JournalError> {
    let names = segments(disk)?;
    let mut opened = Vec::new();
    for name in names {
        if let Some(first) = first_seq(disk, &name)? {
            opened.push((name, first));
        }
    }
    for (index, (name, _)) in opened.iter().enumerate() {
        let end = opened.get(index + 1).map_or(Seq(u64::MAX), |(_, first)| *first);
        // What stands behind the record that the next segment continues was never committed.
        walk(disk, name, &mut |record, hash| {
            if record.seq < end {
                visit(record, hash);
            }
        })?;
    }
    if opened.is_empty() { Err(JournalError::Missing) } else { Ok(()) }
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

/// The header says it, without the folded state that may stand behind it.
fn first_seq<D: Disk>(disk: &D, name: &str) -> Result<Option<Seq>, JournalError> {
    let mut lines = Lines::open(disk, name)?;
    match lines.next()? {
        Ok(line) => Ok(Some(line.header.seq)),
        Err(bad) => unreadable(name, 0, lines.rest()?, Seq(1), bad).map(|_| None),
    }
}

/// How far a segment was read: the number and the hash of its newest record.
#[derive(Default)]
struct Chain {
    seq: Seq,
    head: String,
}

/// Hands out the good records of one segment and judges its tail.
fn walk<D: Disk>(disk: &D, name: &str, visit: &mut dyn FnMut(Record, &str)) -> Result<Tail, JournalError> {
    let mut offset = 0;
    let mut chain = Chain::default();
    let mut lines = Lines::open(disk, name)?;
    loop {
        let line = match lines.next()? {
            Ok(line) => line,
            Err(bad) => return unreadable(name, offset, lines.rest()?, Seq(chain.seq.0 + 1), bad),
        };
        let (record, hash) = record(disk, name, offset, line.payload)?;
        check_chain(name, offset, &chain, &record, line.header.seq)?;
        chain = Chain { seq: record.seq, head: hash };
        visit(record, &chain.head);
        offset += line.size;
    }
}

/// A segment line by line: it may be much longer than the state it folds to.
struct Lines<'a> {
    name: &'a str,
    file: Box<dyn BufRead + 'a>,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn open<D: Disk>(disk: &'a D, name: &'a str) -> Result<Self, JournalError> {
        let file = disk.open(name).map_err(|e| JournalError::io(name, e))?;
        Ok(Self { name, file, line: Vec::new() })
    }

    /// The next line, or why what follows is none.
    fn next(&mut self) -> Result<Result<Line<'_>, Bad>, JournalError> {
        self.line.clear();
        loop {
            let read = self.file.read_until(b'\n', &mut self.line).map_err(|e| JournalError::io(self.name, e))?;
            // Its header knows how long it is: a newline in a damaged payload is not its end.
            if read == 0 || frame::decode(&self.line).err() != Some(Bad::Short) {
                return Ok(frame::decode(&self.line));
            }
        }
    }

    /// What could not be read as a line, and all behind it.
    fn rest(mut self) -> Result<Vec<u8>, JournalError> {
        self.file.read_to_end(&mut self.line).map_err(|e| JournalError::io(self.name, e))?;
        Ok(self.line)
    }
}

fn record<D: Disk>(disk: &D, name: &str, offset: usize, payload: &[u8]) -> Result<(Record, String), JournalError> {
    // The checksum says that it stands as written: what cannot be understood was written by a newer release.
    let newer = || JournalError::Newer { file: name.into(), offset: offset as u64 };
    let Some(blob) = frame::referenced(payload) else {
        return Ok((frame::record(payload).map_err(|_| newer())?, frame::hash(payload)));
    };
    let payload = read(disk, &blob)?;
    let hash = frame::hash(&payload);
    if blob != format!("blob.{hash}") {
        return Err(damaged(&blob, 0, "its contents do not match its name"));
    }
    Ok((frame::record(&payload).map_err(|_| newer())?, hash))
}

fn check_chain(name: &str, offset: usize, chain: &Chain, record: &Record, seq: Seq) -> Result<(), JournalError> {
    if record.seq != seq {
        return Err(damaged(name, offset, "the record's number does not match its line"));
    }
    if chain.seq == Seq(0) {
        // The head of a segment: a new run, or the state it continues.
        return match &record.event {
            Event::RunStarted(_) if record.prev == GENESIS => Ok(()),
            Event::SegmentOpened { state } if record.prev == state.head && record.seq.0 == state.seq.0 + 1 => Ok(()),
            _ => Err(damaged(name, offset, "the first record does not begin a segment")),
        };
    }
    if record.prev != chain.head || record.seq.0 != chain.seq.0 + 1 {
        return Err(damaged(name, offset, "the record does not continue the one before"));
    }
    Ok(())
}

/// Judges what stands where record `expected` should begin.
fn unreadable(name: &str, offset: usize, rest: Vec<u8>, expected: Seq, bad: Bad) -> Result<Tail, JournalError> {
    if rest.iter().all(|byte| *byte == 0) {
        return Ok(Tail::Clean);
    }
    if bad == Bad::Newer || frame::is_newer(&rest) {
        return Err(JournalError::Newer { file: name.into(), offset: offset as u64 });
    }
    if guard!("covered damage") && durable_later(&rest, expected) {
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
