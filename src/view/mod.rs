//! Looks at a run: one fold for all displays.
//!
//! A [`RunView`] is made of what lies in a run's folder and nothing else: the plan's outline, the folded journal, whether a
//! process holds the lock, the latest pulses. It takes no lock and writes nothing, and works on a live, crashed, ended or
//! damaged run (G25): what cannot be read becomes a [`Trouble`] beside what can.
//!
//! [`derive`] says what no single record says: that a run waits, that a step is queued, when it will be over. [`tell`] has
//! the sentence for each record, [`commands`] the command lines that move a run on, [`json`] what `status --json` prints.

pub mod back;
pub mod book;
pub mod claims;
pub mod clean;
pub mod commands;
pub mod derive;
pub mod drill;
pub mod follow;
pub mod history;
pub mod holds;
pub mod json;
pub mod logs;
pub mod page;
pub mod paint;
pub mod read;
pub mod summary;
pub mod tell;
pub mod telling;
#[cfg(test)]
pub mod testing;
pub mod words;

use std::cell::LazyCell;

use jiff::Timestamp;

use crate::engine::frontier::{Frontier, Readiness};
use crate::engine::world::pending;
use crate::journal::store::RunDir;
use crate::journal::{JournalError, Tail, lease};
use crate::kinds;
use crate::model::ledger::LedgerEntry;
use crate::model::record::{Mode, Record};
use crate::model::step::StepState;
use crate::model::{Address, Answer, Pulse, RunId, RunState, RunStatus, Status, Verb};
use crate::plan::outline::Outline;
use crate::plan::saved::SavedPlan;
use crate::provider::process::{JobFiles, latest_pulse, living};
use crate::runbook::holds::Held;

use drill::Rehearsed;

pub use commands::Commands;

/// Is told what happened once it is on disk. A display that fails stops showing; it never stops the run.
pub trait Observer: Send {
    /// `state` is the fold up to and with the last of `records`.
    fn observe(&mut self, records: &[Record], state: &RunState);
    /// Something that is no record, said at once.
    fn notice(&mut self, _text: &str) {}
    /// Nothing more comes.
    fn finish(&mut self) {}
}

/// A run as it stands at `now`.
#[derive(Debug)]
pub struct RunView {
    pub id: RunId,
    pub dir: RunDir,
    pub now: Timestamp,
    /// Absent where `plan.json` cannot be read.
    pub plan: Option<SavedPlan>,
    pub state: RunState,
    /// Whether some process executes it.
    pub alive: bool,
    pub status: RunStatus,
    /// In the order of the runbook.
    pub steps: Vec<StepView>,
    /// Whether the journal was read to its end. If not, nothing can go on before that is mended.
    pub is_whole: bool,
    /// What cannot be shown, and why.
    pub troubles: Vec<Trouble>,
    pub commands: Commands,
    /// Answers that nobody has taken up yet, oldest first.
    pub recorded: Vec<Answer>,
}

/// What the outline and the fold together say of a step; the rest is in [`RunView::state_of`].
#[derive(Clone, Debug)]
pub struct StepView {
    pub address: Address,
    pub name: String,
    /// Absent where the plan cannot be read.
    pub kind: Option<String>,
    pub status: Status,
    pub blocked_by: Option<Address>,
    pub pulse: Option<Pulse>,
    /// Whether a supervisor works on it, also where nobody executes the run.
    pub survives: bool,
    pub allow_failure: bool,
    pub finally: bool,
    pub owner: Option<String>,
    /// What is said of a change whose old state cannot be had back.
    pub in_place: Option<String>,
    /// Done by its items, which stand behind it.
    pub is_group: bool,
    /// Which part of a hold it is.
    pub held: Option<Held>,
    /// What became of it, in a drill.
    pub drill: Option<Rehearsed>,
}

/// Something that cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    pub message: String,
    pub hint: String,
}

