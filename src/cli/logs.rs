//! `logs STEP [-f] [--tail N]`: what a step's commands printed, all attempts, oldest first.
//!
//! The log alone goes to stdout; which attempt it is goes to stderr, and only where there are several.

use std::io::{self, Write};
use std::thread::sleep;
use std::time::Duration;

use super::args::LogsArgs;
use super::context::Context;
use super::failure::ARGUMENT;
use super::failure::{Failure, written};
use super::looking::{self, talk};
use crate::journal::lease;
use crate::journal::store::RunDir;
use crate::model::{Address, Status};
use crate::view::logs::{StepLog, last_lines, of_step};
use crate::view::{RunView, clean, read};

const PACE: Duration = Duration::from_millis(200);
/// The journal is read again every so many rounds only: it may be large.
const ROUNDS: u32 = 5;

pub fn logs(context: &Context, args: &LogsArgs) -> Result<(), Failure> {
    let step = args.step.as_str();
    let dir = context.run_to_look_at(args.run.as_deref())?;
    let view = looking::view_of(context, &dir);
    let address: Address = step.parse().map_err(|why: String| Failure::usage(ARGUMENT, why))?;
    let logs = of_step(&dir, &address);
    // A log is shown also where the plan that would name its step is lost.
    if logs.is_empty() {
        looking::step(&view, step)?;
    }
    if logs.is_empty() && !args.follow {
        talk(format_args!("`{step}` has printed nothing"));
        // Of a block and of a step with items, the steps inside print.
        for inner in inside(&dir, &view, &address) {
            talk(format_args!("  {}", view.commands.logs(inner)));
        }
        return Ok(());
    }
    let mut out = io::stdout().lock();
    written(
        so_far(&logs, args.tail, &mut out)
            .and_then(|shown| if args.follow { follow(&dir, &address, shown, &mut out) } else { Ok(()) }),
    )
}

/// The steps inside that have printed something.
fn inside<'a>(dir: &'a RunDir, view: &'a RunView, outer: &'a Address) -> impl Iterator<Item = &'a Address> {
    let inner = view.steps.iter().map(|step| &step.address).filter(|address| address.is_inside_of(outer));
    inner.filter(|address| !of_step(dir, address).is_empty())
}

/// A log and the place up to which it was shown.
type Shown = Vec<(StepLog, u64)>;

fn so_far(logs: &[StepLog], tail: Option<usize>, out: &mut dyn Write) -> io::Result<Shown> {
    let mut shown = Shown::new();
    let mut texts = Vec::new();
    for log in logs {
        let (bytes, end) = log.read_from(0)?;
        shown.push((log.clone(), end));
        texts.push(bytes);
    }
    let mut left = tail;
    let mut from = Vec::new();
    for text in texts.iter().rev() {
        let part = left.map_or(&text[..], |most| last_lines(text, most));
        let lines = part.iter().filter(|byte| **byte == b'\n').count()
            + usize::from(!part.is_empty() && !part.ends_with(b"\n"));
        left = left.map(|most| most.saturating_sub(lines));
        from.push(part);
    }
    for (log, part) in logs.iter().zip(from.into_iter().rev()).filter(|(_, part)| !part.is_empty()) {
        if logs.len() > 1 {
            talk(format_args!("{}:", log.title()));
        }
        out.write_all(shown_as(part).as_bytes())?;
    }
    out.flush()?;
    Ok(shown)
}

/// What a command printed is shown, not sent: nothing in it moves the cursor of who looks.
fn shown_as(bytes: &[u8]) -> String {
    clean::lines(&String::from_utf8_lossy(bytes))
}

/// Until nothing can be printed any more.
fn follow(dir: &RunDir, step: &Address, mut shown: Shown, out: &mut dyn Write) -> io::Result<()> {
    let mut round = 0;
    loop {
        // Asked before reading, so that the last lines are not missed.
        let over = round % ROUNDS == 0 && is_over(dir, step, &shown);
        for log in of_step(dir, step) {
            if !shown.iter().any(|(old, _)| *old == log) {
                shown.push((log, 0));
            }
        }
        for (log, offset) in &mut shown {
            let (bytes, end) = log.read_from(*offset)?;
            out.write_all(shown_as(&bytes).as_bytes())?;
            *offset = end;
        }
        out.flush()?;
        if over {
            return Ok(());
        }
        round += 1;
        sleep(PACE);
    }
}

fn is_over(dir: &RunDir, step: &Address, shown: &Shown) -> bool {
    if shown.iter().any(|(log, _)| log.is_growing()) {
        return false;
    }
    let alive = lease::is_held(&dir.path);
    let state = read::fold(&dir.path).state;
    // Blocked is never in the journal; a step that never starts is over with its run.
    !alive || state.ended.is_some() || (state.status(step).is_settled() && state.status(step) != Status::Unproven)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::view::testing;

    fn with_logs() -> testing::Golden {
        let run = testing::failed();
        fs::write(run.dir.work().join("7qk2.copy.1.1.log"), "one\ntwo\n").unwrap();
        fs::write(run.dir.work().join("7qk2.copy.1.2.log"), "three\nfour\n").unwrap();
        run
    }

    #[test]
    fn the_tail_reaches_over_attempts() {
        let run = with_logs();
        let logs = of_step(&run.dir, &testing::at("copy"));
        for (tail, expected) in
            [(None, "one\ntwo\nthree\nfour\n"), (Some(3), "two\nthree\nfour\n"), (Some(1), "four\n")]
        {
            let mut out = Vec::new();
            so_far(&logs, tail, &mut out).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn following_a_step_that_has_ended_ends() {
        let run = with_logs();
        let mut out = Vec::new();
        follow(&run.dir, &testing::at("copy"), Shown::new(), &mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "one\ntwo\nthree\nfour\n");
    }

    #[test]
    fn an_unknown_step_is_refused_with_the_nearest() {
        let view = with_logs().view();
        let failure = looking::step(&view, "cpy").unwrap_err();
        assert_eq!(failure.message, "there is no step `cpy` in run `7qk2`");
        assert_eq!(failure.hint.as_deref(), Some("did you mean `copy`?"));
        assert_eq!(failure.exit, 2);
    }
}
