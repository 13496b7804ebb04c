//! A runbook that was edited under its run, and the time of an outage that is said late: shown, and taken over where
//! `resume` says so (G13).

use std::path::PathBuf;

use jiff::Timestamp;

use super::args::ResumeArgs;
use super::context::{Context, person};
use super::failure::{EDITED, ENDED};
use super::{Failure, check, resume, run};
use crate::engine::amend::begun;
use crate::engine::executor::ExecuteError;
use crate::journal::lease::Lease;
use crate::journal::store::RunDir;
use crate::journal::{Folder, JournalError, recover};
use crate::kinds;
use crate::model::{Address, Amendment, RunState};
use crate::plan::saved::SavedPlan;
use crate::plan::{self, Binding, Plan};
use crate::runbook::difference::{self, Change, Difference, StepChange};
use crate::runbook::{self, Loaded, params};
use crate::view::Commands;

/// So much of a digest is shown; as much is enough to name it.
const SHOWN: usize = 12;

/// Takes over what `resume` is told to, and refuses to go on where the file differs and nothing is said about it.
pub fn settle(context: &Context, dir: &RunDir, args: &ResumeArgs) -> Result<(), Failure> {
    let saved = SavedPlan::read(dir)?;
    let outage = run::outage_began(&args.going, Timestamp::now())?.filter(|began| saved.outage_began != Some(*began));
    let same = saved.edited(dir).is_empty();
    match &args.accept {
        Some(digest) if same && !is_meant(context, &saved, &check::load_copy(context, dir, &saved)?, digest)? => {
            let message = format!("`{}` has the digest {}", saved.runbook.display(), short(&saved.source_digest));
            return Err(Failure::usage(EDITED, format!("{message}, not {digest}")));
        }
        Some(digest) if !same => return accept(context, dir, args, &saved, digest, outage),
        None if !same && !args.as_started => return Err(edited(context, dir, &saved)),
        _ => {}
    }
    match outage {
        Some(_) => change(context, dir, args, Edit { accepted: None, outage }),
        None => Ok(()),
    }
}

/// Whether it is the digest of that text, or the one by which `plan` names the run of it with these parameters.
fn is_meant(context: &Context, saved: &SavedPlan, loaded: &Loaded, said: &str) -> Result<bool, Failure> {
    let text = loaded.texts.digest();
    Ok(names(said, &text) || names(said, &plan::digest(&text, &binding(context, saved, loaded)?)))
}

/// What the run took, and the defaults of parameters that it did not know.
fn binding(context: &Context, saved: &SavedPlan, loaded: &Loaded) -> Result<Binding, Failure> {
    let mut binding = saved.binding();
    for (name, value) in new_params(context, saved, loaded)? {
        binding.params.insert(name, value);
    }
    Ok(binding)
}

fn names(said: &str, digest: &str) -> bool {
    said.len() >= SHOWN && digest.starts_with(&said.to_ascii_lowercase())
}

fn short(digest: &str) -> &str {
    digest.get(..SHOWN).unwrap_or(digest)
}

/// The file is another one: what differs, and the two ways on.
fn edited(context: &Context, dir: &RunDir, saved: &SavedPlan) -> Failure {
    let as_started = "--as-started goes on with the runbook as the run has it";
    let how = |file: &PathBuf| if file.exists() { "was edited since" } else { "is gone; it was there when" };
    let files = saved.edited(dir);
    let files: Vec<String> = files.iter().map(|file| format!("`{}` {}", file.display(), how(file))).collect();
    let mut failure = Failure::usage(EDITED, format!("{} run `{}` took it", files.join(" and "), saved.run));
    let loaded = match runbook::load(&saved.runbook) {
        Ok(loaded) => loaded,
        Err(problems) => {
            failure.causes = problems.iter().map(|problem| problem.message.clone()).collect();
            return failure.hint(as_started);
        }
    };
    let difference = match difference_of(context, dir, saved, &loaded) {
        Ok(difference) => difference,
        Err(failure) => return failure,
    };
    failure.causes = told(&difference);
    if let Err(refused) = refuse_what_is_begun(context, dir, &difference) {
        failure.causes.push(refused.message);
        return failure.hint(format!("{as_started}; what failed there is then settled by `done` or `skip`"));
    }
    let accept = Commands::new(saved.run.clone()).at(context.said_state()).accept(short(&loaded.texts.digest()));
    failure.hint(format!("`{accept}` goes on with the edited runbook; {as_started}"))
}

fn told(difference: &Difference) -> Vec<String> {
    let mut said: Vec<String> = difference.steps.iter().map(ToString::to_string).collect();
    said.extend(difference.around.iter().map(ToString::to_string));
    if said.is_empty() {
        said.push("only the layout or comments differ".into());
    }
    said
}

fn difference_of(context: &Context, dir: &RunDir, saved: &SavedPlan, now: &Loaded) -> Result<Difference, Failure> {
    let old = check::load_copy(context, dir, saved)?;
    difference::between(&old, now).map_err(|problem| check::refused(context, &saved.runbook, &[*problem]))
}

