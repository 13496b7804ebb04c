//! Plain lines, each with a UTC timestamp: what a run says where there is no terminal.
//!
//! [`crate::view::tell`] has the sentence for each record; here stands which records are worth a line, and what a person
//! needs beside it: what is shown and the command that answers, the hint and the ways on.

use std::io::Write;

use jiff::Timestamp;

use crate::model::record::{Ask, Event, Record};
use crate::model::{Address, Answer, Fault, RunState, Status, Verb};
use crate::plan::outline::Outline;
use crate::view::book::Book;
use crate::view::commands::{Way, whom};
use crate::view::drill::would;
use crate::view::tell::line;
use crate::view::words::stamp_word;
use crate::view::{Commands, Observer, clean};

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Volume {
    /// Questions, failures and the end.
    Quiet,
    #[default]
    Normal,
    /// Every record.
    Verbose,
}

/// Prints lines to `out`, which is stderr but for tests. Stops at the first error: a display never stops the run.
pub struct Lines<W: Write + Send> {
    out: Option<W>,
    teller: Teller,
}

impl<W: Write + Send> Lines<W> {
    pub fn new(out: W, outline: &Outline, commands: Commands, volume: Volume) -> Self {
        Self { out: Some(out), teller: Teller::new(outline, commands, volume) }
    }

    fn write(&mut self, text: &str) {
        let Some(out) = &mut self.out else { return };
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            self.out = None;
        }
    }
}

impl<W: Write + Send> Observer for Lines<W> {
    fn observe(&mut self, records: &[Record], state: &RunState) {
        let text: String = records.iter().map(|record| self.teller.lines(record, state)).collect();
        self.write(&text);
    }

    fn notice(&mut self, text: &str) {
        self.write(&format!("{} {}\n", stamp_word(Timestamp::now()), clean::word(text)));
    }
}

/// Turns records into lines, for this and every other display that prints some.
pub struct Teller {
    book: Book,
    commands: Commands,
    volume: Volume,
}

impl Teller {
    pub fn new(outline: &Outline, commands: Commands, volume: Volume) -> Self {
        Self { book: Book::of(outline), commands, volume }
    }

    /// All lines of a record; none where it is not worth one.
    pub fn lines(&self, record: &Record, state: &RunState) -> String {
        if worth(&record.event) > self.volume {
            return String::new();
        }
        let at = stamp_word(record.at);
        let first = line(record, state, &self.book);
        let more = self.beside(&record.event, state);
        let more = more.iter().flat_map(|text| clean::each_line(text)).map(|line| format!("  {line}"));
        // Only the first line is ours from its beginning.
        let first = clean::each_line(&first).enumerate();
        let first = first.map(|(index, line)| if index == 0 { line } else { format!("  {line}") });
        first.chain(more).map(|line| format!("{at} {line}\n")).collect()
    }

    /// What stands beneath the first line.
    fn beside(&self, event: &Event, state: &RunState) -> Vec<String> {
        match event {
            Event::StepIntended(it) => it.changes.clone(),
            Event::StepAsked { step, ask } => self.beside_asked(step, ask, state),
            Event::AskEscalated { step } => match &state.step(step).ask {
                Some(asked) => self.beside_asked(step, &asked.ask, state),
                None => Vec::new(),
            },
            // What may fail leaves nothing to be done.
            Event::StepFailed { step, fault } if self.book.may_fail(step) => because(fault).collect(),
            Event::StepFailed { step, fault } if state.ending.is_some() => self.beside_the_end(step, fault),
            Event::StepSucceeded(it) if it.despite.is_none() && !self.book.lacking(it).is_empty() => {
                vec![format!("do it again: {}", self.commands.rerun(&it.step))]
            }
            Event::StepFailed { step, fault } => self.beside_fault(step, fault, Status::Failed, state),
            Event::RepairBegan { fault, .. } => because(fault).collect(),
            Event::StepUnproven { step, fault, .. } => self.beside_fault(step, fault, Status::Unproven, state),
            Event::UndoFailed { step, fault } => because(fault).chain([said(&self.commands.take_back(step))]).collect(),
            Event::StepLate { step, .. } => self.ways(step, Status::Late, state),
            Event::WaitBegan { step, .. } => self.ways(step, Status::Waiting, state),
            // The run comes to its end without an answer, and takes none then.
            Event::StepDoubted { .. } if state.ending.is_some() => Vec::new(),
            Event::StepDoubted { step, .. } => self.ways(step, Status::Unknown, state),
            Event::StepSkipped { why, .. } => would(why).collect(),
            Event::RunEnded { .. } => self.beside_end(state),
            Event::RunPaused | Event::ExecutorStopped { .. } => vec![format!("go on with: {}", self.commands.resume())],
            _ => Vec::new(),
        }
    }

