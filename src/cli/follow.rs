//! Watching a run, one's own or another executor's, and what is left to say when it is over.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::context::Context;
use super::failure::FULL;
use super::{Failure, exit, looking, status};
use crate::engine::Halt;
use crate::engine::world::{Audience, Compose};
use crate::journal::lease;
use crate::journal::store::{RunDir, make_private};
use crate::journal::{Folder, replay};
use crate::model::record::{Event, Record};
use crate::model::{Fault, RunState, RunStatus, Status};
use crate::plan::outline::Outline;
use crate::plan::saved::SavedPlan;
use crate::report::json_lines::JsonLines;
use crate::report::lines::Volume;
use crate::report::terminal::{self, Look};
use crate::report::{self, Format};
use crate::view::derive::needs_attention;
use crate::view::{self, Commands, Observer, RunView, follow, json, telling, words};

/// A display in the engine's eyes.
struct Display(Box<dyn Observer>);

impl Audience for Display {
    fn hear(&mut self, records: &[Record], state: &RunState) {
        self.0.observe(records, state);
    }

    fn stopping(&mut self) {
        self.0.notice(STOPPING);
    }
}

/// Said at the first Ctrl-C.
const STOPPING: &str = "stopping after what is in flight; Ctrl-C again leaves at once, and lets it go on by itself";

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
    let commands = Commands::new(dir.id()).at(context.said_state()).knowing(outline);
    terminal::observer(&Look { outline, work: &work, commands, volume, colour: context.color })
}

/// What somebody outside is told of the run as it stands on disk.
pub fn compose(context: &Context, dir: &RunDir) -> Compose {
    let (dir, state) = (dir.clone(), context.said_state());
    Arc::new(move |when| {
        let mut view = RunView::load(&dir, Timestamp::now());
        view.commands = view.commands.at(state.clone());
        telling::body(&view, when)
    })
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

/// Called at every end. How the run went does not depend on it.
pub fn write_reports(context: &Context, dir: &RunDir) {
    if let Err(error) = report::write_all(dir) {
        let report = Commands::new(dir.id()).at(context.said_state()).report();
        Failure::new(exit::FAILED, "RG5101", "the run is over, but its report cannot be written")
            .caused_by(&error)
            .hint(format!("{report} prints it"))
            .print(context.json);
    }
}

/// The last words of an executor: how things stand, and what to do next.
pub fn farewell(context: &Context, dir: &RunDir, halt: Halt) {
    if halt == Halt::Full {
        let resume = Commands::new(dir.id()).at(context.said_state()).resume();
        Failure::new(exit::STOPPED, FULL, format!("no room left for the journal in `{}`", dir.path.display()))
            .hint(format!("nothing more was begun; make room, then {resume}"))
            .print(context.json);
    }
    last_words(context, dir, halt == Halt::Ended);
    if halt == Halt::Detached && !context.json {
        left_going(&looking::view_of(context, dir));
    }
}

/// Whoever is cut off should know what is still alive (G17).
fn left_going(view: &RunView) {
    let now = words::stamp_word(Timestamp::now());
    for step in view.steps.iter().filter(|step| step.status.is_in_flight() && !step.is_group) {
        let how = if step.survives { "goes on without an executor" } else { "is not worked on by a process of ours" };
        looking::talk(format_args!("{now} left: `{}` {how}; {} takes it up", step.address, view.commands.resume()));
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
    looking::tell(format_args!("\n{}", status::text(&view, paint, context.verbose)));
}

/// Whoever asks for a run that has ended is told how: a program by the record of the end, as it was told the first time.
pub fn ended(context: &Context, dir: &RunDir) -> u8 {
    if context.json {
        let mut end = None;
        let read = replay(&Folder::new(&dir.path), |record, _| {
            if matches!(record.event, Event::RunEnded { .. }) {
                end = Some(record);
            }
        });
        if let (Ok(()), Some(end)) = (read, end) {
            // On a closed pipe nobody listens.
            let _ = json::write_record(&end, &mut io::stdout().lock());
        }
    }
    let on_screen = io::stderr().is_terminal();
    if !context.json && !context.quiet && !on_screen {
        let view = looking::view_of(context, dir);
        let (now, report) = (words::stamp_word(Timestamp::now()), view.commands.report());
        let how = format!("{}{}", view.status.word(), view.remarked());
        looking::talk(format_args!("{now} run `{}` has ended: {how}, {}; {report}", view.id, view.done_of_all()));
    }
    last_words(context, dir, true);
    code(dir)
}

/// An executor that is going to wait says for whom, where no screen shows it.
pub fn first_words(context: &Context, dir: &RunDir) {
    if context.json || context.quiet || io::stderr().is_terminal() {
        return;
    }
    in_the_way(&looking::view_of(context, dir));
}

/// A log is told what people have to deal with: it may have been said by an executor long gone.
fn in_the_way(view: &RunView) {
    let now = words::stamp_word(Timestamp::now());
    for todo in view.todos().into_iter().filter(|todo| view.recorded_of(todo.step).is_empty()) {
        let question = status::question(view, todo.step);
        looking::talk(format_args!("{now} in the way: `{}` {question}", todo.step.address));
        for way in todo.ways {
            looking::talk(format_args!("{now}   {}: {}", way.means, way.command));
        }
    }
}

/// `watch [RUN]`: the same from any terminal, without a part in it. What nobody executes stands still: its status says where.
pub fn watch(context: &Context, run: Option<&str>) -> Result<(), Failure> {
    let dir = context.run_to_look_at(run)?;
    if lease::is_held(&dir.path) {
        return follow(context, &dir).map(|_| ());
    }
    status::status(context, Some(dir.id().as_str()), false)
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
    let at_end = view.status.is_final() || view.status == RunStatus::Ending;
    // What nobody can tell is said before how it ended.
    let unknown = at_end && view.steps.iter().any(|step| step.status == Status::Unknown);
    if unknown { exit::UNKNOWN } else { standing(&view) }
}

/// The same, whatever became of steps of which nobody can tell, once the run comes to its end.
pub fn standing(view: &RunView) -> u8 {
    let any = |wanted: Status| view.steps.iter().any(|step| step.status == wanted);
    let is_of_the_end = |step: &&view::StepView| step.finally || step.is_release();
    let failed_finally = view
        .steps
        .iter()
        .filter(is_of_the_end)
        .any(|step| !step.allow_failure && matches!(step.status, Status::Failed | Status::Unproven));
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
