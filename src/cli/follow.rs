//! Watching a run, one's own or another executor's, and what is left to say when it is over.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::context::Context;
use super::{Failure, exit, looking, status};
use crate::engine::Halt;
use crate::engine::world::Audience;
use crate::journal::store::{RunDir, make_private};
use crate::model::record::Record;
use crate::model::{Fault, RunState, RunStatus, Status};
use crate::plan::outline::Outline;
use crate::plan::saved::SavedPlan;
use crate::report::json_lines::JsonLines;
use crate::report::lines::Volume;
use crate::report::terminal::{self, Look};
use crate::report::{self, Format};
use crate::view::derive::needs_attention;
use crate::view::{Commands, Observer, RunView, follow, words};

/// A display in the engine's eyes.
struct Display(Box<dyn Observer>);

impl Audience for Display {
    fn hear(&mut self, records: &[Record], state: &RunState) {
        self.0.observe(records, state);
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.0.finish();
    }
}

pub fn audience(context: &Context, dir: &RunDir, outline: &Outline) -> Vec<Box<dyn Audience>> {
    vec![Box::new(Display(display(context, dir, outline)))]
}

fn display(context: &Context, dir: &RunDir, outline: &Outline) -> Box<dyn Observer> {
    if context.json {
        return Box::new(JsonLines::new(io::stdout()));
    }
    let volume = match (context.quiet, context.verbose) {
        (true, _) => Volume::Quiet,
        (false, true) => Volume::Verbose,
        (false, false) => Volume::Normal,
    };
    let work = dir.work();
    let commands = Commands { run: dir.id(), state: context.said_state() };
    terminal::observer(&Look { outline, work: &work, commands, volume, colour: context.color })
}

/// What `report.write` does: the formats it names, also into a folder beside the run's own.
pub fn write_report(dir: &RunDir, inputs: &Value) -> Result<Vec<String>, Fault> {
    let failed = |error: io::Error| Fault::new("RG5101", "the report cannot be written").caused_by(&error);
    let named: Vec<Format> = serde_json::from_value(inputs["formats"].clone()).unwrap_or_default();
    let formats = if named.is_empty() { Format::ALL.to_vec() } else { named };
    let mut files = report::write_to(dir, &formats, &dir.path).map_err(failed)?;
    if let Some(to) = inputs["to"].as_str() {
        let base = SavedPlan::read(dir).map(|plan| plan.base).unwrap_or_default();
        let folder = base.join(to);
        make_private(&folder).map_err(failed)?;
        files.extend(report::write_to(dir, &formats, &folder).map_err(failed)?);
    }
    Ok(files.iter().map(|path| path.display().to_string()).collect())
}

/// Called at every end.
pub fn write_reports(dir: &RunDir) -> Result<(), Failure> {
    let written: io::Result<Vec<PathBuf>> = report::write_all(dir);
    written.map(|_| ()).map_err(|error| {
        Failure::new(exit::FAILED, "the run is over, but its report cannot be written")
            .caused_by(&error)
            .hint(format!("`regrow report {}` prints it", dir.id()))
    })
}

/// The last words of an executor: how things stand, and what to do next.
pub fn farewell(context: &Context, dir: &RunDir, halt: Halt) {
    last_words(context, dir, halt == Halt::Ended);
    if halt == Halt::Detached && !context.json {
        left_going(&looking::view_of(context, dir));
    }
}

/// Whoever is cut off should know what is still alive (G17).
fn left_going(view: &RunView) {
    let now = words::stamp_word(Timestamp::now());
    let mut err = io::stderr().lock();
    for step in view.steps.iter().filter(|step| step.status.is_in_flight() && !step.is_group) {
        let how = if step.survives { "goes on without an executor" } else { "is not worked on by a process of ours" };
        let _ = writeln!(err, "{now} left: `{}` {how}; {} takes it up", step.address, view.commands.resume());
    }
}

/// How things stand, and what to do next.
pub fn last_words(context: &Context, dir: &RunDir, ended: bool) {
    let on_screen = io::stderr().is_terminal();
    // The lines of a run that has ended have told a log everything.
    if context.json || context.quiet || (!on_screen && ended) {
        return;
    }
    let mut view = looking::view_of(context, dir);
    // It leaves this very moment; the lock may still be held.
    view.alive = false;
    if !on_screen {
        return in_the_way(&view);
    }
    let paint = crate::view::paint::Paint { colour: context.color };
    let _ = write!(io::stderr().lock(), "\n{}", status::text(&view, paint, context.verbose));
}

/// A log is told what people have to deal with: it may have been said by an executor long gone.
fn in_the_way(view: &RunView) {
    let now = words::stamp_word(Timestamp::now());
    let mut err = io::stderr().lock();
    for todo in view.todos() {
        let _ = writeln!(err, "{now} in the way: `{}` is {}", todo.step.address, todo.step.status.word());
        for way in todo.ways {
            let _ = writeln!(err, "{now}   {}: {}", way.means, way.command);
        }
    }
}

/// Shows what another executor does until it leaves.
pub fn follow(context: &Context, dir: &RunDir) -> Result<u8, Failure> {
    let outline = SavedPlan::read(dir)?.outline;
    let mut display = display(context, dir, &outline);
    let state = follow::attend(dir, &mut *display, |_| true);
    drop(display);
    last_words(context, dir, state.ended.is_some());
    Ok(code(dir))
}

/// The exit code of a run that nobody executes, as it stands.
pub fn code(dir: &RunDir) -> u8 {
    let view = RunView::load(dir, Timestamp::now());
    let any = |wanted: Status| view.steps.iter().any(|step| step.status == wanted);
    let failed_finally = view
        .steps
        .iter()
        .any(|step| step.finally && !step.allow_failure && matches!(step.status, Status::Failed | Status::Unproven));
    match view.status {
        RunStatus::Paused if view.state.paused => exit::STOPPED,
        RunStatus::Failed | RunStatus::Paused => exit::FAILED,
        _ if view.status.is_final() && failed_finally => exit::FAILED,
        RunStatus::Succeeded => exit::DONE,
        RunStatus::Aborted | RunStatus::Undone => exit::ABORTED,
        RunStatus::Waiting if any(Status::Unknown) => exit::UNKNOWN,
        // Beside what is asked: whoever answers it has not dealt with the failure.
        RunStatus::Waiting if view.steps.iter().any(|step| !step.finally && needs_attention(step)) => exit::FAILED,
        RunStatus::Waiting => exit::WAITING,
        RunStatus::Running | RunStatus::Ending => exit::STOPPED,
    }
}
