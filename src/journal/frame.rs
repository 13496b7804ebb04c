//! One record, one line, readable with grep in an emergency.
//!
//! ```text
//! RG1 step_succeeded 312 17 16 1 9f0c11aa 5d2e7b01 {"seq":17,"at":"…","kind":"step_succeeded",…,"prev":"…"}
//!     kind           len seq durable epoch  header  all
//! ```
//!
//! `len` counts the bytes of the payload; `durable` is the highest sequence known to be on disk when the line was written;
//! both checksums are CRC-32C, the first over the header before it, the second over that header and the payload.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::{Address, Event, Record, RunState, Seq};

/// Larger payloads go to a blob of their own.
pub const MAX_PAYLOAD: usize = 64 * 1024;
const MAGIC: &str = "RG1";
/// What the chain starts from.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    pub len: usize,
    pub seq: Seq,
    pub durable: Seq,
    pub epoch: u64,
    crc: u32,
    /// Bytes of the line before the payload.
    size: usize,
}

/// Why a line is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    /// A good header, and too few bytes behind it: the write was cut.
    Short,
    /// Begins like a header and stops before its end.
    Cut,
    Garbage,
    /// Written by a newer release.
    Newer,
}

/// Whether the lines of a newer release stand here. One line alone may be ours with a bit flipped.
pub fn is_newer(bytes: &[u8]) -> bool {
    let version = |line: &[u8]| {
        let (magic, rest) = line.strip_prefix(b"RG")?.split_at_checked(1)?;
        (magic[0].is_ascii_digit() && rest.first() == Some(&b' ')).then_some(magic[0])
    };
    let ours = MAGIC.as_bytes()[MAGIC.len() - 1];
    let mut versions = bytes.split(|byte| *byte == b'\n').filter_map(version).peekable();
    versions.next_if(|version| *version > ours).is_some()
        && versions.peek().is_some()
        && versions.all(|version| version > ours)
}

pub fn hash(payload: &[u8]) -> String {
    hex(&Sha256::digest(payload))
}

pub fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Appends the line of `payload` to `out`.
pub fn encode(out: &mut Vec<u8>, kind: &str, payload: &[u8], seq: Seq, durable: Seq, epoch: u64) {
    let head = format!("{MAGIC} {kind} {} {seq} {durable} {epoch}", payload.len());
    let head_crc = crc32c::crc32c(head.as_bytes());
    let crc = crc32c::crc32c_append(head_crc, payload);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(format!(" {head_crc:08x} {crc:08x} ").as_bytes());
    out.extend_from_slice(payload);
    out.push(b'\n');
}

/// Reads the header at the start of `bytes`.
pub fn header(bytes: &[u8]) -> Result<Header, Bad> {
    const FIELDS: usize = 8;
    const LONGEST: usize = 160;
    let window = &bytes[..bytes.len().min(LONGEST)];
    if !window.starts_with(b"RG") {
        return Err(if b"RG".starts_with(window) { Bad::Cut } else { Bad::Garbage });
    }
    let spaces: Vec<usize> =
        window.iter().enumerate().filter(|(_, b)| **b == b' ').map(|(i, _)| i).take(FIELDS).collect();
    if spaces.len() < FIELDS {
        let plain = window.iter().all(|b| b.is_ascii_graphic() || *b == b' ');
        return Err(if plain && window.len() < LONGEST { Bad::Cut } else { Bad::Garbage });
    }
    let text = std::str::from_utf8(&window[..spaces[FIELDS - 1]]).map_err(|_| Bad::Garbage)?;
    let fields: Vec<&str> = text.split(' ').collect();
    // Compared as text: `A` and `a` are one digit, and a flipped bit all the same.
    if format!("{:08x}", crc32c::crc32c(&window[..spaces[5]])) != fields[6] {
        return Err(Bad::Garbage);
    }
    if fields[0] != MAGIC {
        return Err(Bad::Newer);
    }
    let number = |field: &str| field.parse::<u64>().map_err(|_| Bad::Garbage);
    Ok(Header {
        len: usize::try_from(number(fields[2])?).map_err(|_| Bad::Garbage)?,
        seq: Seq(number(fields[3])?),
        durable: Seq(number(fields[4])?),
        epoch: number(fields[5])?,
        crc: checksum(fields[7])?,
        size: spaces[FIELDS - 1] + 1,
    })
}

