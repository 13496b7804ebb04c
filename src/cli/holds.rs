//! Holds in what a person types and reads: what an abort does with those that are taken, and the page of `status`.

use super::context::Context;
use super::failure::NOT_MEANT;
use super::looking::talk;
use super::{Failure, resume};
use crate::journal::store::RunDir;
use crate::runbook::holds::OnAbort;
use crate::view::RunView;
use crate::view::holds::HoldView;
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::words::stamp;

/// Says what an abort does with each hold that is taken, and asks where the runbook leaves that to whoever aborts. Without a
/// terminal nobody can be asked: the hold stays.
pub fn to_release(context: &Context, dir: &RunDir, view: &RunView) -> Result<Vec<String>, Failure> {
    let taken: Vec<HoldView> = view.holds().into_iter().filter(|hold| hold.standing.is_out()).collect();
    if taken.is_empty() || view.state.ending.is_some() {
        return Ok(Vec::new());
    }
    let plan = resume::grown(context, dir, &view.state)?;
    let mut release = Vec::new();
    for hold in taken {
        let on_abort = plan.runbook.holds.get(&hold.name).map(|hold| hold.on_abort).unwrap_or_default();
        let given_back = match on_abort {
            OnAbort::Release => true,
            OnAbort::Keep => false,
            OnAbort::Ask => context.interactive && confirmed(&hold)?,
        };
        if given_back {
            talk(format_args!("the hold `{}` is released", hold.name));
            release.push(hold.name);
        } else {
            let command = view.commands.release(&hold.name);
            talk(format_args!("the hold `{}` is KEPT; release it with: {command}", hold.name));
        }
    }
    Ok(release)
}

fn confirmed(hold: &HoldView) -> Result<bool, Failure> {
    let since = hold.since.map(|since| format!(", taken since {}", stamp(since))).unwrap_or_default();
    let ask = dialoguer::Confirm::new().with_prompt(format!("release the hold `{}`{since}?", hold.name)).default(false);
    ask.interact().map_err(|e| Failure::usage(NOT_MEANT, e.to_string()))
}

/// The holds of a run, those that need somebody in alarm.
pub fn on_page(view: &RunView, paint: Paint, out: &mut Page) {
    let holds = view.holds();
    if holds.is_empty() {
        return;
    }
    out.gap();
    out.line("holds");
    for hold in holds {
        let line = format!("{}  {}", hold.name, hold.words());
        if hold.standing.stays() {
            out.line(format_args!("  {}", paint.alarm(&line)));
            out.command(format_args!("    release it: {}", view.commands.release(&hold.name)));
        } else {
            out.line(format_args!("  {line}"));
        }
    }
}
