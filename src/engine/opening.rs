//! Takes up a journal as a crash left it: reads it, keeps aside what is going to be dropped, begins the next segment.

use std::path::PathBuf;

use super::amend;
use super::doubt::{self, Lost};
use super::escalation;
use super::evidence;
use crate::journal::{Disk, JournalError, Recovered, Tail, Writer, reader, recover, segment_name};
use crate::model::RunState;
use crate::model::record::{Event, RunStarted};
use crate::model::time::Moment;
use crate::plan::Plan;

/// What an executor begins with.
pub struct Opening<D: Disk> {
    pub writer: Writer<D>,
    pub state: RunState,
    /// Written before anything else happens.
    pub first: Vec<Event>,
}

/// Adds to the plan what the run has worked out since. `started` is the first record of a run without a journal; `here` says who
/// executes from now on. `handed_over` are the files of jobs that lie in the run's folder.
pub fn open<D: Disk>(
    mut disk: D,
    plan: &mut Plan,
    started: RunStarted,
    here: Event,
    now: &Moment,
    handed_over: &[(String, PathBuf)],
) -> Result<Opening<D>, JournalError> {
    let (mut state, doubt) = match recover(&disk) {
        Ok(recovered) => {
            if Lost::behind(&recovered.tail).is_none() {
                evidence::weigh(&recovered.state, &recovered.segment, handed_over)?;
            }
            let doubt = keep_aside(&mut disk, &recovered)?;
            (recovered.state, doubt.zip(Lost::behind(&recovered.tail)))
        }
        Err(JournalError::Missing) => {
            evidence::weigh(&RunState::default(), &segment_name(1), handed_over)?;
            (RunState::default(), None)
        }
        Err(error) => return Err(error),
    };
    plan.grow(&state);
    doubt::hand_down(plan, &mut state);
    if let Some((Event::TailDoubted { kept_as, .. }, lost)) = doubt.as_ref().filter(|_| guard!("doubt")) {
        // In the head of the new segment itself: a crash right behind it must not forget the doubt.
        doubt::mark(plan, &mut state, kept_as, *lost);
    }
    let (writer, state) = Writer::open(disk, state, now)?;
    let mut first = Vec::new();
    if state.started.is_none() {
        first.push(Event::RunStarted(Box::new(started)));
    }
    first.extend(doubt.map(|(event, _)| event));
    first.push(here);
    let amended = amend::records(plan, &state);
    if amended.is_empty() {
        // Before any answer is judged: those whom a question has gone to meanwhile count.
        first.extend(escalation::due(&state, now));
    }
    first.extend(amended);
    if state.paused {
        first.push(Event::RunUnpaused);
    }
    Ok(Opening { writer, state, first })
}

/// Copies a tail that is going to be dropped, and says so in the journal where it is no clean cut (G9, G10).
fn keep_aside<D: Disk>(disk: &mut D, recovered: &Recovered) -> Result<Option<Event>, JournalError> {
    let (segment, offset) = match &recovered.tail {
        Tail::Clean => return Ok(None),
        Tail::Torn { offset } | Tail::Doubtful { offset } => (&recovered.segment, *offset),
        // It stays under its own name, which nobody reads again.
        Tail::Lost { segment } => {
            let (segment, kept_as) = (segment.clone(), segment.clone());
            return Ok(Some(Event::TailDoubted { segment, offset: 0, kept_as }));
        }
    };
    let kept_as = format!("tail.{segment}.{offset}");
    let names = disk.list().map_err(|e| JournalError::io("journal", e))?;
    if !names.contains(&kept_as) {
        let bytes = reader::tail_bytes(disk, segment, offset)?;
        let lost = |error| JournalError::lost(&kept_as, 0, error);
        let mut file = disk.create(&kept_as).map_err(lost)?;
        disk.write(&mut file, &bytes).map_err(lost)?;
        disk.sync(&mut file).map_err(lost)?;
    }
    let doubtful = matches!(recovered.tail, Tail::Doubtful { .. });
    Ok(doubtful.then(|| Event::TailDoubted { segment: segment.clone(), offset: offset as u64, kept_as }))
}
