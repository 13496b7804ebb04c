//! `verify-log [RUN]`: whether the hash chain of the journal is whole, and its head.
//!
//! Whole is exit 0. Damaged is exit 1 with the file and the byte. A cut tail is whole: it was never reported; whether something
//! is missing at the end is told by comparing the head with one printed earlier.

use serde_json::{Value, json};

use super::context::Context;
use super::exit;
use super::failure::Failure;
use super::looking::{print, print_json};
use crate::journal::frame::GENESIS;
use crate::journal::store::RunDir;
use crate::journal::{Folder, JournalError, Tail, recover, replay};
use crate::model::{Event, Record};
use crate::view::page::Page;
use crate::view::read::segments;
use crate::view::words::{count, grouped};

/// What the chain is like; where it is damaged, as far as it was read.
#[derive(Debug)]
struct Verified {
    records: u64,
    segments: usize,
    head: String,
    tail: Tail,
    damage: Option<JournalError>,
}

pub fn verify_log(context: &Context, run: Option<&str>) -> Result<(), Failure> {
    let dir = context.run_to_look_at(run)?;
    let verified = verify(&dir);
    if context.json {
        print_json(&as_json(&dir, &verified))?;
    }
    match verified.damage {
        Some(_) if context.json => Err(Failure::silent(exit::FAILED)),
        Some(error) => Err(Failure { exit: exit::FAILED, ..error.into() }),
        None if context.json => Ok(()),
        None => print(text(&dir, &verified)),
    }
}

fn as_json(dir: &RunDir, verified: &Verified) -> Value {
    let damage = verified.damage.as_ref().map(|error| {
        let (file, offset) = match error {
            JournalError::Damaged { file, offset, .. } | JournalError::Newer { file, offset } => {
                (Some(file), Some(offset))
            }
            JournalError::Io { file, .. } => (Some(file), None),
            _ => (None, None),
        };
        json!({"file": file, "offset": offset, "message": error.to_string(), "hint": error.hint()})
    });
    json!({
        "run": dir.id(),
        "ok": damage.is_none(),
        "records": verified.records,
        "segments": verified.segments,
        "head": verified.head,
        "tail": damage.is_none().then(|| tail_word(&verified.tail)),
        "damage": damage,
    })
}

fn verify(dir: &RunDir) -> Verified {
    let disk = Folder::new(&dir.path);
    let names = segments(&dir.path);
    let mut chain = Chain { seq: 0, head: GENESIS.into(), segment: 0, broken: None };
    let replayed = replay(&disk, |record, hash| chain.add(&record, hash));
    let broken = chain.broken.take().map(|(segment, what)| {
        let file = names.get(segment).cloned().unwrap_or_default();
        JournalError::Damaged { file, offset: 0, what }
    });
    let recovered = recover(&disk);
    let damage = replayed.err().or(broken);
    let (tail, damage) = match recovered {
        Ok(recovered) => (recovered.tail, damage),
        Err(error) => (Tail::Clean, damage.or(Some(error))),
    };
    Verified { records: chain.seq, segments: names.len(), head: chain.head, tail, damage }
}

/// The chain across segments. Within one, the reader checks it; that one continues the other, and that none is missing, is
/// seen only here.
struct Chain {
    seq: u64,
    head: String,
    /// How many segments were begun by a folded state.
    segment: usize,
    broken: Option<(usize, String)>,
}

impl Chain {
    fn add(&mut self, record: &Record, hash: &str) {
        if matches!(record.event, Event::SegmentOpened { .. }) && self.seq > 0 {
            self.segment += 1;
        }
        let missing = record.seq.0 != self.seq + 1;
        if self.broken.is_none() && (missing || record.prev != self.head) {
            let what = if missing {
                format!(
                    "it goes on with record {}, and what stands before it ends with record {}",
                    record.seq, self.seq
                )
            } else {
                format!("record {} was not written behind the one that stands before it", record.seq)
            };
            self.broken = Some((self.segment, what));
        }
        self.seq = record.seq.0;
        self.head.clear();
        self.head.push_str(hash);
    }
}

