//! What a person says to a run from another process: into its inbox, and the verdict back.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::args::{AnswerArgs, AnswerCommand as Command, DoneArgs};
use super::context::{Context, person};
use super::failure::{ARGUMENT, FILES, NO_STEP, NOT_MEANT};
use super::looking::{self, print_json_line, talk};
use super::{Failure, cleanup, exit, holds, resume, sealed};
use crate::engine::{answers, escalation, undo, world};
use crate::journal::lease::{self, Lease};
use crate::journal::store::RunDir;
use crate::journal::{Folder, recover};
use crate::model::run::Judged;
use crate::model::time::Clock;
use crate::model::{Address, Answer, Person, RunState, Status, Verb};
use crate::plan::Plan;
use crate::provider::clock::SystemClock;
use crate::runbook::catalog::{OutputType, Shape};
use crate::runbook::codes;
use crate::runbook::params::url_with_password;
use crate::view::{Commands, RunView, StepView, back, claims, commands, words};

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
        Command::Start { step, answer } => say(context, Verb::Start { step: address(&step)? }, answer),
        Command::Extend { step, duration, answer } => {
            let by_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            say(context, Verb::Extend { step: address(&step)?, by_ms }, answer)
        }
        Command::Pause { answer } => say(context, Verb::Pause, answer),
        Command::Abort { answer } => abort(context, answer),
        Command::Release { hold, answer } => say(context, Verb::Release { hold }, answer),
        Command::Undo { step, yes, secret_outputs, answer } => {
            let context = sealed::with_given(context, &secret_outputs)?;
            take_back(&context, step.as_deref(), yes, answer)
        }
        Command::Cleanup { run, name } => {
            say(context, Verb::Cleanup, AnswerArgs { run: run.name().map(str::to_owned), because: None, name })
        }
        Command::Note { text, answer } => say(context, Verb::Note { text }, answer),
    }
}

fn address(step: &str) -> Result<Address, Failure> {
    step.parse().map_err(|why: String| Failure::usage(ARGUMENT, why))
}

fn done(context: &Context, args: DoneArgs) -> Result<u8, Failure> {
    let mut outputs = match &args.outputs_file {
        Some(file) => read_outputs(file)?,
        None => Map::new(),
    };
    let step = address(&args.step)?;
    let dir = context.run_to_change(args.answer.run.as_deref())?;
    let types = if args.outputs.is_empty() { BTreeMap::new() } else { types(context, &dir, &step)? };
    for output in &args.outputs {
        let (name, value) = output.split_once('=').ok_or_else(|| {
            Failure::usage(ARGUMENT, format!("`--output {output}` has no value")).hint("write --output NAME=VALUE")
        })?;
        refuse_placeholder(name, value)?;
        outputs.insert(name.to_string(), read(value, types.get(name).copied()));
    }
    sealed::refuse_in_clear(context, &dir, &step, &outputs)?;
    if !args.secret_outputs.is_empty() {
        outputs.extend(sealed::outputs(context, &dir, &step, &args.secret_outputs)?);
    }
    say(context, Verb::Done { step, outputs, unverified: args.unverified }, args.answer)
}

/// What the outputs of a step are, as far as that is known.
fn types(context: &Context, dir: &RunDir, step: &Address) -> Result<BTreeMap<String, OutputType>, Failure> {
    let plan = resume::grown(context, dir, &recover(&Folder::new(&dir.path))?.state)?;
    Ok(match plan.find(step).map(|node| plan.puts_out(node)) {
        Some(Shape::Closed(types)) => types,
        _ => BTreeMap::new(),
    })
}

/// Text where text is wanted, also of digits alone; else JSON where it is JSON, so that numbers and lists need no other option.
fn read(value: &str, wanted: Option<OutputType>) -> Value {
    let text = || Value::String(value.to_owned());
    match serde_json::from_str(value) {
        Ok(read) if wanted.is_none_or(|wanted| wanted.takes(&read) || !wanted.takes(&text())) => read,
        _ => text(),
    }
}

/// A command that was pasted before it was filled in: later steps would go on with the placeholder.
fn refuse_placeholder(name: &str, value: &str) -> Result<(), Failure> {
    match value {
        "VALUE" => Err(Failure::usage(ARGUMENT, format!("`VALUE` stands for what `{name}` is; nothing was recorded"))
            .hint(format!("write `--output {name}=` and what later steps are to go on with"))),
        _ => Ok(()),
    }
}

fn read_outputs(file: &Path) -> Result<Map<String, Value>, Failure> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).map(|_| ())
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    read.map_err(|e| Failure::usage(FILES, format!("cannot read `{}`: {e}", file.display())))?;
    serde_json::from_str(&text)
        .map_err(|e| Failure::usage(ARGUMENT, format!("`{}` is no JSON object: {e}", file.display())))
}

