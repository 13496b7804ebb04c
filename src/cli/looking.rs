//! What the commands that look have in common: which run is meant, how it is shown, where it goes.
//!
//! RG80 are its codes: no such run, several, runs that cannot be read, no such step, output that cannot be written.
//! They take no lock and write nothing, and end with 0 when they could show something.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;

use jiff::Timestamp;
use serde::Serialize;

use super::exit;
use super::failure::{Failure, written};
use crate::journal::store::{NoRun, RunDir, Store};
use crate::model::RunId;
use crate::runbook::suggest;
use crate::view::{RunView, StepView};

/// The options that every looking command knows.
#[derive(Clone, Debug)]
pub struct Looking {
    pub store: Store,
    /// Set where commands that are shown must name the folder too.
    pub state: Option<PathBuf>,
    pub json: bool,
    pub colour: bool,
    pub verbose: bool,
}

impl Looking {
    pub fn new(store: Store) -> Self {
        Self { store, state: None, json: false, colour: false, verbose: false }
    }

    /// The run that is meant: `beginning` of an id, or the newest one.
    pub fn run(&self, beginning: Option<&str>) -> Result<RunDir, Failure> {
        let Some(beginning) = beginning else { return self.newest() };
        let found = self.store.find(beginning).map_err(|error| self.unreadable(&error))?;
        match found {
            Ok(id) => Ok(self.store.run(&id)),
            Err(NoRun::Unknown) => Err(Failure::usage(format!("there is no run `{beginning}`"))
                .code("RG8001")
                .hint("`regrow list` names the runs; `--state` says where they lie")),
            Err(NoRun::Ambiguous(ids)) => {
                let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
                Err(Failure::usage(format!("`{beginning}` may be any of {}", ids.join(", ")))
                    .code("RG8002")
                    .hint("write more of it"))
            }
        }
    }

    fn newest(&self) -> Result<RunDir, Failure> {
        let ids = self.runs()?;
        let newest = ids.first().ok_or_else(|| {
            let place = self.store.root().display();
            Failure::usage(format!("there is no run in `{place}`"))
                .code("RG8001")
                .hint("`regrow run FILE` starts one; `--state` says where runs lie")
        })?;
        Ok(self.store.run(newest))
    }

    pub fn runs(&self) -> Result<Vec<RunId>, Failure> {
        self.store.list().map_err(|error| self.unreadable(&error))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        let place = self.store.root().display();
        Failure::new(exit::NOT_STARTED, format!("the runs in `{place}` cannot be read")).code("RG8003").caused_by(error)
    }

    pub fn view(&self, run: Option<&str>) -> Result<RunView, Failure> {
        Ok(self.view_of(&self.run(run)?))
    }

    pub fn view_of(&self, dir: &RunDir) -> RunView {
        let mut view = RunView::load(dir, Timestamp::now());
        view.commands.state.clone_from(&self.state);
        view
    }
}

/// The step that is meant, or an error that names the nearest.
pub fn step<'a>(view: &'a RunView, id: &str) -> Result<&'a StepView, Failure> {
    view.find(id).ok_or_else(|| {
        let ids: Vec<&str> = view.steps.iter().map(|step| step.address.as_str()).collect();
        let failure = Failure::usage(format!("there is no step `{id}` in run `{}`", view.id)).code("RG8004");
        match suggest::help(id, ids.iter().copied()) {
            Some(help) => failure.hint(help),
            None => failure.hint(format!("`regrow status {}` names the steps", view.id)),
        }
    })
}

/// Writes data to stdout.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

pub fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from);
    written(result.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()))
}

/// Says something beside the data. On a closed stderr nobody listens, and that is all right.
pub fn talk(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether `--color auto` means colours on stdout.
pub fn is_colourful() -> bool {
    io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none()
}