    fn beside_asked(&self, step: &Address, ask: &Ask, state: &RunState) -> Vec<String> {
        let whom = state.step(step).ask.as_ref().and_then(|asked| whom(asked));
        let shown = whom.into_iter().chain(ask.shown.iter().cloned());
        shown.chain(self.ways(step, Status::Waiting, state)).collect()
    }

    fn beside_fault(&self, step: &Address, fault: &Fault, status: Status, state: &RunState) -> Vec<String> {
        // A run that has ended takes no answers about its steps.
        let ways = if state.ending.is_none() { self.ways(step, status, state) } else { Vec::new() };
        because(fault).chain(ways).collect()
    }

    /// A run that comes to its end takes no answers about its steps; a hold can be given back also then.
    fn beside_the_end(&self, step: &Address, fault: &Fault) -> Vec<String> {
        let again = self.book.releases(step).map(|hold| format!("give it back again: {}", self.commands.release(hold)));
        because(fault).chain(again).collect()
    }

    fn ways(&self, step: &Address, status: Status, state: &RunState) -> Vec<String> {
        let ways = self.commands.ways(step, state.step(step), status);
        ways.iter().map(said).collect()
    }

    fn beside_end(&self, state: &RunState) -> Vec<String> {
        let left = state.ledger.iter().map(|entry| match entry.keep_until {
            Some(until) => format!("still there: {} {}, kept until {}", entry.kind, entry.id, stamp_word(until)),
            None => format!("still there: {} {}", entry.kind, entry.id),
        });
        let head = format!("head of the journal: {}", state.head);
        left.chain([head, format!("report: {}", self.commands.report())]).collect()
    }
}

fn because(fault: &Fault) -> impl Iterator<Item = String> {
    let causes = fault.causes.iter().flat_map(|cause| cause.lines()).map(|line| format!("because: {line}"));
    causes.chain(fault.hint.iter().map(|hint| format!("hint: {hint}")))
}

fn said(way: &Way) -> String {
    format!("{}: {}", way.means, way.command)
}