/// Says what an end by hand comes to, and does it: whoever types a reason means it.
fn abort(context: &Context, args: AnswerArgs) -> Result<u8, Failure> {
    let dir = context.run_to_change(args.run.as_deref())?;
    let view = looking::view_of(context, &dir);
    if args.because.is_some() && !view.status.is_final() && view.state.ending.is_none() {
        what_an_abort_does(&view).iter().for_each(talk);
        what_can_be_taken_back(context, &dir, &view).iter().for_each(talk);
    }
    let release = holds::to_release(context, &dir, &view)?;
    say(context, Verb::Abort { release }, args)
}

fn what_an_abort_does(view: &RunView) -> Vec<String> {
    let (at_the_end, steps): (Vec<&StepView>, Vec<&StepView>) =
        view.steps.iter().filter(|step| !step.is_group).partition(|step| step.finally);
    let is_open = |step: &&&StepView| !step.status.is_settled() || step.status == Status::Blocked;
    let flying = steps.iter().filter(|step| step.status.is_in_flight());
    let mut said: Vec<String> = flying.map(|step| format!("`{}` is seen to its end first", step.address)).collect();
    let left = steps.iter().filter(is_open).filter(|step| !step.status.is_in_flight()).count();
    if left > 0 {
        said.push(format!("{} will not be done", words::count(left, "step")));
    }
    said.extend(at_the_end.iter().map(|step| format!("`{}` runs at the end", step.address)));
    let done = steps.iter().filter(|step| step.status == Status::Succeeded).count();
    if done > 0 {
        let stay = if done == 1 { "stays" } else { "stay" };
        said.push(format!("{} {stay} done", words::count(done, "step")));
    }
    said
}

/// What of it an undo reaches; nothing where the plan cannot be bound any more, which the end says itself.
fn what_can_be_taken_back(context: &Context, dir: &RunDir, view: &RunView) -> Vec<String> {
    let Ok(plan) = resume::grown(context, dir, &view.state) else { return Vec::new() };
    let preview = undo::preview(&plan, &view.state, None);
    let of = |steps: &[Address]| -> Vec<&StepView> { steps.iter().filter_map(|it| view.find(it.as_str())).collect() };
    let (back, stay) = (of(&preview.steps), of(&preview.stay));
    let mut said = Vec::new();
    if !back.is_empty() {
        said.push(format!("can be taken back then: {}; by: {}", claims::named(&back), view.commands.undo()));
    }
    if !stay.is_empty() {
        said.push(format!("cannot be taken back, without an undo: {}", claims::named(&stay)));
    }
    said
}

/// Shows what an undo takes back and what stays, and asks.
fn take_back(context: &Context, step: Option<&str>, yes: bool, args: AnswerArgs) -> Result<u8, Failure> {
    let dir = context.run_to_change(args.run.as_deref())?;
    let state = recover(&Folder::new(&dir.path))?.state;
    let plan = resume::grown(context, &dir, &state)?;
    let step = step.map(address).transpose()?;
    let find = |step: &Address| {
        plan.find(step)
            .ok_or_else(|| Failure::usage(NO_STEP, format!("there is no step `{step}` in run `{}`", dir.id())))
    };
    let node = step.as_ref().map(find).transpose()?;
    let preview = undo::preview(&plan, &state, node);
    preview.steps.iter().for_each(|step| what_is_taken_back(&plan, &state, step));
    preview.stay.iter().for_each(|step| talk(format_args!("stays: `{step}` has no undo")));
    let meant = yes || (context.interactive && confirmed()?);
    if !meant {
        return Err(Failure::usage(NOT_MEANT, "nothing was taken back").hint("--yes says that this is meant"));
    }
    say(context, Verb::Undo { step }, args)
}

/// By what, and what the step had changed: nobody should have to mean it to see it.
fn what_is_taken_back(plan: &Plan, state: &RunState, step: &Address) {
    let how = plan.find(step).and_then(|node| undo::how(plan, state, node)).map(|how| back::undo_words(&how));
    let how = how.map(|how| format!(" by {how}")).unwrap_or_default();
    talk(format_args!("takes back `{step}`{how}"));
    let changes = state.step(step).intent.iter().flat_map(|intent| &intent.changes);
    changes.for_each(|change| talk(format_args!("  it did: {change}")));
}

fn confirmed() -> Result<bool, Failure> {
    let ask = dialoguer::Confirm::new().with_prompt("take this back?").default(false);
    ask.interact().map_err(|e| Failure::usage(NOT_MEANT, e.to_string()))
}