impl RunView {
    /// Never fails: a folder in which nothing can be read gives a view that says so.
    pub fn load(dir: &RunDir, now: Timestamp) -> Self {
        let mut troubles = Vec::new();
        let mut plan = SavedPlan::read(dir).map_err(|error| troubles.push(Trouble::plan(&error))).ok();
        let alive = lease::is_held(&dir.path);
        let reading = read::fold(&dir.path);
        troubles.extend(reading.error.as_ref().map(|error| Trouble::journal(error, &reading.state)));
        troubles.extend(Trouble::tail(&reading.tail, alive));
        let (state, is_whole) = (reading.state, reading.error.is_none());
        if let Some(plan) = &mut plan {
            match plan.grown(dir, &state, kinds::find) {
                Ok(grown) => plan.outline = grown.unwrap_or_else(|| std::mem::take(&mut plan.outline)),
                Err(error) => troubles.push(Trouble::growth(&error)),
            }
        }
        let mut steps = steps(plan.as_ref().map(|plan| &plan.outline), &state, is_whole);
        // Looked at once, and only if somebody asks.
        let living = LazyCell::new(living);
        for step in &mut steps {
            let Some(files) = job_files(dir, state.step(&step.address), step.status) else { continue };
            step.pulse = latest_pulse(&files);
            let op = state.step(&step.address).intent.as_ref().map(|intent| &intent.op);
            // A command may outlive its supervisor.
            step.survives =
                lease::is_locked(&files.job()) || (!alive && op.is_some_and(|op| living.contains(op.as_str())));
        }
        let status = derive::run_status(&state, &steps);
        let id = plan.as_ref().map_or_else(|| dir.id(), |plan| plan.run.clone());
        let mut commands = Commands::new(id.clone());
        if let Some(plan) = &plan {
            commands = commands.knowing(&plan.outline);
        }
        let recorded = pending(&dir.inbox()).into_iter().map(|(_, answer)| answer);
        let recorded = recorded.filter(|answer| state.judged(&answer.id).is_none()).collect();
        Self { id, dir: dir.clone(), now, plan, state, alive, status, steps, is_whole, troubles, commands, recorded }
    }

    pub fn state_of(&self, step: &StepView) -> &StepState {
        self.state.step(&step.address)
    }

    /// What is recorded about a step and takes effect when somebody executes the run, one line each.
    pub fn recorded_of(&self, step: &StepView) -> Vec<String> {
        let is_meant = |answer: &&Answer| match &answer.verb {
            Verb::Retry { step: None } => matches!(step.status, Status::Failed | Status::Unproven),
            verb => verb.step() == Some(&step.address),
        };
        self.recorded.iter().filter(is_meant).map(recorded).collect()
    }

    /// The same about the run as a whole.
    pub fn recorded_of_run(&self) -> Vec<String> {
        let is_meant = |answer: &&Answer| answer.verb.step().is_none() && !matches!(answer.verb, Verb::Retry { .. });
        self.recorded.iter().filter(is_meant).map(recorded).collect()
    }

    pub fn find(&self, address: &str) -> Option<&StepView> {
        self.steps.iter().find(|step| step.address.as_str() == address)
    }

    pub fn mode(&self) -> Option<Mode> {
        self.state.started().map(|started| started.mode).or(self.plan.as_ref().map(|plan| plan.mode))
    }

    /// Somebody should execute it, and nobody does.
    pub fn is_abandoned(&self) -> bool {
        !self.status.is_final() && !self.alive
    }

    pub fn started_at(&self) -> Option<Timestamp> {
        let recorded = self.state.started_at.as_ref().map(|moment| moment.at);
        recorded.or(self.plan.as_ref().map(|plan| plan.started_at))
    }

    pub fn outage_began(&self) -> Option<Timestamp> {
        let recorded = self.state.started().and_then(|started| started.outage_began);
        recorded.or(self.plan.as_ref().and_then(|plan| plan.outage_began))
    }

    /// Temporary things that are still there after their time.
    pub fn overdue(&self) -> impl Iterator<Item = &LedgerEntry> {
        self.state.ledger.iter().filter(|entry| derive::is_overdue(entry, self.now, self.status.is_final()))
    }

    /// How many steps stand at `status`.
    pub fn count(&self, status: Status) -> usize {
        self.steps.iter().filter(|step| step.status == status).count()
    }
}

impl Trouble {
    fn plan(error: &std::io::Error) -> Self {
        Self {
            message: format!("`plan.json` cannot be read: {error}"),
            hint: "steps that no record names are missing here, and so are names and kinds".into(),
        }
    }

    fn growth(error: &str) -> Self {
        Self {
            message: format!("the run's copy of the runbook cannot be read: {error}"),
            hint: "items of lists that only the run knew are shown without their names and kinds".into(),
        }
    }

