//! The command lines that move a run on, written so that they can be pasted.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;

use super::words::shell_word;
use crate::model::answer::option;
use crate::model::record::{Ask, AskKind, Contact};
use crate::model::step::{Asked, StepState};
use crate::model::{Address, RetryClass, RunId, Status};
use crate::plan::outline::Outline;

/// How commands about one run are written.
#[derive(Clone, Debug)]
pub struct Commands {
    pub run: RunId,
    /// Said where the state does not lie where it does by itself.
    state: Option<PathBuf>,
    /// Outputs that a step done by hand has to come with.
    read: Arc<HashMap<Address, Vec<Output>>>,
    /// Steps that are done only when others have failed.
    repairs: Arc<HashSet<Address>>,
}

/// An output that somebody has to give.
#[derive(Clone, Debug)]
struct Output {
    name: String,
    /// Given on stdin.
    secret: bool,
}

/// One way on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// What choosing it says or does.
    pub means: &'static str,
    pub verb: &'static str,
    /// Whether outputs have to be filled in before it can be said.
    pub wants_outputs: bool,
    pub command: String,
}

impl Commands {
    pub fn new(run: RunId) -> Self {
        Self { run, state: None, read: Arc::default(), repairs: Arc::default() }
    }

    /// `state`: the folder, where it has to be said.
    pub fn at(self, state: Option<PathBuf>) -> Self {
        Self { state, ..self }
    }

    /// With what the plan says of its steps.
    pub fn knowing(self, outline: &Outline) -> Self {
        let read = outline.steps.iter().filter(|step| !step.read.is_empty());
        let read = read.map(|step| {
            let output = |name: &String| Output { name: name.clone(), secret: step.secret.contains(name) };
            (step.address.clone(), step.read.iter().map(output).collect())
        });
        let repairs = outline.steps.iter().filter(|step| step.mends.is_some()).map(|step| step.address.clone());
        Self { read: Arc::new(read.collect()), repairs: Arc::new(repairs.collect()), ..self }
    }

    pub fn resume(&self) -> String {
        format!("{} resume {}", self.program(), self.run)
    }

    /// Gives a hold back.
    pub fn release(&self, hold: &str) -> String {
        format!("{} release {hold} --because TEXT --run {}", self.program(), self.run)
    }

    /// Takes over the edited runbook.
    pub fn accept(&self, digest: &str) -> String {
        format!("{} --accept {digest}", self.resume())
    }

    pub fn cleanup(&self) -> String {
        format!("{} cleanup {}", self.program(), self.run)
    }

    /// Takes back the whole run.
    pub fn undo(&self) -> String {
        format!("{} undo --because TEXT --run {}", self.program(), self.run)
    }

    pub fn abort(&self) -> String {
        format!("{} abort --because TEXT --run {}", self.program(), self.run)
    }

    /// Does a step again, or for the first time where it was left out.
    pub fn rerun(&self, step: &Address) -> String {
        self.about("rerun", step, " --because TEXT")
    }

    pub fn status(&self) -> String {
        format!("{} status {}", self.program(), self.run)
    }

    pub fn report(&self) -> String {
        format!("{} report {}", self.program(), self.run)
    }

    pub fn show(&self, step: &Address) -> String {
        self.about("show", step, "")
    }

    pub fn logs(&self, step: &Address) -> String {
        self.about("logs", step, "")
    }

    /// What a person can say to a step that cannot go on by itself, the likeliest first.
    pub fn ways(&self, step: &Address, state: &StepState, status: Status) -> Vec<Way> {
        let way = |means, verb, rest: &str| self.way(means, verb, step, rest, "");
        let because = " --because TEXT";
        let read = self.read.get(step).map(Vec::as_slice).unwrap_or_default();
        let outputs: String = read.iter().map(Output::option).collect();
        let done = |means, how: &str| self.way(means, "done", step, &format!("{how}{because}"), &outputs);
        // Where its outputs are read, nothing goes on without them.
        let skip = read.is_empty().then(|| way("go on without it", "skip", because));
        match status {
            Status::Waiting if state.wait.is_some() => vec![way("start it now", "start", because)],
            Status::Waiting => state.ask.as_ref().map(|asked| self.answers(step, &asked.ask)).unwrap_or_default(),
            Status::Unknown => vec![done("it happened", ""), way("it did not happen: do it", "retry", because)],
            Status::Unproven => vec![
                way("prove it again", "retry", ""),
                way("do it again", "rerun", because),
                done("it is so: take it as done", " --unverified"),
            ],
            // Its step has failed with it, and is what is tried again.
            Status::Failed if self.repairs.contains(step) => Vec::new(),
            // A group goes on in its members.
            Status::Failed if state.opened => vec![way("try again", "retry", "")],
            Status::Failed if state.undo.is_some() => vec![self.take_back(step), done("leave it as it is", "")],
            Status::Failed => {
                let again = match wants_anew(state) {
                    true => way("do it again as another one", "rerun", because),
                    false => way("try again", "retry", ""),
                };
                [again, done("done by hand", "")].into_iter().chain(skip).collect()
            }
            Status::Late | Status::Running | Status::Verifying | Status::Pending if state.overdue.is_some() => {
                vec![way("give it more time", "extend", " 30m")]
            }
            Status::Late => vec![way("give it more time", "extend", " 30m")],
            Status::Undone => std::iter::once(way("do it again", "retry", "")).chain(skip).collect(),
            _ => Vec::new(),
        }
    }