/// From which volume on a record is told.
fn worth(event: &Event) -> Volume {
    match event {
        // The note itself follows.
        Event::AnswerAccepted { answer: Answer { verb: Verb::Note { .. }, .. } } => Volume::Verbose,
        Event::StepAsked { .. }
        | Event::AskEscalated { .. }
        | Event::StepFailed { .. }
        | Event::StepUnproven { .. }
        | Event::StepDoubted { .. }
        | Event::StepLate { .. }
        | Event::UndoFailed { .. }
        | Event::Told { fault: Some(_), .. }
        | Event::UndoWithheld { .. }
        | Event::TailDoubted { .. }
        | Event::PlanChanged(_)
        | Event::ApprovalVoided { .. }
        | Event::AnswerRefused { .. }
        | Event::ExecutorStopped { .. }
        | Event::RunEnded { .. } => Volume::Quiet,
        Event::RunStarted(_)
        | Event::StepIntended(_)
        | Event::StepOpened { .. }
        | Event::StepAdopted { .. }
        | Event::StepRestarted { .. }
        | Event::ApprovalGiven { .. }
        | Event::StepSucceeded(_)
        | Event::StepVerified { .. }
        | Event::RetryScheduled { .. }
        | Event::RepairBegan { .. }
        | Event::StepSkipped { .. }
        | Event::StepSuperseded { .. }
        | Event::StepReopened { .. }
        | Event::StepExtended { .. }
        | Event::WaitBegan { .. }
        | Event::WaitEnded { .. }
        | Event::UndoIntended { .. }
        | Event::StepUndone { .. }
        | Event::UndoBegan { .. }
        | Event::LedgerRemoved { .. }
        | Event::CleanupBegan
        | Event::CleanupEnded { .. }
        | Event::AnswerAccepted { .. }
        | Event::RunPaused
        | Event::RunUnpaused
        | Event::NoteAdded { .. }
        | Event::EndingBegan { .. } => Volume::Normal,
        Event::SegmentOpened { .. }
        | Event::ExecutorStarted { .. }
        | Event::PhaseReached { .. }
        | Event::Told { fault: None, .. }
        | Event::LedgerAdded { .. } => Volume::Verbose,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing::{self, Golden};

    fn told(run: &Golden, volume: Volume) -> String {
        let mut lines = Lines::new(Vec::new(), &run.outline, Commands::new(run.id()), volume);
        run.replay_to(&mut lines);
        String::from_utf8(lines.out.unwrap()).unwrap()
    }

    #[test]
    fn a_run_with_an_approval_told_line_by_line() {
        let run = testing::ok();
        let head = &run.state.head;
        let expected = format!(
            "\
2026-11-24T10:00:00Z run `7qk2` of `restore-only` is started by ana: Bring back one table
2026-11-24T10:00:00Z `copy` starts (postgres.restore): Restore the whole backup beside the live cluster
2026-11-24T10:00:00Z   `copy` changes one thing
2026-11-24T10:03:12Z `copy` succeeded in 3m12s: host=127.0.0.1, port=5433, restored_to=2026-11-24T09:45:00Z
2026-11-24T10:03:12Z `load` starts (postgres.dump_and_load): Put enrolments back
2026-11-24T10:03:12Z   `load` changes one thing
2026-11-24T10:03:52Z `load` waits for approval, code `k3m9q2`; asked: firefighter
2026-11-24T10:03:52Z   412 rows come back
2026-11-24T10:03:52Z   3 rows are only in live and stay
2026-11-24T10:03:52Z   yes: regrow approve load --code k3m9q2 --run 7qk2
2026-11-24T10:03:52Z   no: regrow reject load --because TEXT --run 7qk2
2026-11-24T10:08:52Z ben says `approve load`
2026-11-24T10:08:52Z `load` is approved by ben with code `k3m9q2`
2026-11-24T10:08:52Z `load` starts, attempt 2 (postgres.dump_and_load): Put enrolments back
2026-11-24T10:08:52Z   `load` changes one thing
2026-11-24T10:10:22Z `load` has done its work and is proven now in 7m10s: rows=412, kept_as=enrolments_7qk2
2026-11-24T10:10:24Z `load` succeeded and is proven: `select count(*)` is 412, at least 412
2026-11-24T10:10:24Z `tell` is skipped: its `if` is false
2026-11-24T10:10:24Z cleo notes: customers were told
2026-11-24T10:10:29Z the run comes to its end as succeeded
2026-11-24T10:10:29Z the run has ended after 10m29s: succeeded, 16 records
2026-11-24T10:10:29Z   still there: postgres cluster /var/lib/regrow/7qk2, kept until 2026-11-25T10:00:00Z
2026-11-24T10:10:29Z   head of the journal: {head}
2026-11-24T10:10:29Z   report: regrow report 7qk2
"
        );
        assert_eq!(told(&run, Volume::Normal), expected);
    }

    #[test]
    fn a_failure_comes_with_cause_hint_and_ways_on() {
        let expected = "\
2026-11-24T10:00:42Z `copy` failed in 42s: RG2104 the lock on `enrolments` was not had
2026-11-24T10:00:42Z   because: canceling statement due to lock timeout
2026-11-24T10:00:42Z   hint: end process 412 of `lms`, then retry
2026-11-24T10:00:42Z   try again: regrow retry copy --run 7qk2
2026-11-24T10:00:42Z   done by hand: regrow done copy --because TEXT --run 7qk2
2026-11-24T10:00:42Z   go on without it: regrow skip copy --because TEXT --run 7qk2
";
        assert_eq!(told(&testing::failed(), Volume::Quiet), expected);
    }

    #[test]
    fn an_unknown_step_comes_with_the_two_answers() {
        let told = told(&testing::unknown(), Volume::Verbose);
        for line in [
            "2026-11-24T10:10:00Z the journal goes on in a new segment after record 3",
            "2026-11-24T10:10:00Z `copy` is unknown, nobody can tell whether it happened: its supervisor is gone and left no result",
            "2026-11-24T10:10:00Z   it happened: regrow done copy --because TEXT --run 7qk2",
            "2026-11-24T10:10:00Z   it did not happen: do it: regrow retry copy --because TEXT --run 7qk2",
        ] {
            assert!(told.contains(line), "`{line}` is missing in\n{told}");
        }
    }

    #[test]
    fn taking_back_is_told_in_order() {
        let told = told(&testing::undone(), Volume::Normal);
        for line in [
            "ben says `undo` because: it was the wrong backup",
            "the run is taken back, in this order: `copy`",
            "`copy` is taken back: `remove_copy`",
            "`copy` is undone: `/var/lib/regrow/7qk2` is gone",
            "the run has ended after 1m03s: undone",
        ] {
            assert!(told.contains(line), "`{line}` is missing in\n{told}");
        }
    }
}
