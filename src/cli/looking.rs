//! What the commands that look have in common: which step is meant, where what they show goes.
//!
//! They take no lock and write nothing, and end with 0 when they could show something. RG80 are their codes: no such step,
//! output that cannot be written.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use jiff::Timestamp;
use serde::Serialize;

use super::context::Context;
use super::failure::NO_STEP;
use super::failure::{Failure, written};
use crate::journal::store::RunDir;
use crate::runbook::suggest;
use crate::view::clean::{self, Json};
use crate::view::paint::Paint;
use crate::view::{RunView, StepView};

/// The run that is meant: the one named, else the newest.
pub fn view(context: &Context, run: Option<&str>) -> Result<RunView, Failure> {
    Ok(view_of(context, &context.run_to_look_at(run)?))
}

pub fn view_of(context: &Context, dir: &RunDir) -> RunView {
    let mut view = RunView::load(dir, Timestamp::now());
    view.commands = view.commands.at(context.said_state());
    view
}

/// The step that is meant, or an error that names the nearest.
pub fn step<'a>(view: &'a RunView, id: &str) -> Result<&'a StepView, Failure> {
    view.find(id).ok_or_else(|| {
        let ids: Vec<&str> = view.steps.iter().map(|step| step.address.as_str()).collect();
        let failure = Failure::usage(NO_STEP, format!("there is no step `{id}` in run `{}`", view.id));
        match suggest::help(id, ids.iter().copied()) {
            Some(help) => failure.hint(help),
            None => failure.hint(format!("`regrow status {}` names the steps", view.id)),
        }
    })
}

/// Writes data to stdout.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(clean::screen(&text.to_string()).as_bytes()).and_then(|()| out.flush()))
}

pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = Json(io::BufWriter::new(io::stdout().lock()));
    let result = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    written(result.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// The same on one line.
pub fn print_json_line(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = Json(io::BufWriter::new(io::stdout().lock()));
    let result = serde_json::to_writer(&mut out, value).map_err(io::Error::from);
    written(result.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Says one line beside the data. On a closed stderr nobody listens, and that is all right.
pub fn talk(line: impl Display) {
    tell(format_args!("{}\n", clean::whole_line(&line.to_string())));
}

/// The same of a text whose lines are ended.
pub fn tell(text: impl Display) {
    let _ = io::stderr().lock().write_all(clean::screen(&text.to_string()).as_bytes());
}

/// The colours of stdout, where the data goes.
pub fn paint(context: &Context) -> Paint {
    Paint { colour: context.color && (context.always_color || io::stdout().is_terminal()) }
}