/// Eight lower-case hex digits.
fn checksum(field: &str) -> Result<u32, Bad> {
    let crc = u32::from_str_radix(field, 16).map_err(|_| Bad::Garbage)?;
    if format!("{crc:08x}") == field { Ok(crc) } else { Err(Bad::Garbage) }
}

/// A line whose checksums are right.
#[derive(Debug)]
pub struct Line<'a> {
    pub header: Header,
    pub payload: &'a [u8],
    /// Bytes the line takes.
    pub size: usize,
}

/// Reads the line at the start of `bytes`.
pub fn decode(bytes: &[u8]) -> Result<Line<'_>, Bad> {
    let header = header(bytes)?;
    let size = header.size + header.len + 1;
    let line = bytes.get(..size).ok_or(Bad::Short)?;
    let payload = &line[header.size..size - 1];
    let head_end = header.size - " 00000000 00000000 ".len();
    let crc = crc32c::crc32c_append(crc32c::crc32c(&line[..head_end]), payload);
    if crc != header.crc || line[size - 1] != b'\n' {
        return Err(Bad::Garbage);
    }
    Ok(Line { header, payload, size })
}

/// The record of a payload. A folded state is read straight into its place: by way of the tagged enum it would first be held
/// as a whole in a form many times as large.
pub fn record(payload: &[u8]) -> serde_json::Result<Record> {
    #[derive(Deserialize)]
    struct Opened {
        seq: Seq,
        at: Timestamp,
        state: Box<RunState>,
        epoch: u64,
        boot: String,
        mono: u64,
        prev: String,
    }
    if kind_of(payload) != "segment_opened" {
        return serde_json::from_slice(payload);
    }
    let Opened { seq, at, state, epoch, boot, mono, prev } = serde_json::from_slice(payload)?;
    Ok(Record { seq, at, event: Event::SegmentOpened { state }, epoch, boot, mono, prev })
}

/// The record's kind as its payload says it, for the header.
pub fn kind_of(payload: &[u8]) -> &str {
    const KEY: &[u8] = b"\"kind\":\"";
    let start = payload.windows(KEY.len()).position(|w| w == KEY).map_or(0, |at| at + KEY.len());
    let end = payload[start..].iter().position(|b| *b == b'"').map_or(start, |at| start + at);
    std::str::from_utf8(&payload[start..end]).unwrap_or("record")
}

/// What stands in the line of a record whose payload is too long: everything but the fields of its kind.
#[derive(Serialize, Deserialize)]
struct Reference<'a> {
    seq: Seq,
    at: Timestamp,
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<Address>,
    blob: &'a str,
}

/// The payload of a line that points to `blob`.
pub fn reference(record: &Record, kind: &str, blob: &str) -> serde_json::Result<Vec<u8>> {
    let step = record.event.step().cloned();
    serde_json::to_vec(&Reference { seq: record.seq, at: record.at, kind, step, blob })
}

/// The blob that a payload points to, if it does.
pub fn referenced(payload: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"\"blob\":\"blob.";
    let tail = &payload[payload.len().saturating_sub(MARK.len() + 66)..];
    if !tail.starts_with(MARK) {
        return None;
    }
    let reference: Reference<'_> = serde_json::from_slice(payload).ok()?;
    Some(reference.blob.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;

    fn line() -> Vec<u8> {
        let record = Record {
            seq: Seq(3),
            at: "2026-11-24T10:00:00Z".parse().unwrap(),
            event: Event::RunPaused,
            epoch: 2,
            boot: "b".into(),
            mono: 5,
            prev: GENESIS.into(),
        };
        let mut out = Vec::new();
        encode(&mut out, "run_paused", &serde_json::to_vec(&record).unwrap(), Seq(3), Seq(2), 2);
        out
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        let line = line();
        let decoded = decode(&line).unwrap();
        assert_eq!(decoded.size, line.len());
        assert_eq!(decoded.header.durable, Seq(2));
        let record: Record = serde_json::from_slice(decoded.payload).unwrap();
        assert_eq!(record.event, Event::RunPaused);
    }

    #[test]
    fn every_cut_reads_as_short_and_every_flip_as_garbage() {
        let line = line();
        for cut in 1..line.len() {
            let bad = decode(&line[..cut]).unwrap_err();
            assert!(matches!(bad, Bad::Short | Bad::Cut), "cut at {cut}: {bad:?}");
        }
        for place in 0..line.len() {
            let mut flipped = line.clone();
            flipped[place] ^= 0x20;
            assert!(decode(&flipped).is_err(), "flip at {place} went unseen");
        }
    }
}
