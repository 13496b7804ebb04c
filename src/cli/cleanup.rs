//! `cleanup [RUN]`: what was taken away, what stayed, and why.

use std::thread;
use std::time::Duration;

use serde_json::json;

use super::context::Context;
use super::looking::{print, print_json};
use super::{Failure, exit};
use crate::journal::store::RunDir;
use crate::journal::{Folder, lease, recover};
use crate::model::RunState;
use crate::model::ledger::Cleanup;
use crate::model::record::Mode;
use crate::view::Commands;
use crate::view::page::Page;
use crate::view::tell::kept_because;

/// Tells it once the executor that took the clean-up on is through with it.
pub fn await_end(context: &Context, dir: &RunDir) -> Result<u8, Failure> {
    loop {
        let alive = lease::is_held(&dir.path);
        let state = recover(&Folder::new(&dir.path))?.state;
        if !state.is_cleaning_up() || !alive {
            return tell(context, dir, &state);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Data on stdout; 1 if anything could not be removed, 75 if the clean-up was cut short.
pub fn tell(context: &Context, dir: &RunDir, state: &RunState) -> Result<u8, Failure> {
    let cleanup = state.cleanup.clone().unwrap_or_default();
    if context.json {
        let Cleanup { removed, kept, failed, ended } = &cleanup;
        print_json(&json!({"run": dir.id(), "ended": ended, "removed": removed, "kept": kept, "failed": failed}))?;
    } else {
        let commands = Commands::new(dir.id()).at(context.said_state());
        let is_open_drill = state.ended.is_none() && state.started().is_some_and(|started| started.mode == Mode::Drill);
        print(text(&cleanup, &commands, is_open_drill))?;
    }
    Ok(match (cleanup.ended, cleanup.failed.is_empty()) {
        (false, _) => exit::STOPPED,
        (true, false) => exit::FAILED,
        (true, true) => exit::DONE,
    })
}

fn text(cleanup: &Cleanup, commands: &Commands, is_open_drill: bool) -> Page {
    let mut out = Page::new();
    let command = commands.cleanup();
    for what in &cleanup.removed {
        out.line(format_args!("removed {}", what));
    }
    for kept in &cleanup.kept {
        out.line(format_args!("kept: {}; later: {command}", kept_because(kept)));
    }
    for fault in &cleanup.failed {
        out.line(format_args!("NOT REMOVED {}; again: {command}", fault));
    }
    if is_open_drill && cleanup.kept.iter().any(|kept| kept.needed_by.is_some()) {
        out.line("the drill is not over, and takes away at its end what it made");
        out.command(format_args!("  go on with it: {}", commands.resume()));
        out.command(format_args!("  end it here: {}", commands.abort()));
    }
    if !cleanup.ended {
        out.line(format_args!("cut short; go on with {command}"));
    } else if out.is_empty() {
        out.line("nothing is there to take away");
    }
    out
}