fn say(context: &Context, verb: Verb, args: AnswerArgs) -> Result<u8, Failure> {
    refuse_passwords(&verb, args.because.as_deref())?;
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

/// An answer is kept in the journal as it was given, and one that is refused as well.
fn refuse_passwords(verb: &Verb, because: Option<&str>) -> Result<(), Failure> {
    let said = match verb {
        Verb::Done { outputs, .. } => outputs.values().find_map(without_password),
        Verb::Note { text } => url_with_password(text),
        _ => None,
    };
    match said.or_else(|| because.and_then(url_with_password)) {
        None => Ok(()),
        Some(url) => Err(Failure::usage(codes::URL_PASSWORD, "a URL in this answer holds a password; nothing was recorded")
            .hint(format!(
                "say `{url}`; the runbook takes the password as a secret: `{{ url: \"{url}\", password: \"{{{{ secrets.NAME }}}}\" }}`"
            ))),
    }
}

fn without_password(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => url_with_password(text),
        Value::Array(items) => items.iter().find_map(without_password),
        Value::Object(fields) => fields.values().find_map(without_password),
        _ => None,
    }
}

/// Unique, so that an answer that is delivered twice counts once.
pub fn answer_id() -> String {
    let random = || fastrand::u32(..);
    format!("{:x}-{:08x}{:08x}", Timestamp::now().as_millisecond(), random(), random())
}

pub fn deliver(dir: &RunDir, answer: &Answer) -> Result<(), Failure> {
    world::deliver(&dir.inbox(), answer)
        .map_err(|e| Failure::usage(FILES, format!("the answer cannot be written: {e}")))?;
    Ok(())
}

/// Waits for the executor to fold or refuse the answer.
fn verdict(context: &Context, dir: &RunDir, answer: &Answer) -> Result<u8, Failure> {
    let until = Instant::now() + PATIENCE;
    while Instant::now() < until {
        // Looked at first: what an executor judged before it left is in what is read then.
        let has_left = !lease::is_held(&dir.path);
        let state = recover(&Folder::new(&dir.path))?.state;
        match state.judged(&answer.id).map(Judged::refusal) {
            Some(None) => return accepted(context, dir, answer, &state),
            Some(Some(refusal)) => return Err(refusal.into()),
            // It left without a look at it, which the next executor has.
            None if has_left => break,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    }
    talk("recorded; the executor has not taken it up yet");
    Ok(exit::DONE)
}

fn accepted(context: &Context, dir: &RunDir, answer: &Answer, state: &RunState) -> Result<u8, Failure> {
    if answer.verb == Verb::Cleanup {
        return cleanup::await_end(context, dir);
    }
    if context.json {
        let said = serde_json::json!({"accepted": true, "verb": answer.verb.word(), "head": state.head});
        print_json_line(&said)?;
    } else {
        let head = state.head.get(..12).unwrap_or(&state.head);
        let step = answer.verb.step().map(|step| format!(" {step}")).unwrap_or_default();
        talk(format_args!("accepted: {}{step}, run {} (journal head {head})", answer.verb.word(), dir.id()));
        still_wanted(state, answer).iter().for_each(talk);
    }
    Ok(exit::DONE)
}

/// One approval of several is not the end of it.
fn still_wanted(state: &RunState, answer: &Answer) -> Option<String> {
    match &answer.verb {
        Verb::Approve { step, .. } => commands::still_wanted(state.step(step)),
        _ => None,
    }
}

/// Nobody executes the run: the answer is checked here. Acts are done at once, everything else waits for `resume`, behind what
/// is recorded already.
fn judge_here(context: &Context, dir: &RunDir, answer: Answer) -> Result<u8, Failure> {
    let state = recover(&Folder::new(&dir.path))?.state;
    let plan = resume::grown(context, dir, &state)?;
    let resume = Commands::new(dir.id()).at(context.said_state()).resume();
    // Nobody goes on with a run that has ended: what may still be said is written down now.
    let acts = matches!(answer.verb, Verb::Abort { .. } | Verb::Undo { .. } | Verb::Release { .. } | Verb::Cleanup)
        || state.ended.is_some();
    if acts {
        answers::judge(&plan, &state, &answer)?;
        let free = Lease::take(&dir.path)?.is_some();
        if free {
            return resume::act(context, dir, plan, &state, answer);
        }
    } else {
        let recorded: Vec<Answer> = world::pending(&dir.inbox()).into_iter().map(|(_, answer)| answer).collect();
        let state = escalation::foresee(&state, &SystemClock.now());
        let foreseen = answers::foresee(&plan, &state, &recorded);
        answers::judge(&plan, &foreseen, &answer).map_err(|refusal| {
            let counted = format!("counted with answers that are recorded and take effect at `{resume}`");
            let failure = Failure::from(refusal);
            let is_about_it = |other: &Answer| other.verb.step().is_none_or(|step| answer.verb.step() == Some(step));
            let counts = recorded.iter().any(is_about_it);
            if !counts || failure.hint.is_some() { failure } else { failure.hint(counted) }
        })?;
        still_wanted(&answers::foresee(&plan, &foreseen, std::slice::from_ref(&answer)), &answer).iter().for_each(talk);
    }
    deliver(dir, &answer)?;
    if context.json {
        print_json_line(&serde_json::json!({"recorded": true, "verb": answer.verb.word(), "takes_effect_at": resume}))?;
    }
    talk(format_args!("recorded; takes effect at resume: {resume}"));
    Ok(exit::DONE)
}