    /// What is left to do where an undo failed, also after the end of the run.
    pub fn take_back(&self, step: &Address) -> Way {
        self.way("take it back again", "undo", step, " --because TEXT", "")
    }

    fn answers(&self, step: &Address, ask: &Ask) -> Vec<Way> {
        let because = " --because TEXT";
        let yes = match ask.what {
            AskKind::Approval => self.way("yes", "approve", step, &format!(" --code {}", shell_word(&ask.code)), ""),
            AskKind::Task => {
                let fields = ask.form.as_object().into_iter().flatten().filter(|(_, field)| is_required(field));
                let output =
                    |(name, field): (&String, &Value)| Output { name: name.clone(), secret: field["secret"] == true };
                let outputs: String = fields.map(output).map(|it| it.option()).collect();
                self.way("it is done", "done", step, because, &outputs)
            }
            AskKind::Acknowledge => self.way("it was read", "done", step, because, ""),
        };
        vec![yes, self.way("no", "reject", step, because, "")]
    }

    fn way(&self, means: &'static str, verb: &'static str, step: &Address, rest: &str, outputs: &str) -> Way {
        let command = self.about(verb, step, &format!("{rest}{outputs}"));
        Way { means, verb, wants_outputs: !outputs.is_empty(), command }
    }

    fn about(&self, verb: &str, step: &Address, rest: &str) -> String {
        format!("{} {verb} {}{rest} --run {}", self.program(), shell_word(step.as_str()), self.run)
    }

    fn program(&self) -> String {
        match &self.state {
            Some(state) => format!("regrow --state {}", shell_word(&state.to_string_lossy())),
            None => "regrow".into(),
        }
    }
}

impl Output {
    /// Names it, and leaves its value open.
    fn option(&self) -> String {
        option(&shell_word(&self.name), self.secret)
    }
}

fn is_required(field: &Value) -> bool {
    field.get("required") != Some(&Value::Bool(false))
}

/// Whether another attempt would find what this one has failed with, so that only `rerun` helps.
pub fn wants_anew(state: &StepState) -> bool {
    state.fault.as_ref().is_some_and(|fault| fault.retry == RetryClass::Anew)
}

/// Who is asked: `anybody`, `firefighter`, `2 people of firefighter or commander`.
pub fn who(ask: &Ask) -> String {
    let roles = ask.from.join(" or ");
    let mut text = match (ask.minimum, roles.is_empty()) {
        (0 | 1, true) => "anybody".into(),
        (0 | 1, false) => roles,
        (minimum, true) => format!("{minimum} people"),
        (minimum, false) => format!("{minimum} people of {roles}"),
    };
    if !ask.by_starter {
        text.push_str(", not who started the run");
    }
    text
}

/// The same for a question that stands: `firefighter, ESCALATED to commander`.
pub fn who_now(asked: &Asked) -> String {
    let to = asked.ask.escalation.as_ref().map(|it| it.to.join(" and ")).filter(|to| !to.is_empty());
    match (&asked.escalated, to) {
        (None, _) => who(&asked.ask),
        (Some(_), Some(to)) => format!("{}, ESCALATED to {to}", who(&asked.ask)),
        (Some(_), None) => format!("{}, ESCALATED", who(&asked.ask)),
    }
}

/// Those who may answer by name, and how to reach them; nothing where any name will do.
pub fn whom(asked: &Asked) -> Option<String> {
    let people: Vec<String> = asked.people().into_iter().map(ToString::to_string).collect();
    (!people.is_empty()).then(|| format!("may be answered by: {}", people.join("; ")))
}

/// Who is still asked, behind an approval that is not enough: `1 of 2 have approved; still asks firefighter`.
pub fn still_wanted(step: &StepState) -> Option<String> {
    let asked = step.ask.as_deref().filter(|_| !step.is_approved())?;
    let (given, wanted) = (step.approved_by.len(), usize::try_from(asked.ask.minimum).unwrap_or(usize::MAX));
    let who = match asked.ask.from.is_empty() {
        true => String::new(),
        false => format!(" of {}", asked.roles().join(" or ")),
    };
    let has_not = |it: &&Contact| !step.approved_by.contains(&it.name);
    let people: Vec<String> = asked.people().into_iter().filter(has_not).map(ToString::to_string).collect();
    let people = if people.is_empty() { String::new() } else { format!("; may be: {}", people.join("; ")) };
    let left = wanted.saturating_sub(given);
    let has = if left == 1 { "has" } else { "have" };
    Some(format!("{given} of {wanted} have approved; {left} more{who} {has} to{people}"))
}

/// The word for what is asked.
pub fn what(ask: &Ask) -> &'static str {
    match ask.what {
        AskKind::Approval => "approval",
        AskKind::Task => "task",
        AskKind::Acknowledge => "acknowledge",
    }
}
