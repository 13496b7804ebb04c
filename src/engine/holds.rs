//! When holds are taken and given back.
//!
//! A hold is three steps of the graph. Two things are not said by their needs. It is taken because a step under it would start
//! now: only who is about to start asks for it, so a hold that nobody comes to need is never taken. And it is given back not
//! only when all under it have ended, but at every end of the run, in reverse order of taking; a failure that a person may
//! still mend is no end. Taken again, it is given back again; the value before is read once in a run.

use super::decide::{Decision, reopened, skip, start};
use super::ending::blocked_for_good;
use super::frontier::Readiness;
use super::live::Live;
use crate::model::record::{Event, SkipReason};
use crate::model::step::StepState;
use crate::model::time::Moment;
use crate::model::{Address, RunState, Status};
use crate::plan::Plan;
use crate::runbook::holds::{Held, OnAbort, Part, id};

/// Whether the holds of a step that would start now are taken. The first that is not is asked for: they are taken one after
/// another, as they are written.
pub fn are_taken(plan: &Plan, state: &RunState, live: &Live, node: usize, decision: &mut Decision) -> bool {
    let missing = plan.outline.steps[node].under.iter().find(|take| !is_taken(plan, state, live, **take));
    decision.wanted.extend(missing);
    missing.is_none()
}

fn is_taken(plan: &Plan, state: &RunState, live: &Live, take: usize) -> bool {
    match live.frontier.statuses[take] {
        Status::Succeeded => beside(plan, take, Part::Release).is_some_and(|release| {
            match live.frontier.statuses[release] {
                Status::Pending => !live.busy.contains(&release),
                // A person wants it left as it is: it stands.
                status => status == Status::Skipped,
            }
        }),
        // Somebody goes on without it.
        Status::Skipped => [Some(take), beside(plan, take, Part::Read)]
            .into_iter()
            .flatten()
            .any(|node| state.step(plan.address(node)).skipped == Some(SkipReason::Person)),
        _ => false,
    }
}

/// Moves the holds on that steps asked for.
pub fn take_wanted(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, decision: &mut Decision) {
    for take in std::mem::take(&mut decision.wanted) {
        let (Some(read), Some(release)) = (beside(plan, take, Part::Read), beside(plan, take, Part::Release)) else {
            continue;
        };
        let status = |node: usize| live.frontier.statuses[node];
        let again = |node: usize, raise: u32| reopened(state, plan.address(node), raise);
        match (status(take), status(release)) {
            // Somebody said of it that it was done, or left it out, before there was anything to give back.
            (Status::Pending, over) if over.is_settled() => decision.events.push(again(release, 1)),
            (Status::Pending, _) if status(read) == Status::Pending && !live.busy.contains(&read) => {
                start(plan, state, live, now, read, decision);
            }
            // Nobody seemed to need it.
            (Status::Skipped, _) => {
                let left_out = [read, take, release].into_iter().filter(|node| status(*node) == Status::Skipped);
                decision.events.extend(left_out.map(|node| again(node, 0)));
            }
            (Status::Succeeded, over) if over.is_settled() => {
                decision.events.extend([again(take, 1), again(release, 1)])
            }
            _ => {}
        }
    }
}

/// What becomes of a step of a hold that has not begun.
pub fn consider(plan: &Plan, state: &RunState, live: &mut Live, now: &Moment, node: usize, decision: &mut Decision) {
    let Some(take) = beside(plan, node, Part::Take) else { return };
    match judge(plan, state, live, node, take) {
        Turn::Waits => {}
        Turn::Now => start(plan, state, live, now, node, decision),
        Turn::Never => skip(plan, node, SkipReason::NotNeeded, decision),
    }
}

enum Turn {
    Waits,
    Now,
    Never,
}

