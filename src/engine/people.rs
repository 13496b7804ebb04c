//! Who may answer: the people file decides, where there is one. Without one any name may take any role.

use crate::model::answer::Refusal;
use crate::model::record::{AskKind, Contact};
use crate::model::step::Asked;
use crate::model::{Address, Answer, RunState, Verb};
use crate::plan::Plan;
use crate::runbook::suggest;

/// Answers by somebody who may not give them.
const NOT_YOURS: &str = "RG5010";
const UNKNOWN: &str = "RG5011";

/// Refuses what is said to a question by somebody it is not put to. A way round a question is an answer to it, too.
pub fn admit(plan: &Plan, state: &RunState, answer: &Answer) -> Result<(), Refusal> {
    let (Verb::Approve { step, .. } | Verb::Reject { step } | Verb::Done { step, .. } | Verb::Skip { step }) =
        &answer.verb
    else {
        return Ok(());
    };
    let Some(asked) = &state.step(step).ask else { return Ok(()) };
    let name = &answer.who.name;
    // To refuse is open to whoever started.
    let agrees = !matches!(answer.verb, Verb::Reject { .. }) && asked.ask.what == AskKind::Approval;
    if agrees && !asked.ask.by_starter && state.started().is_some_and(|started| started.who.name == *name) {
        let reason = format!("`{name}` started the run; `{step}` wants somebody else's approval");
        return Err(Refusal::new(NOT_YOURS, reason).hint(reach(step, asked)));
    }
    if plan.runbook.people.is_empty() {
        return Ok(());
    }
    let Some(somebody) = plan.runbook.people.get(name) else {
        let near = suggest::nearest(name, plan.runbook.people.keys().map(String::as_str));
        let near = near.map(|near| format!("did you mean `--as {near}`? ")).unwrap_or_default();
        let hint = format!("{near}{}", reach(step, asked));
        return Err(Refusal::new(UNKNOWN, format!("`{name}` is not in the people file")).hint(hint));
    };
    let roles = asked.roles();
    if somebody.has_any(&roles) {
        return Ok(());
    }
    let roles = roles.join(" or ");
    let reason = format!("`{name}` is no {roles}, whom `{step}` asks");
    Err(Refusal::new(NOT_YOURS, reason).hint(reach(step, asked)))
}

/// Those who may answer, and how to reach them.
fn reach(step: &Address, asked: &Asked) -> String {
    let people: Vec<String> = asked.people().into_iter().map(ToString::to_string).collect();
    if people.is_empty() {
        return format!("`regrow show {step}` says who is asked");
    }
    format!("could be said by {}", people.join("; "))
}

/// Whom a question is put to by name: with a people file, those who have one of the roles.
pub fn contacts(plan: &Plan, state: &RunState, from: &[String], by_starter: bool) -> Vec<Contact> {
    let starter = state.started().map(|started| started.who.name.as_str());
    let may = |name: &str| by_starter || starter != Some(name);
    let holders = plan.runbook.holders(from).filter(|(name, _)| may(name));
    holders.map(|(name, somebody)| Contact { name: name.clone(), reach: somebody.reach.clone() }).collect()
}
