//! What is still to be dealt with: steps that wait for people, things that a run made, and what went another way than the
//! runbook has it.

use jiff::Timestamp;
use serde::Serialize;

use super::chronicle::Said;
use super::steps::{StepReport, Steps};
use crate::model::ledger::LedgerEntry;
use crate::model::record::SkipReason;
use crate::model::{Address, RunStatus, Status};
use crate::runbook::holds::{Part, id};
use crate::view::back::undo_failed;
use crate::view::commands::who_now;
use crate::view::json::removal;
use crate::view::words::{count, stamp};
use crate::view::{RunView, StepView, derive, recorded, tell};

/// Something that somebody has to know or do.
#[derive(Debug, PartialEq, Serialize)]
pub struct Open {
    /// Absent for the run as a whole.
    pub step: Option<Address>,
    pub what: String,
    /// The likeliest way on.
    pub command: Option<String>,
}

/// Something the run made that is still there.
#[derive(Debug, Serialize)]
pub struct Leftover {
    pub kind: String,
    pub id: String,
    pub made_by: Address,
    pub keep_until: Option<Timestamp>,
    pub temporary: bool,
    pub overdue: bool,
    pub remove: String,
}

/// Not as the runbook has it, and not to be forgotten.
#[derive(Debug, PartialEq, Serialize)]
pub struct Flag {
    pub step: Address,
    /// `by_hand`, `unverified`, `adopted`, `in_place`, `skipped`, `allowed_to_fail`, `undone`.
    pub what: &'static str,
    pub who: Option<String>,
    pub because: Option<String>,
}

pub fn open(view: &RunView) -> Vec<Open> {
    let mut open = if view.state.ended.is_some() { after_the_end(view) } else { before_the_end(view) };
    open.extend(view.left_out().into_iter().map(|claim| Open {
        step: Some(claim.step.address.clone()),
        what: format!("was {}", claim.left_out()),
        command: view.state.ended.is_none().then(|| view.commands.rerun(&claim.step.address)),
    }));
    open.splice(
        0..0,
        view.holds().into_iter().filter(|hold| hold.standing.stays()).map(|hold| Open {
            step: id(&hold.name, Part::Release).parse().ok(),
            what: format!("the hold `{}` is {}", hold.name, hold.words()),
            command: Some(view.commands.release(&hold.name)),
        }),
    );
    open.extend(view.state.doubts.iter().map(|kept| {
        of_run(
            format!("a damaged end of the journal is kept as `{kept}`: what was in flight then was looked for"),
            None,
        )
    }));
    open.extend(view.state.told.iter().filter_map(|told| {
        let failing = told.failing.as_ref()?;
        let what = format!("`{}` could not be told since {}: {}", told.to, stamp(failing.since.at), failing.fault);
        Some(of_run(what, None))
    }));
    open
}

fn of_run(what: String, command: Option<String>) -> Open {
    Open { step: None, what, command }
}

fn before_the_end(view: &RunView) -> Vec<Open> {
    let mut open = Vec::new();
    if let Some(paused) = tell::paused(&view.state) {
        open.push(of_run(format!("the run is {paused}"), Some(view.commands.resume())));
    }
    if view.is_abandoned() {
        open.push(of_run("nobody executes the run".into(), Some(view.commands.resume())));
    }
    open.extend(view.todos().into_iter().map(|todo| Open {
        step: Some(todo.step.address.clone()),
        what: why(view, todo.step),
        command: todo.ways.into_iter().next().map(|way| way.command),
    }));
    open.extend(view.steps.iter().filter(|step| step.status.is_in_flight() && !step.is_group).map(|step| {
        let how = match (view.alive, step.survives) {
            (true, _) => "is going on",
            (false, true) => "goes on without an executor",
            (false, false) => "was begun, and no process of ours works on it",
        };
        Open { step: Some(step.address.clone()), what: how.into(), command: None }
    }));
    open.extend(view.recorded.iter().map(|answer| Open {
        step: answer.verb.step().cloned(),
        what: recorded(answer),
        command: Some(view.commands.resume()),
    }));
    open
}