fn text(dir: &RunDir, verified: &Verified) -> Page {
    let mut out = Page::new();
    let segments = count(verified.segments, "segment");
    out.line(format_args!(
        "the journal of `{}` is whole: {} records in {segments}",
        dir.id(),
        grouped(verified.records)
    ));
    out.line(format_args!("head {}", verified.head));
    match verified.tail {
        Tail::Clean => {}
        Tail::Torn { offset } => {
            out.line(format_args!("behind it lies a line that was cut (byte {offset}); it was never reported"));
        }
        Tail::Doubtful { offset } => {
            out.line(format_args!(
                "behind it lies something that is no clean cut (byte {offset}); `regrow resume` keeps it aside"
            ));
        }
    }
    out
}

fn tail_word(tail: &Tail) -> &'static str {
    match tail {
        Tail::Clean => "clean",
        Tail::Torn { .. } => "torn",
        Tail::Doubtful { .. } => "doubtful",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    #[test]
    fn a_whole_chain_is_counted_and_ends_in_the_head() {
        let mut run = testing::waiting();
        run.resume();
        let verified = verify(&run.dir);
        assert!(verified.damage.is_none());
        assert_eq!((verified.records, verified.segments), (run.records.len() as u64, 2));
        assert_eq!(verified.head, run.state.head);
        assert!(
            text(&run.dir, &verified)
                .to_string()
                .starts_with("the journal of `7qk2` is whole: 9 records in 2 segments\n")
        );
    }

    #[test]
    fn a_missing_or_exchanged_segment_is_found() {
        let mut run = testing::waiting();
        run.resume();
        let first = run.dir.path.join("journal.000001");
        // As many records, each sound in itself, but others.
        let mut other = testing::Golden::new(testing::rescue());
        while other.records.len() < 7 {
            other.wait(1).makes("copy", None);
        }
        std::fs::copy(other.segment(), &first).unwrap();
        let error = verify(&run.dir).damage.unwrap().to_string();
        assert!(
            error.contains("`journal.000002` is damaged") && error.contains("record 8 was not written behind"),
            "{error}"
        );
        std::fs::remove_file(first).unwrap();
        let error = verify(&run.dir).damage.unwrap().to_string();
        assert!(error.contains("ends with record 0"), "{error}");
    }

    #[test]
    fn damage_is_an_error_with_its_place_and_a_cut_is_not() {
        let error = verify(&testing::damaged().dir).damage.unwrap();
        let failure = Failure { exit: exit::FAILED, ..error.into() };
        assert!(failure.message.contains("`journal.000001` is damaged at byte"), "{failure:?}");
        assert_eq!(failure.code.as_deref(), Some("RG7005"));
        assert!(failure.hint.is_some());
        assert_eq!(failure.exit, 1);
        let torn = testing::torn();
        assert!(matches!(verify(&torn.dir).tail, Tail::Torn { .. }));
    }

    #[test]
    fn what_is_known_of_a_damaged_journal_is_an_object_too() {
        let run = testing::damaged();
        let shown = as_json(&run.dir, &verify(&run.dir));
        assert_eq!((&shown["ok"], &shown["records"], &shown["tail"]), (&json!(false), &json!(3), &Value::Null));
        assert_eq!(shown["damage"]["file"], "journal.000001");
        assert!(shown["damage"]["offset"].as_u64() > Some(0), "{shown}");
        assert_eq!(shown["head"].as_str().map(str::len), Some(64));
        let run = testing::ok();
        let shown = as_json(&run.dir, &verify(&run.dir));
        assert_eq!(
            (&shown["ok"], &shown["damage"], &shown["head"]),
            (&json!(true), &Value::Null, &json!(run.state.head))
        );
    }
}
