//! Who watches a run, one's own or another executor's, and what is written when it ends.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::context::Context;
use super::exit;
use super::failure::Failure;
use crate::engine::world::Audience;
use crate::journal::store::RunDir;
use crate::model::record::Record;
use crate::model::{Fault, RunState};
use crate::plan::outline::Outline;
use crate::plan::saved::SavedPlan;
use crate::report::json_lines::JsonLines;
use crate::report::terminal::{self, Look};
use crate::report::{self, Format};
use crate::view::follow::attend;
use crate::view::{Commands, Observer, RunView};

/// A display, as the engine knows it.
struct Listener(Box<dyn Observer>);

impl Audience for Listener {
    fn hear(&mut self, records: &[Record], state: &RunState) {
        self.0.observe(records, state);
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.finish();
    }
}

/// Those who are told while this process executes a run.
pub fn audience(context: &Context, dir: &RunDir, outline: &Outline) -> Vec<Box<dyn Audience>> {
    vec![Box::new(Listener(display(context, dir, outline)))]
}

fn display(context: &Context, dir: &RunDir, outline: &Outline) -> Box<dyn Observer> {
    if context.json {
        return Box::new(JsonLines::new(io::stdout()));
    }
    let commands = Commands { run: dir.id(), state: context.named_state.clone() };
    let work = dir.work();
    terminal::observer(&Look { outline, work: &work, commands, volume: context.volume, colour: context.color })
}

/// For steps `report.write`: into the run's folder, and to where the step says.
pub fn write_report(dir: &RunDir, inputs: &Value) -> Result<Vec<String>, Fault> {
    let wanted: Vec<&str> = inputs["formats"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let is_wanted = |format: &Format| wanted.is_empty() || wanted.contains(&format.word());
    let formats: Vec<Format> = Format::ALL.into_iter().filter(is_wanted).collect();
    let to = inputs["to"].as_str().map(|to| SavedPlan::read(dir).map(|plan| plan.base.join(to))).transpose();
    let written = to.and_then(|to| report::write_to(dir, &formats, to.as_deref().unwrap_or(&dir.path)));
    let paths = written.map_err(|e| Fault::new("RG5007", "the report cannot be written").caused_by(&e))?;
    Ok(paths.iter().map(|path| path.display().to_string()).collect())
}

/// The report of a run that has come to an end, in its folder.
pub fn write_reports(dir: &RunDir) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::new(exit::FAILED, "the report cannot be written").caused_by(&e);
    report::write_all(dir).map_err(failed)?;
    Ok(())
}

/// Shows what another executor does until it leaves; the code is that of the run as it stands then.
pub fn follow(context: &Context, dir: &RunDir) -> Result<u8, Failure> {
    let outline = SavedPlan::read(dir).map(|plan| plan.outline).unwrap_or_default();
    let mut display = display(context, dir, &outline);
    attend(dir, display.as_mut(), |_| true);
    Ok(code(dir))
}

/// The exit code of a run that nobody executes.
pub fn code(dir: &RunDir) -> u8 {
    let view = RunView::load(&RunDir { path: Path::new(&dir.path).into() }, jiff::Timestamp::now());
    exit::of_run(view.status, view.steps.iter().map(|step| step.status))
}
