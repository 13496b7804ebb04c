//! What is offered in the terminal when a run cannot go on by itself: the same answers that another terminal could give.

use dialoguer::{Input, Select};
use jiff::Timestamp;

use super::Failure;
use super::answer::answer_id;
use crate::engine::Halt;
use crate::journal::store::RunDir;
use crate::journal::{Folder, recover};
use crate::model::record::AskKind;
use crate::model::{Address, Answer, Person, RunState, Status, Verb};
use crate::plan::Plan;

/// How to go on.
pub enum Choice {
    Answer(Box<Answer>),
    /// Keep executing and wait for somebody else's answer.
    Wait,
    Leave,
}

/// Offers what can be done about the first step that is in the way.
pub fn offer(dir: &RunDir, plan: &Plan, halt: Halt, who: &Person) -> Result<Choice, Failure> {
    let wanted: &[Status] = match halt {
        Halt::Waiting => &[Status::Waiting],
        Halt::Unknown => &[Status::Unknown],
        Halt::Paused => &[Status::Failed, Status::Unproven, Status::Undone],
        Halt::Ended | Halt::PausedByPerson | Halt::Stopped | Halt::Detached | Halt::Full => return Ok(Choice::Leave),
    };
    let state = recover(&Folder::new(&dir.path))?.state;
    let in_the_way =
        |node: &usize| wanted.contains(&state.status(plan.address(*node))) && !plan.step(*node).allow_failure;
    let Some(node) = (0..plan.len()).find(in_the_way) else { return Ok(Choice::Leave) };
    let step = plan.address(node);
    let ways = ways(&state, step);
    let words: Vec<&str> = ways.iter().map(|(words, _)| *words).collect();
    let prompt = format!("`{step}` is {}", state.status(step).word());
    let chosen = Select::new().with_prompt(prompt).items(&words).default(0).interact_opt().map_err(closed)?;
    match chosen.map(|index| &ways[index].1) {
        Some(Way::Say(verb)) => Ok(Choice::Answer(Box::new(answer(verb.clone(), None, who)))),
        Some(Way::SayWhy(verb)) => {
            let why: String = Input::new().with_prompt("why (kept in the journal)").interact_text().map_err(closed)?;
            Ok(Choice::Answer(Box::new(answer(verb.clone(), Some(why), who))))
        }
        Some(Way::Wait) => Ok(Choice::Wait),
        Some(Way::Leave) | None => Ok(Choice::Leave),
    }
}

enum Way {
    Say(Verb),
    SayWhy(Verb),
    Wait,
    Leave,
}

fn ways(state: &RunState, step: &Address) -> Vec<(&'static str, Way)> {
    let at = || step.clone();
    let mut ways = Vec::new();
    match (state.status(step), &state.step(step).ask) {
        (Status::Waiting, Some(asked)) if asked.ask.what == AskKind::Approval => {
            ways.push(("wait: somebody else answers", Way::Wait));
            ways.push((
                "approve what is shown above",
                Way::Say(Verb::Approve { step: at(), code: asked.ask.code.clone() }),
            ));
            ways.push(("reject it; the step fails", Way::SayWhy(Verb::Reject { step: at() })));
        }
        (Status::Waiting, Some(asked)) => {
            ways.push(("wait: it is being done", Way::Wait));
            if asked.ask.form.as_object().is_none_or(serde_json::Map::is_empty) {
                let done = Verb::Done { step: at(), outputs: serde_json::Map::new(), unverified: false };
                ways.push(("it is done", Way::SayWhy(done)));
            }
        }
        (Status::Unknown, _) => {
            ways.push(("wait: somebody finds out", Way::Wait));
            ways.push(("it did not happen: do it again", Way::SayWhy(Verb::Retry { step: Some(at()) })));
        }
        (Status::Unproven, _) => ways.push(("prove it again", Way::Say(Verb::Retry { step: Some(at()) }))),
        _ => ways.push(("try it again", Way::Say(Verb::Retry { step: Some(at()) }))),
    }
    if !matches!(state.status(step), Status::Waiting | Status::Unknown) {
        ways.push(("go on without it", Way::SayWhy(Verb::Skip { step: at() })));
        ways.push(("abort the run", Way::SayWhy(Verb::Abort)));
    }
    ways.push(("leave; `regrow resume` goes on later", Way::Leave));
    ways
}

fn answer(verb: Verb, because: Option<String>, who: &Person) -> Answer {
    Answer { id: answer_id(), at: Timestamp::now(), who: who.clone(), because, verb }
}

fn closed(error: dialoguer::Error) -> Failure {
    Failure::usage(format!("nobody can be asked: {error}"))
}