fn after_the_end(view: &RunView) -> Vec<Open> {
    let mut open = Vec::new();
    // What was taken back as a whole was meant to be.
    let taken_back = view.status == RunStatus::Undone;
    let is_bad = |step: &StepView| derive::needs_attention(step) && !(taken_back && step.status == Status::Undone);
    for step in &view.steps {
        if is_bad(step) {
            let command = match view.is_stuck(step) {
                true => view.commands.take_back(&step.address).command,
                false => view.commands.show(&step.address),
            };
            let command = Some(command);
            open.push(Open { step: Some(step.address.clone()), what: why(view, step), command });
        } else if step.status.is_in_flight() && !step.is_group {
            let what = "was begun and has not ended: it may be going on".into();
            open.push(Open { step: Some(step.address.clone()), what, command: None });
        }
    }
    let never = |step: &&StepView| {
        let is_open = matches!(step.status, Status::Pending | Status::Queued | Status::Blocked | Status::Waiting);
        is_open && !step.is_group
    };
    let never = view.steps.iter().filter(never).count();
    if never > 0 && !taken_back {
        open.push(of_run(format!("{} never ran", count(never, "step")), None));
    }
    open
}

/// What keeps a step.
fn why(view: &RunView, step: &StepView) -> String {
    let state = view.state_of(step);
    if let Some(it) = &state.wait {
        return format!("waits {}", it.wait);
    }
    match (step.status, &state.ask, &state.fault) {
        (Status::Waiting, Some(asked), _) => format!("asks {} since {}", who_now(asked), stamp(asked.since.at)),
        (Status::Unknown, ..) => {
            format!("nobody can tell whether it happened: {}", state.evidence().unwrap_or_default())
        }
        (_, _, Some(fault)) if view.is_stuck(step) => undo_failed(fault),
        (status, _, Some(fault)) => format!("is {}: {fault}", status.word()),
        (status, ..) => format!("is {}", status.word()),
    }
}

pub fn leftovers(view: &RunView) -> Vec<Leftover> {
    view.state.ledger.iter().map(|entry| leftover(view, entry)).collect()
}

fn leftover(view: &RunView, entry: &LedgerEntry) -> Leftover {
    Leftover {
        kind: entry.kind.clone(),
        id: entry.id.clone(),
        made_by: entry.made_by.clone(),
        keep_until: entry.keep_until,
        temporary: entry.temporary,
        overdue: derive::is_overdue(entry, view.now, view.status.is_final()),
        remove: removal(&view.commands, entry),
    }
}

pub fn flags(steps: &Steps) -> Vec<Flag> {
    steps.iter().flat_map(|step| of_step(&step)).collect()
}

fn of_step(step: &StepReport<'_>) -> Vec<Flag> {
    let said = |verb: &str| step.decisions.iter().rev().find(|said| said.text.starts_with(&format!("`{verb}")));
    let flag = |what: &'static str, said: Option<&Said>| Flag {
        step: step.id.clone(),
        what,
        who: said.map(|said| said.who.clone()),
        because: said.and_then(|said| said.because.clone()),
    };
    let mut flags = Vec::new();
    flags.extend(step.claimed.then(|| flag("by_hand", said("done"))));
    flags.extend(step.unverified.then(|| flag("unverified", said("done"))));
    flags.extend(step.adopted.then(|| flag("adopted", None)));
    flags.extend(step.in_place.map(|said| Flag { because: Some(said.into()), ..flag("in_place", None) }));
    flags.extend((step.skipped == Some(&SkipReason::Person)).then(|| flag("skipped", said("skip"))));
    flags.extend((step.state == Status::Failed && step.allow_failure).then(|| flag("allowed_to_fail", None)));
    flags.extend((step.state == Status::Undone).then(|| flag("undone", said("undo"))));
    flags
}

impl Flag {
    /// For people.
    pub fn title(&self) -> &'static str {
        match self.what {
            "by_hand" => "done by hand",
            "unverified" => "NOT VERIFIED: a person says it is so",
            "adopted" => "begun by an executor that died, and taken up again",
            "in_place" => "changed in place: the old state cannot be had back",
            "skipped" => "left out by a person",
            "allowed_to_fail" => "failed, as it may",
            _ => "taken back",
        }
    }
}