    /// What is wrong with the journal, and how far it was read.
    pub fn journal(error: &JournalError, state: &RunState) -> Self {
        let mut message = error.to_string();
        if state.seq.0 > 0 {
            message.push_str(&format!("; this is the run as of record {}", state.seq));
        }
        Self { message, hint: error.hint().into() }
    }

    fn tail(tail: &Tail, alive: bool) -> Option<Self> {
        match tail {
            Tail::Clean => None,
            // Somebody is just writing.
            Tail::Torn { .. } | Tail::Doubtful { .. } | Tail::Lost { .. } if alive => None,
            Tail::Torn { offset } => Some(Self {
                message: format!("the journal's last line was cut by a crash (byte {offset})"),
                hint: "this is normal; nothing that was reported is lost".into(),
            }),
            Tail::Doubtful { offset } => Some(Self {
                message: format!("the end of the journal is not a clean cut (byte {offset})"),
                hint: "`regrow resume` keeps it aside and asks what became of the steps in flight".into(),
            }),
            Tail::Lost { segment } => Some(Self {
                message: format!("nothing of `{segment}`, the newest part of the journal, can be read"),
                hint:
                    "this is the run as it was before; `regrow resume` asks what became of the steps that had not ended"
                        .into(),
            }),
        }
    }
}

/// Steps of the outline, then those that only records name.
fn steps(outline: Option<&Outline>, state: &RunState, is_whole: bool) -> Vec<StepView> {
    let Some(outline) = outline else {
        return state.steps.iter().map(|(address, step)| unplanned(address, step)).collect();
    };
    let frontier = Frontier::new(outline, state);
    let mut steps: Vec<StepView> = (0..outline.len()).map(|node| planned(outline, state, &frontier, node)).collect();
    if !is_whole {
        // Lost records may say anything of what looks ready; and nothing starts before that is mended.
        let queued = steps.iter_mut().filter(|step| step.status == Status::Queued);
        queued.for_each(|step| step.status = Status::Pending);
    }
    if !state.steps.is_empty() {
        let known: std::collections::HashSet<&Address> = outline.steps.iter().map(|step| &step.address).collect();
        let extra = state.steps.iter().filter(|(address, _)| !known.contains(address));
        steps.extend(extra.map(|(address, step)| unplanned(address, step)));
    }
    steps
}

fn planned(outline: &Outline, state: &RunState, frontier: &Frontier, node: usize) -> StepView {
    let step = &outline.steps[node];
    let mut status = frontier.statuses[node];
    let mut blocked_by = None;
    match (status, frontier.readiness(outline, node)) {
        (Status::Blocked, Readiness::Blocked(need)) => blocked_by = Some(need),
        (Status::Pending, Readiness::Ready) if derive::is_turn(state, step.finally, &step.address) => {
            status = Status::Queued;
        }
        // It began, and what is left of it never will.
        (Status::Running | Status::Late, _) if step.members.is_some() && state.ended.is_some() => {
            status = Status::Pending
        }
        _ => {}
    }
    StepView {
        address: step.address.clone(),
        name: step.name.clone(),
        kind: Some(step.kind.clone()),
        status,
        blocked_by,
        pulse: None,
        survives: false,
        allow_failure: step.may_fail(),
        finally: step.finally,
        owner: step.owner.clone(),
        in_place: step.in_place.clone(),
        is_group: step.members.is_some(),
        held: step.held.clone(),
        drill: state.is_drill().then(|| Rehearsed::of(step, state.step(&step.address))).flatten(),
    }
}

pub fn recorded(answer: &Answer) -> String {
    format!("recorded, takes effect at resume: {} says {}", answer.who.name, tell::wanted(answer))
}

fn unplanned(address: &Address, step: &StepState) -> StepView {
    StepView {
        address: address.clone(),
        name: address.to_string(),
        kind: None,
        status: step.status,
        blocked_by: None,
        pulse: None,
        survives: false,
        allow_failure: false,
        finally: false,
        owner: None,
        in_place: None,
        is_group: false,
        held: None,
        drill: None,
    }
}

/// The files of work that may be going on, whoever executes the run.
fn job_files(dir: &RunDir, step: &StepState, status: Status) -> Option<JobFiles> {
    let intent = step.intent.as_ref().filter(|_| status.is_in_flight())?;
    Some(JobFiles::named(&dir.work(), &intent.op, step.attempts, &intent.phase))
}

#[cfg(test)]
mod tests;