fn judge(plan: &Plan, state: &RunState, live: &Live, node: usize, take: usize) -> Turn {
    let taken = may_be_taken(state.step(plan.address(take)));
    let over = || under(plan, take).all(|node| is_over(plan, live, node));
    let status = live.frontier.statuses[take];
    match plan.outline.steps[node].part_of_hold() {
        // Nobody needs it any more: also where a person has left out who asked for it, or took the hold by hand.
        Some(Part::Read) if over() => Turn::Never,
        Some(Part::Take) => match live.frontier.readiness(&plan.outline, node) {
            Readiness::Ready if over() => Turn::Never,
            Readiness::Ready => Turn::Now,
            Readiness::Skip(_) => Turn::Never,
            Readiness::Waits | Readiness::Blocked(_) => Turn::Waits,
        },
        Some(Part::Release) if state.ending.is_some() => match taken {
            false => Turn::Never,
            true if is_behind_others(plan, state, live, take, true) => Turn::Waits,
            true => Turn::Now,
        },
        Some(Part::Release) if !status.is_settled() || !over() => Turn::Waits,
        Some(Part::Release) if !taken => Turn::Never,
        Some(Part::Release) if status.satisfies() && !is_behind_others(plan, state, live, take, false) => Turn::Now,
        _ => Turn::Waits,
    }
}

/// Whether its intent is on disk, or a person did it: then it is given back, whatever became of it.
pub fn may_be_taken(take: &StepState) -> bool {
    take.intent.is_some() || take.status == Status::Succeeded
}

/// Has ended so that nobody comes to go on with it.
fn is_over(plan: &Plan, live: &Live, node: usize) -> bool {
    match live.frontier.statuses[node] {
        Status::Failed => plan.may_fail(node),
        Status::Blocked => blocked_for_good(plan, live, node),
        status => status.satisfies(),
    }
}

/// Whether a hold that was taken later has to be given back before: at the end any, else one that shares a step with it.
fn is_behind_others(plan: &Plan, state: &RunState, live: &Live, take: usize, at_end: bool) -> bool {
    let others = releases(plan).filter_map(|release| Some((release, beside(plan, release, Part::Take)?)));
    others.filter(|(_, other)| *other != take).any(|(release, other)| {
        let step = state.step(plan.address(other));
        let status = live.frontier.statuses[release];
        let is_out = may_be_taken(step) && if at_end { !is_back(status) } else { !status.satisfies() };
        let shares = || under(plan, other).any(|node| plan.outline.steps[node].under.contains(&take));
        is_out && (at_end || shares()) && is_later(step, other, state.step(plan.address(take)), take)
    })
}

fn is_later(one: &StepState, one_node: usize, other: &StepState, other_node: usize) -> bool {
    let at = |step: &StepState| step.intent.as_ref().map(|intent| intent.at.clone());
    match (at(one), at(other)) {
        (Some(one), Some(other)) if one.boot == other.boot && one.mono != other.mono => one.mono > other.mono,
        (Some(one), Some(other)) if one.at != other.at => one.at > other.at,
        _ => one_node > other_node,
    }
}

/// Whether no hold keeps the end waiting: each is given back, was never taken, or a person has to say what became of it.
pub fn are_back(plan: &Plan, live: &Live) -> bool {
    releases(plan).all(|node| is_back(live.frontier.statuses[node]))
}

pub fn are_settled(plan: &Plan, live: &Live) -> bool {
    releases(plan).all(|node| live.frontier.statuses[node].is_settled())
}

fn is_back(release: Status) -> bool {
    release.is_settled() || release == Status::Unknown
}

/// Whether it gives a hold back: work of the end as well as of the way there.
pub fn is_release(plan: &Plan, node: usize) -> bool {
    plan.outline.steps[node].part_of_hold() == Some(Part::Release)
}

/// Steps whose turn the needs alone do not tell.
pub fn is_on_call(plan: &Plan, node: usize) -> bool {
    plan.outline.steps[node].held.is_some()
}

pub fn releases(plan: &Plan) -> impl Iterator<Item = usize> {
    plan.runbook.holds.keys().filter_map(|name| plan.graph.find(&id(name, Part::Release)))
}

/// What stands under the hold of a take.
fn under(plan: &Plan, take: usize) -> impl Iterator<Item = usize> {
    plan.graph.nodes[take].dependents.iter().copied().filter(|node| plan.outline.steps[*node].held.is_none())
}

/// Another step of the same hold.
pub fn beside(plan: &Plan, node: usize, part: Part) -> Option<usize> {
    let held: &Held = plan.outline.steps[node].held.as_ref()?;
    plan.graph.find(&held.beside(part))
}

