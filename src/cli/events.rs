//! `events [RUN]`: the journal, one line a record; with `--json` the records themselves. `-f` goes on until nobody writes.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use super::context::Context;
use super::failure::{Failure, written};
use super::looking::talk;
use crate::journal::lease;
use crate::journal::store::RunDir;
use crate::model::{Record, RunState};
use crate::view::book::Book;
use crate::view::follow::Follower;
use crate::view::tell::line;
use crate::view::words::stamp_word;
use crate::view::{clean, json, read};

/// How often a live journal is looked at.
const PACE: Duration = Duration::from_millis(200);

pub fn events(context: &Context, run: Option<&str>, follow: bool) -> Result<(), Failure> {
    let dir = context.run_to_look_at(run)?;
    let book = read::outline(&dir, None).map(|outline| Book::of(&outline)).unwrap_or_default();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut teller = Teller { json: context.json, book, state: RunState::default(), out: &mut out };
    let result = teller.so_far(&dir).and_then(|error| if follow { teller.tail(&dir) } else { Ok(()) }.map(|()| error));
    match result {
        Ok(None) => Ok(()),
        // What could be shown was shown.
        Ok(Some(error)) => {
            talk(format_args!("note: {error}"));
            talk(format_args!("  hint: {}", error.hint()));
            Ok(())
        }
        Err(error) => written(Err(error)),
    }
}

struct Teller<'a> {
    json: bool,
    book: Book,
    state: RunState,
    out: &'a mut dyn Write,
}

impl Teller<'_> {
    fn so_far(&mut self, dir: &RunDir) -> io::Result<Option<crate::journal::JournalError>> {
        let mut result = Ok(());
        let error = read::visit(&dir.path, |record, hash| {
            if result.is_ok() {
                result = self.tell(&record, hash);
            }
        });
        result.and_then(|()| self.out.flush()).map(|()| error)
    }

    /// Until the run ends, or nobody executes it any more.
    fn tail(&mut self, dir: &RunDir) -> io::Result<()> {
        let mut follower = Follower::after(&dir.path, self.state.seq);
        loop {
            // Asked before reading, so that the last words of an executor that leaves are not missed.
            let alive = lease::is_held(&dir.path);
            for (record, hash) in follower.poll() {
                self.tell(&record, &hash)?;
            }
            self.out.flush()?;
            if self.state.ended.is_some() {
                return Ok(());
            }
            if !alive {
                talk("NOBODY EXECUTES THIS RUN");
                return Ok(());
            }
            sleep(PACE);
        }
    }

    fn tell(&mut self, record: &Record, hash: &str) -> io::Result<()> {
        self.state.apply(record, hash);
        if self.json {
            return json::write_record(record, self.out);
        }
        let text = line(record, &self.state, &self.book);
        writeln!(self.out, "{:>5} {} {}", record.seq.0, stamp_word(record.at), clean::word(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn printed(run: &testing::Golden, json: bool) -> (String, Option<String>) {
        let mut out = Vec::new();
        let book = Book::of(&run.outline);
        let mut teller = Teller { json, book, state: RunState::default(), out: &mut out };
        let error = teller.so_far(&run.dir).unwrap();
        (String::from_utf8(out).unwrap(), error.map(|error| error.to_string()))
    }

    #[test]
    fn one_line_a_record() {
        let (text, error) = printed(&testing::waiting(), false);
        assert_eq!(error, None);
        let last = text.lines().last().unwrap();
        assert_eq!(last, "    7 2026-11-24T10:03:52Z `load` waits for approval, code `k3m9q2`; asked: firefighter");
        assert_eq!(text.lines().count(), 7);
    }

    #[test]
    fn json_is_the_records_with_their_fields() {
        let (text, _) = printed(&testing::waiting(), true);
        for line in text.lines() {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            for field in ["seq", "at", "kind", "step"] {
                assert!(record.get(field).is_some(), "`{field}` is missing in {record}");
            }
        }
        assert!(text.lines().next().unwrap().ends_with(r#""step":null}"#), "{text}");
    }

    #[test]
    fn a_damaged_journal_is_shown_up_to_the_damage() {
        let (text, error) = printed(&testing::damaged(), false);
        assert!(text.lines().count() >= 2);
        assert!(error.unwrap().contains("is damaged at byte"));
        let (text, error) = printed(&testing::from_the_future(), false);
        assert_eq!(text.lines().count(), 7);
        assert!(error.unwrap().contains("newer regrow"));
    }
}
