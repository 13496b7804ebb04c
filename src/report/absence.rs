//! What went on while nobody executed a run. Supervised work outlives its executor, and the next one finds it going on, or its
//! result: until then its time was work, and nobody's absence.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;

use crate::journal::store::RunDir;
use crate::model::record::Event;
use crate::model::{Address, Record};
use crate::provider::process::JobFiles;
use crate::view::read;

/// Until when work went on, by the epoch of the executor that came next.
#[derive(Debug, Default)]
pub struct Absences(HashMap<u64, Timestamp>);

impl Absences {
    /// From the journal and the results in `folder`. A run of one segment had one executor.
    pub fn read(folder: &Path) -> Self {
        if read::segments(folder).len() < 2 {
            return Self::default();
        }
        let run = RunDir { path: folder.into() };
        let mut watcher = Watcher { run, epoch: 0, in_flight: HashMap::new(), found: Self::default() };
        read::visit(folder, |record, _| watcher.add(&record));
        watcher.found
    }

    /// Until when work went on in front of the executor of that epoch.
    pub fn worked_until(&self, epoch: u64) -> Option<Timestamp> {
        self.0.get(&epoch).copied()
    }

    fn found(&mut self, epoch: u64, until: Timestamp) {
        let known = self.0.entry(epoch).or_insert(until);
        *known = (*known).max(until);
    }
}

/// Goes through the records.
struct Watcher {
    run: RunDir,
    epoch: u64,
    /// What was begun and has no outcome, and the epoch in front of which it was left alone.
    in_flight: HashMap<Address, (JobFiles, Option<u64>)>,
    found: Absences,
}

impl Watcher {
    fn add(&mut self, record: &Record) {
        if record.epoch != self.epoch {
            self.epoch = record.epoch;
            self.in_flight.values_mut().for_each(|(_, left)| *left = Some(record.epoch));
        }
        let Some(step) = record.event.step() else { return };
        match &record.event {
            Event::StepIntended(it) => {
                let files = JobFiles::named(&self.run.work(), &it.op, it.attempt, &it.phase);
                self.in_flight.insert(step.clone(), (files, None));
            }
            Event::StepAdopted { .. } => {
                let left = self.in_flight.get_mut(step).and_then(|(_, left)| left.take());
                left.into_iter().for_each(|epoch| self.found.found(epoch, record.at));
            }
            // It is begun anew.
            Event::StepRestarted { .. } => {
                self.in_flight.get_mut(step).into_iter().for_each(|(_, left)| *left = None);
            }
            Event::StepSucceeded(_)
            | Event::StepFailed { .. }
            | Event::RetryScheduled { .. }
            | Event::RepairBegan { .. }
            | Event::PhaseReached { .. }
            | Event::StepDoubted { .. }
            | Event::StepReopened { .. } => {
                let Some((files, left)) = self.in_flight.remove(step) else { return };
                let until = left.and_then(|epoch| Some((epoch, files.ended_at()?)));
                until.into_iter().for_each(|(epoch, until)| self.found.found(epoch, until));
            }
            _ => {}
        }
    }
}