fn accept(
    context: &Context,
    dir: &RunDir,
    args: &ResumeArgs,
    saved: &SavedPlan,
    digest: &str,
    outage: Option<Timestamp>,
) -> Result<(), Failure> {
    let is_meant = match runbook::load(&saved.runbook) {
        Ok(now) => is_meant(context, saved, &now, digest)?,
        Err(_) => false,
    };
    if !is_meant {
        let mut failure = edited(context, dir, saved);
        failure.message = format!("`{}` is not the text with the digest {digest}", saved.runbook.display());
        return Err(failure);
    }
    change(context, dir, args, Edit { accepted: Some(digest), outage })
}

struct Edit<'a> {
    /// Stands for the text from here on; absent: as it was.
    accepted: Option<&'a str>,
    outage: Option<Timestamp>,
}

/// Under the run's lock: judges the change by what is begun, and puts the changed plan in the place of the old one.
fn change(context: &Context, dir: &RunDir, args: &ResumeArgs, edit: Edit<'_>) -> Result<(), Failure> {
    let Some(_lease) = Lease::take(&dir.path)? else { return Err(ExecuteError::Busy(dir.id()).into()) };
    // Read again: another executor may have changed it until now.
    let saved = SavedPlan::read(dir)?;
    let loaded = match edit.accepted {
        Some(_) => check::load(context, &saved.runbook)?,
        None => check::load_copy(context, dir, &saved)?,
    };
    let texts = loaded.texts.clone();
    if let Some(digest) = edit.accepted
        && !is_meant(context, &saved, &loaded, digest)?
    {
        return Err(edited(context, dir, &saved));
    }
    let difference = difference_of(context, dir, &saved, &loaded)?;
    let (state, steps) = refuse_what_is_begun(context, dir, &difference)?;
    let mut binding = binding(context, &saved, &loaded)?;
    // A list that no item was taken from is read again.
    binding.items.retain(|step, _| state.step(step).opened);
    binding.outage_began = edit.outage.or(saved.outage_began);
    let mut plan = Plan::bind(loaded.runbook, &texts.digest(), binding, kinds::find)?;
    let who = person(args.going.name.as_deref());
    plan.amendment = Some(amendment(&plan, who, steps));
    let mut next = SavedPlan::of(&plan, &saved.runbook, &texts, saved.given.clone());
    next.replace(dir, &texts)?;
    Ok(())
}

/// Steps of the run, each with how it differs.
type Touched<'a> = Vec<(Address, &'a StepChange)>;

/// Each step that differs, as it is written, and at every item of the run.
fn instances<'a>(plan: &Plan, difference: &'a Difference) -> Result<Touched<'a>, Failure> {
    let mut touched: Touched<'_> = Vec::new();
    for step in &difference.steps {
        let written: Address = step.id.parse().map_err(|why: String| Failure::usage(EDITED, why))?;
        let nodes = (0..plan.len()).map(|node| plan.address(node));
        let items = nodes.filter(|address| **address != written && address.without_keys() == written);
        touched.extend(items.map(|address| (address.clone(), step)));
        touched.push((written, step));
    }
    Ok(touched)
}

/// Where the run stands, and what of it differs.
fn refuse_what_is_begun<'a>(
    context: &Context,
    dir: &RunDir,
    difference: &'a Difference,
) -> Result<(RunState, Touched<'a>), Failure> {
    let recovered = match recover(&Folder::new(&dir.path)) {
        Ok(recovered) => recovered,
        Err(JournalError::Missing) => {
            return Ok((RunState::default(), instances(&resume::bound(context, dir)?, difference)?));
        }
        Err(error) => return Err(error.into()),
    };
    if recovered.state.ended.is_some() {
        return Err(Failure::usage(
            ENDED,
            format!("run `{}` has ended; nothing of its plan changes any more", dir.id()),
        ));
    }
    let plan = resume::grown(context, dir, &recovered.state)?;
    let touched = instances(&plan, difference)?;
    let begun = begun(&plan, &recovered, touched.iter().map(|(address, _)| address));
    if begun.is_empty() {
        return Ok((recovered.state, touched));
    }
    let message = "steps that were started are not what they were; nothing was taken over";
    let mut failure = Failure::usage(EDITED, message);
    for (_, step) in touched.iter().filter(|(address, _)| begun.contains(&address)) {
        let told = step.to_string();
        if !failure.causes.contains(&told) {
            failure.causes.push(told);
        }
    }
    Err(failure.hint("put them back as they were, or go on with --as-started; only what has not begun may change"))
}

/// Values of parameters that the edited runbook has in addition: their defaults.
fn new_params(
    context: &Context,
    saved: &SavedPlan,
    loaded: &Loaded,
) -> Result<serde_json::Map<String, serde_json::Value>, Failure> {
    params::bind_beside(saved.params.clone(), &loaded.runbook.params, &[], None, saved.started_at)
        .map_err(|problems| check::refused(context, &saved.runbook, &problems))
}

fn amendment(plan: &Plan, who: crate::model::Person, steps: Touched<'_>) -> Amendment {
    let (mut changed, mut gone) = (Vec::new(), Vec::new());
    for (address, step) in steps {
        let list = if step.change == Change::Gone { &mut gone } else { &mut changed };
        list.push(address);
    }
    let said = run::started(plan, &who, None);
    Amendment {
        who,
        digest: said.digest,
        runbook: said.runbook,
        title: said.title,
        severity: said.severity,
        objectives: said.objectives,
        outage_began: said.outage_began,
        params: said.params,
        changed,
        gone,
    }
}
