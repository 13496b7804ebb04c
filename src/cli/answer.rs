//! What a person says to a run from another process: into its inbox, and the verdict back.

use std::io::{Read, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::args::{AnswerArgs, AnswerCommand as Command, DoneArgs};
use super::context::{Context, person};
use super::{Failure, cleanup, exit, resume};
use crate::engine::{answers, escalation, undo, world};
use crate::journal::lease::{self, Lease};
use crate::journal::store::RunDir;
use crate::journal::{Folder, recover};
use crate::model::run::Judged;
use crate::model::time::Clock;
use crate::model::{Address, Answer, Person, RunState, Verb};
use crate::provider::clock::SystemClock;
use crate::view::Commands;

/// How long a command waits for the executor's word.
const PATIENCE: Duration = Duration::from_secs(10);

pub fn answer(context: &Context, command: Command) -> Result<u8, Failure> {
    match command {
        Command::Approve { step, code, answer } => say(context, Verb::Approve { step: address(&step)?, code }, answer),
        Command::Reject { step, answer } => say(context, Verb::Reject { step: address(&step)? }, answer),
        Command::Done(args) => done(context, args),
        Command::Skip { step, answer } => say(context, Verb::Skip { step: address(&step)? }, answer),
        Command::Retry { step, answer } => {
            let step = step.as_deref().map(address).transpose()?;
            say(context, Verb::Retry { step }, answer)
        }
        Command::Rerun { step, answer } => say(context, Verb::Rerun { step: address(&step)? }, answer),
        Command::Pause { answer } => say(context, Verb::Pause, answer),
        Command::Abort { answer } => say(context, Verb::Abort, answer),
        Command::Undo { step, yes, answer } => take_back(context, step.as_deref(), yes, answer),
        Command::Cleanup { run, name } => say(context, Verb::Cleanup, AnswerArgs { run, because: None, name }),
        Command::Note { text, answer } => say(context, Verb::Note { text }, answer),
    }
}

fn address(step: &str) -> Result<Address, Failure> {
    step.parse().map_err(Failure::usage)
}

fn done(context: &Context, args: DoneArgs) -> Result<u8, Failure> {
    let mut outputs = match &args.outputs_file {
        Some(file) => read_outputs(file)?,
        None => Map::new(),
    };
    for output in &args.outputs {
        let (name, value) = output.split_once('=').ok_or_else(|| {
            Failure::usage(format!("`--output {output}` has no value")).hint("write --output NAME=VALUE")
        })?;
        // JSON where it is JSON, so that numbers and lists need no other option; text otherwise.
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_string()));
        outputs.insert(name.to_string(), value);
    }
    say(context, Verb::Done { step: address(&args.step)?, outputs, unverified: args.unverified }, args.answer)
}

fn read_outputs(file: &Path) -> Result<Map<String, Value>, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|e| Failure::usage(format!("cannot read `{}`: {e}", file.display())))?;
    serde_json::from_str(&text).map_err(|e| Failure::usage(format!("`{}` is no JSON object: {e}", file.display())))
}

/// Shows what an undo takes back and what stays, and asks.
fn take_back(context: &Context, step: Option<&str>, yes: bool, args: AnswerArgs) -> Result<u8, Failure> {
    let dir = context.run_to_change(args.run.as_deref())?;
    let mut plan = resume::bound(context, &dir)?;
    let state = recover(&Folder::new(&dir.path))?.state;
    plan.grow(&state);
    let step = step.map(address).transpose()?;
    let find = |step: &Address| {
        plan.find(step).ok_or_else(|| Failure::usage(format!("there is no step `{step}` in run `{}`", dir.id())))
    };
    let node = step.as_ref().map(find).transpose()?;
    let preview = undo::preview(&plan, &state, node);
    let mut err = std::io::stderr().lock();
    preview.steps.iter().for_each(|step| drop(writeln!(err, "takes back `{step}`")));
    preview.stay.iter().for_each(|step| drop(writeln!(err, "stays: `{step}` has no undo")));
    drop(err);
    let meant = yes || (context.interactive && confirmed()?);
    if !meant {
        return Err(Failure::usage("nothing was taken back").hint("--yes says that this is meant"));
    }
    say(context, Verb::Undo { step }, args)
}

fn confirmed() -> Result<bool, Failure> {
    let ask = dialoguer::Confirm::new().with_prompt("take this back?").default(false);
    ask.interact().map_err(|e| Failure::usage(e.to_string()))
}

