//! `resume`: goes on with a run, by the runbook as it was when the run started.

use super::args::{Choices, Going, ResumeArgs};
use super::context::{Context, person};
use super::run::{self, Engaged};
use super::{Failure, exit, follow};
use crate::journal::store::RunDir;
use crate::journal::{Folder, JournalError, recover};
use crate::kinds;
use crate::model::run::Undoing;
use crate::model::{Answer, RunState, Status, Verb};
use crate::plan::Plan;
use crate::plan::saved::SavedPlan;
use crate::runbook;

pub fn resume(context: &Context, args: ResumeArgs) -> Result<u8, Failure> {
    context.writing()?;
    let dir = context.run_to_change(args.run.as_deref())?;
    if args.accept.is_some() {
        return Err(Failure::usage("taking over a changed runbook is not in this version")
            .hint("--as-started goes on with the runbook as it was; or abort this run and start a new one"));
    }
    if !args.as_started {
        refuse_if_edited(&SavedPlan::read(&dir)?)?;
    }
    if args.going.outage_began.is_some() {
        return Err(Failure::usage("when the outage began is said at the start of a run, and not changed later"));
    }
    resume_dir(context, &dir, &args.going, args.concurrency)
}

pub fn resume_dir(context: &Context, dir: &RunDir, going: &Going, concurrency: Option<u16>) -> Result<u8, Failure> {
    let (mut plan, choices) = bound(context, dir)?;
    match recover(&Folder::new(&dir.path)) {
        Ok(recovered) if recovered.state.ended.is_some() && !has_work_left(&recovered.state) => {
            follow::farewell(context, dir, true);
            return Ok(follow::code(dir));
        }
        Ok(_) | Err(JournalError::Missing) => {}
        Err(error) => return Err(error.into()),
    }
    plan.on_failure = run::on_failure(going).unwrap_or(plan.on_failure);
    plan.concurrency = concurrency.map_or(plan.concurrency, usize::from);
    let secrets = run::open_secrets(&plan)?;
    let who = person(going.name.as_deref());
    let started = run::started(&plan, &who, &choices);
    run::execute(context, dir, plan, started, Engaged { who, secrets, no_wait: going.no_wait })
}

/// An undo after the end is the only thing that moves an ended run.
fn has_work_left(state: &RunState) -> bool {
    state.undoing.as_ref().is_some_and(|undoing| undoing.done.len() < undoing.steps.len())
}

/// The plan of a run, from the copy in its folder.
pub fn bound(context: &Context, dir: &RunDir) -> Result<(Plan, Choices), Failure> {
    let saved =
        SavedPlan::read(dir).map_err(|e| Failure::usage(format!("`{}` cannot be read: {e}", dir.plan().display())))?;
    let copy = dir.runbook().join("runbook.yaml");
    let loaded = runbook::load(&copy).map_err(|problems| super::check::refused(context, &copy, &problems))?;
    if loaded.digest != saved.source_digest {
        return Err(Failure::usage(format!("the copy of the runbook in `{}` was changed", dir.path.display()))
            .hint("put it back as it was; a run only goes on by the runbook it started with"));
    }
    let digest = loaded.digest.clone();
    let plan = Plan::bind(loaded.runbook, &digest, saved.binding(), kinds::find)?;
    let choices = Choices {
        file: saved.runbook.clone(),
        params: Vec::new(),
        params_file: None,
        only: Vec::new(),
        from: None,
        skip: Vec::new(),
        because: None,
        concurrency: u16::try_from(saved.concurrency).unwrap_or(1),
    };
    Ok((plan, choices))
}

/// Anything but the very text the run started with is an edit, also a file that is gone.
fn refuse_if_edited(saved: &SavedPlan) -> Result<(), Failure> {
    let now = std::fs::read(&saved.runbook).map(|bytes| runbook::digest(&bytes));
    if now.as_ref().is_ok_and(|digest| *digest == saved.source_digest) {
        return Ok(());
    }
    let how = if now.is_ok() { "was edited since" } else { "cannot be read any more; it was there when" };
    let mut failure = Failure::usage(format!("`{}` {how} run `{}` started", saved.runbook.display(), saved.run));
    failure.causes = match runbook::load(&saved.runbook) {
        Ok(loaded) => differences(saved, &loaded.runbook),
        Err(problems) => problems.iter().map(|problem| problem.message.clone()).collect(),
    };
    Err(failure.hint("--as-started goes on with the runbook as it was"))
}

/// By step: gone, new, or of another kind.
fn differences(saved: &SavedPlan, now: &runbook::Runbook) -> Vec<String> {
    let old = &saved.outline.steps;
    let gone = old.iter().filter(|step| now.step(step.address.as_str()).is_none());
    let mut said: Vec<String> = gone.map(|step| format!("step `{}` is gone", step.address)).collect();
    for (_, step) in now.all_steps() {
        match old.iter().find(|known| known.address.as_str() == step.id) {
            None => said.push(format!("step `{}` is new", step.id)),
            Some(known) if known.kind != step.kind => said.push(format!("step `{}` is `{}` now", step.id, step.kind)),
            Some(_) => {}
        }
    }
    if said.is_empty() {
        said.push("the steps are the same, what is in them or around them is not".into());
    }
    said
}

/// Takes the run's lock to do what `abort` and `undo` say, and leaves again.
pub fn act(context: &Context, dir: &RunDir, plan: Plan, choices: &Choices, answer: Answer) -> Result<u8, Failure> {
    let secrets = run::open_secrets(&plan)?;
    let who = answer.who.clone();
    let started = run::started(&plan, &who, choices);
    let verb = answer.verb.clone();
    let code = run::execute_with(context, dir, plan, started, Engaged { who, secrets, no_wait: true }, vec![answer])?;
    let state = recover(&Folder::new(&dir.path))?.state;
    // The code says whether what was asked for was done, not how the run stands now.
    Ok(match verb {
        Verb::Undo { .. } if state.undoing.as_ref().is_some_and(|undoing| is_undone(&state, undoing)) => exit::DONE,
        Verb::Abort if code == exit::ABORTED => exit::DONE,
        _ => code,
    })
}

fn is_undone(state: &RunState, undoing: &Undoing) -> bool {
    undoing.steps.iter().all(|step| state.status(step) == Status::Undone)
}