/// What a person who says `release HOLD` asks for, as records.
pub fn release(plan: &Plan, state: &RunState, hold: &str) -> Result<Vec<Event>, String> {
    let find = |part: Part| plan.graph.find(&id(hold, part));
    let (Some(take), Some(release)) = (find(Part::Take), find(Part::Release)) else {
        let known = plan.runbook.holds.keys().map(String::as_str);
        let near = crate::runbook::suggest::help(hold, known).map(|near| format!("; {near}")).unwrap_or_default();
        return Err(format!("there is no hold `{hold}` in this run{near}"));
    };
    if !may_be_taken(state.step(plan.address(take))) {
        return Err(format!("`{hold}` is not taken"));
    }
    refuse_while_used(plan, state, take, hold)?;
    let address = plan.address(release);
    match state.status(address) {
        Status::Succeeded => Err(format!("`{hold}` is released already")),
        Status::Pending => Ok(Vec::new()),
        Status::Failed | Status::Unproven | Status::Skipped | Status::Unknown => Ok(vec![reopened(state, address, 0)]),
        status => Err(format!("`{address}` is {}", status.word())),
    }
}

/// Why nobody can say now that a hold is given back, where `node` is its release.
pub fn refuse_done(plan: &Plan, state: &RunState, node: usize) -> Result<(), String> {
    match &plan.outline.steps[node].held {
        // What has begun, or is given back at the end, is given back whoever still stands under it.
        Some(held)
            if held.part == Part::Release
                && state.ending.is_none()
                && matches!(state.status(plan.address(node)), Status::Pending | Status::Waiting) =>
        {
            let take = plan.graph.find(&held.beside(Part::Take));
            take.map_or(Ok(()), |take| refuse_while_used(plan, state, take, &held.hold))
        }
        _ => Ok(()),
    }
}

fn refuse_while_used(plan: &Plan, state: &RunState, take: usize, hold: &str) -> Result<(), String> {
    let members = |node: usize| plan.graph.nodes[node].members.clone().into_iter().flatten().chain([node]);
    let moving = |node: &usize| !plan.is_group(*node) && is_under_way(state, state.step(plan.address(*node)));
    let used = under(plan, take).flat_map(members).chain([take]).find(moving);
    used.map_or(Ok(()), |node| {
        let step = plan.address(node);
        Err(format!("`{step}` is under way under `{hold}`; `regrow pause` lets nothing new begin"))
    })
}

/// What is done again with a take that a person has done again: what it takes is released once more.
pub fn to_release_again(plan: &Plan, state: &RunState, take: usize) -> Option<Event> {
    let is_take = plan.outline.steps[take].part_of_hold() == Some(Part::Take);
    let release = plan.address(beside(plan, take, Part::Release).filter(|_| is_take)?);
    state.status(release).is_settled().then(|| reopened(state, release, 1))
}

fn is_under_way(state: &RunState, step: &StepState) -> bool {
    match step.status {
        Status::Verifying => true,
        // Somebody does it, or is asked between two phases of it. Behind the end nobody is.
        Status::Waiting => step.intent.is_some() && state.ended.is_none(),
        status => status.is_in_flight(),
    }
}

/// What is recorded when a person aborts: the holds that stay, because the runbook or that person says so.
pub fn kept<'a>(plan: &'a Plan, state: &'a RunState, release: &'a [String]) -> impl Iterator<Item = Event> + 'a {
    let stays = |name: &str, on_abort: OnAbort| match on_abort {
        OnAbort::Release => false,
        OnAbort::Keep => true,
        OnAbort::Ask => !release.iter().any(|named| named == name),
    };
    let staying = plan.runbook.holds.iter().filter(move |(name, hold)| stays(name, hold.on_abort));
    staying.filter_map(|(name, _)| {
        let step = plan.graph.find(&id(name, Part::Release)).map(|node| plan.address(node))?;
        let take = beside(plan, plan.find(step)?, Part::Take)?;
        let is_out = may_be_taken(state.step(plan.address(take))) && state.status(step) == Status::Pending;
        is_out.then(|| Event::StepSkipped { step: step.clone(), why: SkipReason::Kept })
    })
}

/// A person asked for it: whatever else holds, and also after the end.
pub fn asked_for(plan: &Plan, state: &RunState) -> Vec<usize> {
    let wanted = |address: &Address| plan.find(address).filter(|_| !state.status(address).is_settled());
    state.releasing.iter().filter_map(wanted).collect()
}
