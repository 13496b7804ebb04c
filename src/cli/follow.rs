//! Watching a run, one's own or another executor's.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::context::Context;
use super::{Failure, exit, run};
use crate::engine::executor::Left;
use crate::engine::world::Audience;
use crate::journal::store::RunDir;
use crate::journal::{Folder, lease, replay};
use crate::model::record::Record;
use crate::model::{Fault, RunState};
use crate::plan::outline::Outline;

struct Plain;
impl Audience for Plain {
    fn hear(&mut self, records: &[Record], _: &RunState) {
        for record in records {
            let _ = writeln!(std::io::stderr().lock(), "{}", serde_json::to_string(record).unwrap_or_default());
        }
    }
}

pub fn audience(_: &Context, _: &RunDir, _: &Outline) -> Vec<Box<dyn Audience>> {
    vec![Box::new(Plain)]
}

pub fn write_report(_: &RunDir, _: &Value) -> Result<Vec<String>, Fault> {
    Ok(Vec::new())
}

pub fn write_reports(_: &RunDir) -> Result<(), Failure> {
    Ok(())
}

pub fn farewell(_: &Context, _: &RunDir, _: &Left) {}

pub fn farewell_of(_: &Context, _: &RunDir, _: &RunState) {}

/// Shows what another executor does until it leaves.
pub fn follow(context: &Context, dir: &RunDir) -> Result<u8, Failure> {
    let outline = crate::plan::saved::SavedPlan::read(dir)?.outline;
    let mut audience = audience(context, dir, &outline);
    let mut seen = 0;
    loop {
        let held = lease::is_held(Path::new(&dir.path));
        let mut fresh: Vec<Record> = Vec::new();
        let state = replay(&Folder::new(&dir.path), |record, _| {
            if record.seq.0 > seen {
                fresh.push(record.clone());
            }
        })?;
        seen = state.seq.0;
        if !fresh.is_empty() {
            audience.iter_mut().for_each(|listener| listener.hear(&fresh, &state));
        }
        if state.ended.is_some() {
            return Ok(run::code_of_end(&state, false));
        }
        if !held {
            return Ok(exit::STOPPED);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}
