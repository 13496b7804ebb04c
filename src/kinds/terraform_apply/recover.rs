//! After a crash: whose lock it is, where the state went, what may have been made without the state knowing it.
//!
//! A saved plan is never applied again. What is left is planned anew and compared with what was approved: nothing left, done;
//! no more than was approved, the new plan is applied; anything else is for a person.

use std::collections::BTreeMap;
use std::fs;

use jiff::Timestamp;

use super::apply::{self, Applied};
use super::marker::{Ending, Marker};
use super::site::{Facts, Site};
use crate::kind::Next;
use crate::model::{Fault, RetryClass};
use crate::provider::terraform::{self, Action, Change, Hook, Plan, Stage, State};

/// Goes on with an apply of this attempt that had begun.
pub async fn go_on(site: &Site<'_>, facts: &Facts) -> Result<Next, Fault> {
    site.module.init(false).await?;
    if site.marker().is_some_and(|marker| marker.ending == Some(Ending::Applied)) {
        return site.done().await;
    }
    loop {
        let begun = settle(site).await?;
        let Some(plan) = site.planned().await? else {
            resolved(site)?;
            return site.done().await;
        };
        let doubtful = doubtful(&begun, &plan);
        if !doubtful.is_empty() {
            return Err(tell_doubtful(site, doubtful)?);
        }
        let more: Vec<&Change> = plan.changes.iter().filter(|change| !change.is_among(&facts.changes)).collect();
        if !more.is_empty() {
            return Err(tell_more(site, &more)?);
        }
        site.cx.say(&format!("what is left of the approved plan: {}", plan.sums()));
        match apply::apply(site).await? {
            Applied::Done => return site.done().await,
            Applied::Stale | Applied::Unseen => {}
        }
    }
}

/// Frees what a crash left: our lock, and no other; the state that did not reach its backend. Says what had been begun by an
/// apply whose end nobody saw.
pub async fn settle(site: &Site<'_>) -> Result<BTreeMap<String, Hook>, Fault> {
    let Some(mut marker) = site.marker().filter(Marker::is_open) else {
        foreign_state(site, None)?;
        return Ok(BTreeMap::new());
    };
    if !site.module.is_local() {
        // Where it is free we take it for a moment, and may die of it.
        marker.asked.push(Timestamp::now());
        marker.write(&site.folder)?;
    }
    if !site.module.is_local()
        && let Some(lock) = site.module.holder(&site.scope()).await?
    {
        if !marker.owns(&lock, &site.folder) {
            return Err(lock.held());
        }
        site.cx.say(&format!("releasing {}: our own process took it and is gone", lock.words()));
        let said = site.module.ask(&["force-unlock", "-force", &lock.id]).await?;
        if !said.ok {
            return Err(terraform::failed(&said, "releasing our lock"));
        }
    }
    foreign_state(site, Some(&marker))?;
    push(site).await?;
    let printed = fs::read(site.stream(marker.attempt)).unwrap_or_default();
    Ok(terraform::hooks(&printed))
}

/// A state that somebody else could not write must not be taken for ours, nor be written over.
fn foreign_state(site: &Site<'_>, marker: Option<&Marker>) -> Result<(), Fault> {
    let Ok(meta) = fs::metadata(site.module.dir.join(ERRORED)) else { return Ok(()) };
    let written = meta.modified().ok().and_then(|time| Timestamp::try_from(time).ok());
    // A file system may keep whole seconds only.
    let is_ours = |marker: &Marker| written.is_some_and(|at| at.as_second() >= marker.began.as_second());
    if marker.is_some_and(is_ours) {
        return Ok(());
    }
    Err(Fault::new("RG2710", format!("`{ERRORED}` lies in the module's folder, and this step did not leave it")).hint(
        "it is the state of an apply that could not write it: push it (`state push`) or move it away, then retry",
    ))
}

const ERRORED: &str = "errored.tfstate";

