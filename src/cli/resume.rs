//! `resume`: goes on with a run, by the copy of the runbook in its folder.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::args::{Going, ResumeArgs};
use super::context::{Context, person};
use super::failure::{EDITED, FILES};
use super::run::{self, Engaged};
use super::{Failure, amend, answer, cleanup, exit, follow, sealed};
use crate::engine::errand::{is_errand, makers, touched};
use crate::engine::tell;
use crate::journal::store::RunDir;
use crate::journal::{Folder, JournalError, recover};
use crate::kinds;
use crate::model::run::Undoing;
use crate::model::{Answer, RunState, Status, Verb};
use crate::plan::Plan;
use crate::plan::saved::SavedPlan;
use crate::plan::secrets;
use crate::provider::seal::Seal;
use crate::runbook::holds::{Part, id};
use crate::view::RunView;

pub fn resume(context: &Context, args: ResumeArgs) -> Result<u8, Failure> {
    context.writing()?;
    let dir = context.run_to_change(args.run.name())?;
    let context = &sealed::with_given(context, &args.secret_outputs)?;
    amend::settle(context, &dir, &args)?;
    answer::lift_pause(context, &dir, &person(args.going.name.as_deref()))?;
    resume_dir(context, &dir, &args.going, args.concurrency)
}

pub fn resume_dir(context: &Context, dir: &RunDir, going: &Going, concurrency: Option<u16>) -> Result<u8, Failure> {
    let mut plan = bound(context, dir)?;
    match recover(&Folder::new(&dir.path)) {
        Ok(recovered) if recovered.state.ended.is_some() && !has_work_left(&plan, &recovered.state) => {
            // Cut short right behind the end, its secrets may be there still.
            Seal::destroy(&dir.path)?;
            return Ok(follow::ended(context, dir));
        }
        Ok(_) | Err(JournalError::Missing) => {}
        Err(error) => return Err(error.into()),
    }
    plan.on_failure = run::on_failure(going).unwrap_or(plan.on_failure);
    plan.concurrency = concurrency.map_or(plan.concurrency, usize::from);
    let secrets = run::open_secrets(&plan)?;
    let who = person(going.name.as_deref());
    let started = run::started(&plan, &who, None);
    if !going.no_wait {
        follow::first_words(context, dir);
    }
    run::execute(context, dir, plan, started, Engaged { who, secrets, no_wait: going.no_wait })
}

/// An undo, a release, a clean-up, and a word of its end that is owed to somebody are all that moves an ended run.
fn has_work_left(plan: &Plan, state: &RunState) -> bool {
    tell::is_owed(plan, state)
        || state.is_cleaning_up()
        || !state.releasing.is_empty()
        || state.undoing.as_ref().is_some_and(Undoing::goes_on)
}

/// The plan of a run, from the copy in its folder, as it was before the first record.
pub fn bound(context: &Context, dir: &RunDir) -> Result<Plan, Failure> {
    let saved = SavedPlan::read(dir)
        .map_err(|e| Failure::usage(FILES, format!("`{}` cannot be read: {e}", dir.plan().display())))?;
    let loaded = super::check::load_copy(context, dir, &saved)?;
    let digest = loaded.texts.digest();
    if digest != saved.source_digest {
        return Err(Failure::usage(EDITED, format!("the copy of the runbook in `{}` was changed", dir.path.display()))
            .hint("put it back as it was; a run only goes on by the runbook it started with"));
    }
    let mut plan = Plan::bind(loaded.runbook, &digest, saved.binding(), kinds::find)?;
    plan.amendment = saved.amendment;
    Ok(plan)
}

/// The same as it is executed by now, with the items of lists that opened since.
pub fn grown(context: &Context, dir: &RunDir, state: &RunState) -> Result<Plan, Failure> {
    let mut plan = bound(context, dir)?;
    plan.grow(state);
    Ok(plan)
}

/// Takes the run's lock to do what `abort`, `undo` and `cleanup` say, and leaves again.
pub fn act(context: &Context, dir: &RunDir, plan: Plan, before: &RunState, answer: Answer) -> Result<u8, Failure> {
    let needed = secrets::needed(&plan, touched(&plan, before, &answer.verb));
    let mut secrets = run::open_those_secrets(&plan, &needed)?;
    // A secret that is missing keeps nobody from ending a run: what cannot be taken away without it stays and is named.
    for name in secrets::needed(&plan, makers(&plan, before, &answer.verb)).difference(&needed) {
        secrets.extend(run::open_those_secrets(&plan, &BTreeSet::from([name.clone()])).unwrap_or_default());
    }
    // Who is told of the end is told where that can be; for want of an address nothing is left undone.
    secrets.extend(super::plan::harmless_secrets(&plan, &secrets::of_tell(&plan)));
    let who = answer.who.clone();
    let started = run::started(&plan, &who, None);
    let verb = answer.verb.clone();
    let code = run::execute_with(context, dir, plan, started, Engaged { who, secrets, no_wait: true }, Some(answer))?;
    let state = recover(&Folder::new(&dir.path))?.state;
    // The code says whether what was asked for was done, not how the run stands now.
    Ok(match verb {
        Verb::Undo { .. } if state.undoing.as_ref().is_some_and(|undoing| is_undone(&state, undoing)) => exit::DONE,
        Verb::Undo { .. } if is_errand(&verb) => exit::FAILED,
        Verb::Note { .. } => exit::DONE,
        Verb::Cleanup => cleanup::tell(context, dir, &state)?,
        Verb::Release { hold } if is_back(&state, &hold) => exit::DONE,
        Verb::Release { .. } => exit::FAILED,
        Verb::Abort { .. } if state.ended.is_some() => match follow::standing(&RunView::load(dir, Timestamp::now())) {
            exit::ABORTED => exit::DONE,
            code => code,
        },
        _ => code,
    })
}

fn is_back(state: &RunState, hold: &str) -> bool {
    id(hold, Part::Release).parse().is_ok_and(|step| state.status(&step) == Status::Succeeded)
}

fn is_undone(state: &RunState, undoing: &Undoing) -> bool {
    undoing.steps.iter().all(|step| state.status(step) == Status::Undone)
}
