//! What a command prints, masked and capped, as it comes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use crate::journal::disk::private;
use crate::provider::mask::MaskStream;

/// A log stops growing here, and says so; the command goes on.
const CAP: u64 = 16 << 20;
/// How much of stderr goes into a fault.
pub const TAIL: usize = 4 * 1024;

/// The log both streams of a command go to. Made with the first byte.
pub struct Log {
    path: PathBuf,
    file: Option<File>,
    written: u64,
}

impl Log {
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, written: 0 }
    }

    /// Writes what fits. A log that cannot be written does not stop the command.
    pub fn write(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.is_full() {
            return;
        }
        if self.file.is_none() {
            self.file = private().create(true).append(true).open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        let room = usize::try_from(CAP - self.written).unwrap_or(usize::MAX).min(bytes.len());
        let _ = file.write_all(&bytes[..room]);
        self.written += room as u64;
        if self.written >= CAP {
            let _ = file.write_all(b"\n[regrow: the log ends here, 16 MiB are full; the command goes on]\n");
        }
    }

    pub fn is_full(&self) -> bool {
        self.written >= CAP
    }
}

/// One stream of a command.
pub struct Stream<'a> {
    mask: MaskStream<'a>,
    tail: VecDeque<u8>,
    masked: Vec<u8>,
}

impl<'a> Stream<'a> {
    pub fn new(mask: MaskStream<'a>) -> Self {
        Self { mask, tail: VecDeque::new(), masked: Vec::new() }
    }

    pub fn push(&mut self, chunk: &[u8], log: &mut Log) {
        self.masked.clear();
        self.mask.push(chunk, &mut self.masked);
        self.pass_on(log);
    }

    pub fn finish(&mut self, log: &mut Log) {
        self.masked.clear();
        self.mask.finish(&mut self.masked);
        self.pass_on(log);
    }

    fn pass_on(&mut self, log: &mut Log) {
        log.write(&self.masked);
        let keep = &self.masked[self.masked.len().saturating_sub(TAIL)..];
        self.tail.extend(keep);
        let surplus = self.tail.len().saturating_sub(TAIL);
        self.tail.drain(..surplus);
    }

    pub fn tail(&self) -> String {
        let bytes: Vec<u8> = self.tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}
