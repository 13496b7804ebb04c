//! `run --json`: the records of the journal, one a line.

use std::io::Write;

use crate::model::{Record, RunState};
use crate::view::{Observer, json};

/// Stops writing at the first error: nobody reads any more, and the run goes on.
pub struct JsonLines<W: Write + Send> {
    out: Option<W>,
}

impl<W: Write + Send> JsonLines<W> {
    pub fn new(out: W) -> Self {
        Self { out: Some(out) }
    }

    fn write(&mut self, records: &[Record]) -> std::io::Result<()> {
        let Some(out) = &mut self.out else { return Ok(()) };
        for record in records {
            json::write_record(record, out)?;
        }
        out.flush()
    }
}

impl<W: Write + Send> Observer for JsonLines<W> {
    fn observe(&mut self, records: &[Record], _: &RunState) {
        if self.write(records).is_err() {
            self.out = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    #[test]
    fn a_line_is_the_payload_of_the_journal_and_a_step_that_may_be_none() {
        let run = testing::waiting();
        let mut lines = JsonLines::new(Vec::new());
        run.replay_to(&mut lines);
        let written = String::from_utf8(lines.out.unwrap()).unwrap();
        let journal = std::fs::read_to_string(run.segment()).unwrap();
        let payloads: String = journal.lines().map(|line| format!("{}\n", &line[line.find('{').unwrap()..])).collect();
        assert_eq!(written.replace(r#","step":null}"#, "}"), payloads);
        assert_eq!(written.matches(r#","step":null}"#).count(), 3);
    }

    #[test]
    fn a_pipe_that_nobody_reads_ends_the_display_and_not_the_run() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut lines = JsonLines::new(Closed);
        testing::waiting().replay_to(&mut lines);
        assert!(lines.out.is_none());
    }
}