/// Brings home the state that our apply could not write: only onto the state it came from.
async fn push(site: &Site<'_>) -> Result<(), Fault> {
    let path = site.module.dir.join(ERRORED);
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let pulled = site.module.ask(&["state", "pull"]).await?;
    if !pulled.ok {
        return Err(terraform::failed(&pulled, "reading the state"));
    }
    let there = State::read(&pulled.stdout);
    let kept = State::read(&text);
    if !kept.as_ref().is_some_and(|kept| kept.follows(there.as_ref())) {
        return Err(Fault::new("RG2710", format!("`{ERRORED}` does not follow the state that the backend has"))
            .hint("compare lineage and serial of both, and push or remove the file by hand; then retry"));
    }
    let said = site.module.ask(&["state", "push", ERRORED]).await?;
    if !said.ok {
        return Err(terraform::failed(&said, "writing the state that an apply had left behind"));
    }
    site.cx.say(&format!("the state in `{ERRORED}` was written to the backend"));
    let _ = fs::remove_file(path);
    Ok(())
}

/// The apply ended and its state was not taken: it is tried once more, here and now.
pub async fn bring_home(site: &Site<'_>, fault: Fault) -> Result<(), Fault> {
    let Err(why) = push(site).await else { return Ok(()) };
    let mut unwritten =
        Fault::new("RG2709", "it was applied, and the backend did not take the state").retry(RetryClass::Later);
    unwritten.causes = fault.causes.into_iter().chain([why.message]).chain(why.causes).collect();
    Err(unwritten.hint(
        "the state is kept in `errored.tfstate` in the module's folder, or in `emergency.tfstate` in the run's; \
                        retry the step when the backend takes writes again: it is written first of all",
    ))
}

/// What an apply had begun, and the plan of now wants to create: it may be there without the state knowing it.
pub fn doubtful(begun: &BTreeMap<String, Hook>, plan: &Plan) -> Vec<String> {
    let creates = plan.changes.iter().filter(|change| change.action == Action::Create);
    let doubtful = creates.filter_map(|change| Some((change, begun.get(&change.address)?)));
    let doubtful = doubtful.filter(|(_, hook)| hook.action == "create" && hook.stage != Stage::Failed);
    doubtful
        .map(|(change, hook)| match (&hook.id, hook.stage) {
            (Some(id), Stage::Completed) => {
                format!(
                    "{} was made with id `{id}`: `import {{ to = {}, id = \"{id}\" }}`",
                    change.address, change.address
                )
            }
            _ => format!(
                "{} was begun and may exist: look for it; if it does, `import {{ to = {}, id = \"…\" }}`",
                change.address, change.address
            ),
        })
        .collect()
}

pub fn tell_doubtful(site: &Site<'_>, doubtful: Vec<String>) -> Result<Fault, Fault> {
    let message = "some of it may exist although the state does not know it; creating it again could make it twice";
    tell(site, Fault::new("RG2707", message), doubtful)
}

fn tell_more(site: &Site<'_>, more: &[&Change]) -> Result<Fault, Fault> {
    let message = "after the crash the plan wants more than was approved";
    tell(site, Fault::new("RG2706", message), more.iter().map(|change| change.words()).collect())
}

/// Leaves it to a person, and takes down what they were told.
fn tell(site: &Site<'_>, mut fault: Fault, causes: Vec<String>) -> Result<Fault, Fault> {
    site.forget_plan();
    fault.causes = causes;
    causes_into_log(site, &fault);
    if let Some(mut marker) = site.marker() {
        marker.told = Some(format!("{}: {}", fault, fault.causes.join("; ")));
        marker.write(&site.folder)?;
    }
    Ok(fault.retry(RetryClass::Unknown))
}

fn causes_into_log(site: &Site<'_>, fault: &Fault) {
    site.cx.say(&fault.message);
    fault.causes.iter().for_each(|cause| site.cx.say(&format!("  {cause}")));
}

/// Nothing is left to do: the apply had come to its end.
fn resolved(site: &Site<'_>) -> Result<(), Fault> {
    let Some(mut marker) = site.marker() else { return Ok(()) };
    let _ = fs::remove_file(site.stream(marker.attempt));
    marker.ending = Some(Ending::Applied);
    marker.write(&site.folder)
}