fn say(context: &Context, verb: Verb, args: AnswerArgs) -> Result<u8, Failure> {
    let dir = context.run_to_change(args.run.as_deref())?;
    let answer = Answer {
        id: answer_id(),
        at: Timestamp::now(),
        who: person(args.name.as_deref()),
        because: args.because,
        verb,
    };
    if lease::is_held(&dir.path) {
        deliver(&dir, &answer)?;
        return verdict(context, &dir, &answer);
    }
    judge_here(context, &dir, answer)
}

/// A run that is paused while somebody executes it is told to go on; one that nobody executes goes on with its next executor.
pub fn lift_pause(context: &Context, dir: &RunDir, who: &Person) -> Result<(), Failure> {
    let is_paused = || recover(&Folder::new(&dir.path)).is_ok_and(|it| it.state.paused && it.state.ended.is_none());
    if !lease::is_held(&dir.path) || !is_paused() {
        return Ok(());
    }
    let answer = Answer { id: answer_id(), at: Timestamp::now(), who: who.clone(), because: None, verb: Verb::Resume };
    deliver(dir, &answer)?;
    verdict(context, dir, &answer).map(|_| ())
}

/// Unique, so that an answer that is delivered twice counts once.
pub fn answer_id() -> String {
    let random = || fastrand::u32(..);
    format!("{:x}-{:08x}{:08x}", Timestamp::now().as_millisecond(), random(), random())
}

fn deliver(dir: &RunDir, answer: &Answer) -> Result<(), Failure> {
    world::deliver(&dir.inbox(), answer).map_err(|e| Failure::usage(format!("the answer cannot be written: {e}")))?;
    Ok(())
}

/// Waits for the executor to fold or refuse the answer.
fn verdict(context: &Context, dir: &RunDir, answer: &Answer) -> Result<u8, Failure> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        let state = recover(&Folder::new(&dir.path))?.state;
        match state.judged(&answer.id).map(Judged::refusal) {
            Some(None) => return accepted(context, dir, answer, &state),
            Some(Some(refusal)) => return Err(refusal.into()),
            // It left without a look at it, which the next executor has.
            None if !lease::is_held(&dir.path) => break,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    let _ = writeln!(std::io::stderr().lock(), "recorded; the executor has not taken it up yet");
    Ok(exit::DONE)
}

fn accepted(context: &Context, dir: &RunDir, answer: &Answer, state: &RunState) -> Result<u8, Failure> {
    if answer.verb == Verb::Cleanup {
        return cleanup::await_end(context, dir);
    }
    if context.json {
        let said = serde_json::json!({"accepted": true, "verb": answer.verb.word(), "head": state.head});
        let _ = writeln!(std::io::stdout().lock(), "{said}");
    } else {
        let head = state.head.get(..12).unwrap_or(&state.head);
        let _ = writeln!(std::io::stderr().lock(), "accepted: {} (journal head {head})", answer.verb.word());
    }
    Ok(exit::DONE)
}

/// Nobody executes the run: the answer is checked here. Acts are done at once, everything else waits for `resume`, behind what
/// is recorded already.
fn judge_here(context: &Context, dir: &RunDir, answer: Answer) -> Result<u8, Failure> {
    let mut plan = resume::bound(context, dir)?;
    let state = recover(&Folder::new(&dir.path))?.state;
    plan.grow(&state);
    let resume = Commands { run: dir.id(), state: context.said_state() }.resume();
    if matches!(answer.verb, Verb::Abort | Verb::Undo { .. } | Verb::Cleanup) {
        answers::judge(&plan, &state, &answer)?;
        let free = Lease::take(&dir.path)?.is_some();
        if free {
            return resume::act(context, dir, plan, &state, answer);
        }
    } else {
        let recorded: Vec<Answer> = world::pending(&dir.inbox()).into_iter().map(|(_, answer)| answer).collect();
        let state = escalation::foresee(&state, &SystemClock.now());
        answers::judge(&plan, &answers::foresee(&plan, &state, &recorded), &answer).map_err(|refusal| {
            let counted = format!("counted with answers that are recorded and take effect at `{resume}`");
            let failure = Failure::from(refusal);
            if recorded.is_empty() || failure.hint.is_some() { failure } else { failure.hint(counted) }
        })?;
    }
    deliver(dir, &answer)?;
    let _ = writeln!(std::io::stderr().lock(), "recorded; takes effect at `{resume}`");
    Ok(exit::DONE)
}
