//! The text of a record. A short one is made once and kept; a long one, such as the folded state of 10,000 steps, is made
//! twice and never held: once for its hash, which names its blob, and once into the blob.

use std::io::{self, BufWriter, Write};

use sha2::{Digest, Sha256};

use super::frame::{self, MAX_PAYLOAD};
use crate::model::Record;

pub enum Payload {
    Short(Vec<u8>),
    /// Too long for a line.
    Long(Digested),
}

pub struct Digested {
    pub hash: String,
    pub kind: String,
}

/// What a line can hold, and the hash of what went beyond.
#[derive(Default)]
struct Gauge {
    held: Vec<u8>,
    beyond: Option<(Sha256, String)>,
}

impl Write for Gauge {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.held.len() + bytes.len() > MAX_PAYLOAD {
            self.spill();
        }
        self.held.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Gauge {
    fn spill(&mut self) {
        let begun = || (Sha256::new(), frame::kind_of(&self.held).to_owned());
        let (hash, _) = self.beyond.get_or_insert_with(begun);
        hash.update(&self.held);
        self.held.clear();
    }
}

pub fn of(record: &Record) -> serde_json::Result<Payload> {
    let mut gauge = Gauge::default();
    serde_json::to_writer(&mut gauge, record)?;
    Ok(match gauge.beyond {
        None => Payload::Short(gauge.held),
        Some((mut hash, kind)) => {
            hash.update(&gauge.held);
            Payload::Long(Digested { hash: frame::hex(&hash.finalize()), kind })
        }
    })
}

/// The same text again, piece by piece.
pub fn write(record: &Record, sink: impl Write) -> io::Result<()> {
    let mut sink = BufWriter::with_capacity(MAX_PAYLOAD, sink);
    serde_json::to_writer(&mut sink, record)?;
    sink.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answer::Person;
    use crate::model::time::Moment;
    use crate::model::{Event, Seq};

    fn note(length: usize) -> Record {
        let now = Moment { at: "2026-11-24T10:00:00Z".parse().unwrap(), boot: "b".to_owned(), mono: 1 };
        let event = Event::NoteAdded {
            text: "x".repeat(length),
            who: Person { name: "ana".into(), uid: 1000, terminal: None },
        };
        Record { seq: Seq(7), at: now.at, event, epoch: 1, boot: now.boot, mono: now.mono, prev: frame::GENESIS.into() }
    }

    #[test]
    fn short_or_long_the_hash_is_that_of_the_text() {
        let around = serde_json::to_vec(&note(0)).unwrap().len();
        for length in [0, MAX_PAYLOAD - around, MAX_PAYLOAD - around + 1, 3 * MAX_PAYLOAD] {
            let record = note(length);
            let mut text = Vec::new();
            write(&record, &mut text).unwrap();
            assert_eq!(text, serde_json::to_vec(&record).unwrap());
            match of(&record).unwrap() {
                Payload::Short(held) => assert!(held == text && held.len() <= MAX_PAYLOAD, "{length}"),
                Payload::Long(long) => {
                    assert!(text.len() > MAX_PAYLOAD, "{length}");
                    assert_eq!((long.hash, long.kind.as_str()), (frame::hash(&text), frame::kind_of(&text)));
                }
            }
        }
    }
}
