//! What is offered in the terminal when a run cannot go on by itself: the same answers that another terminal could give.

use std::io::ErrorKind;

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
    let in_the_way = |node: &usize| wanted.contains(&state.status(plan.address(*node))) && !plan.may_fail(*node);
    let Some(node) = (0..plan.len()).find(in_the_way) else { return Ok(Choice::Leave) };
    let step = plan.address(node);
    let ways = ways(&state, step);
    let words: Vec<&str> = ways.iter().map(|(words, _)| *words).collect();
    let prompt = format!("`{step}` is {}", state.status(step).word());
    let select = Select::new().with_prompt(prompt).items(&words).default(0);
    let Some(chosen) = unless_interrupted(select.interact_opt())? else { return Ok(Choice::Leave) };
    match chosen.map(|index| &ways[index].1) {
        Some(Way::Say(verb)) => Ok(Choice::Answer(Box::new(answer(verb.clone(), None, who)))),
        Some(Way::SayWhy(verb)) => {
            let input = Input::new().with_prompt("why (kept in the journal)");
            let Some(why) = unless_interrupted(input.interact_text())? else { return Ok(Choice::Leave) };
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
    let done = || Way::SayWhy(Verb::Done { step: at(), outputs: serde_json::Map::new(), unverified: false });
    let leave = ("leave; `regrow resume` goes on later", Way::Leave);
    // Plain Enter takes the first, which must not do anything.
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
                ways.push(("it is done", done()));
            }
        }
        (Status::Unknown, _) => {
            ways.push(("wait: somebody finds out", Way::Wait));
            ways.push(("it happened: go on from there", done()));
            ways.push(("it did not happen: do it again", Way::SayWhy(Verb::Retry { step: Some(at()) })));
            ways.push(("abort the run", Way::SayWhy(Verb::Abort)));
        }
        (status, _) => return stuck(status, step, leave, done()),
    }
    ways.push(leave);
    ways
}

/// What can be done about a step that has come to a bad end.
fn stuck(status: Status, step: &Address, leave: (&'static str, Way), done: Way) -> Vec<(&'static str, Way)> {
    let again = if status == Status::Unproven { "prove it again" } else { "try it again" };
    let mut ways = vec![leave, (again, Way::Say(Verb::Retry { step: Some(step.clone()) }))];
    if status == Status::Failed {
        ways.push(("it was done by hand", done));
    }
    ways.push(("go on without it", Way::SayWhy(Verb::Skip { step: step.clone() })));
    ways.push(("abort the run", Way::SayWhy(Verb::Abort)));
    ways
}

fn answer(verb: Verb, because: Option<String>, who: &Person) -> Answer {
    Answer { id: answer_id(), at: Timestamp::now(), who: who.clone(), because, verb }
}

/// Nothing where Ctrl-C was the answer: whoever types it leaves, and the run stays as it is.
fn unless_interrupted<T>(asked: dialoguer::Result<T>) -> Result<Option<T>, Failure> {
    match asked {
        Ok(given) => Ok(Some(given)),
        Err(dialoguer::Error::IO(error)) if error.kind() == ErrorKind::Interrupted => {
            // It was hidden for the menu. One that cannot be shown is not worth a word.
            let _ = dialoguer::console::Term::stderr().show_cursor();
            Ok(None)
        }
        Err(error) => Err(Failure::usage(format!("nobody can be asked: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::step::StepState;

    #[test]
    fn an_interrupted_question_is_no_error() {
        let asked: dialoguer::Result<()> = Err(dialoguer::Error::IO(ErrorKind::Interrupted.into()));
        assert!(unless_interrupted(asked).unwrap().is_none());
        let asked: dialoguer::Result<()> = Err(dialoguer::Error::IO(ErrorKind::NotConnected.into()));
        assert!(unless_interrupted(asked).is_err());
    }

    #[test]
    fn what_is_chosen_by_enter_alone_does_nothing() {
        let step: Address = "copy".parse().unwrap();
        for (status, wanted) in [
            (Status::Unknown, vec!["wait", "it happened", "it did not happen", "abort", "leave"]),
            (Status::Failed, vec!["leave", "try it again", "it was done by hand", "go on without it", "abort"]),
            (Status::Unproven, vec!["leave", "prove it again", "go on without it", "abort"]),
        ] {
            let mut state = RunState::default();
            state.steps.insert(step.clone(), StepState { status, ..StepState::pending() });
            let ways = ways(&state, &step);
            assert_eq!(ways.len(), wanted.len(), "{status:?}");
            for ((words, _), wanted) in ways.iter().zip(wanted) {
                assert!(words.starts_with(wanted), "{status:?}: `{words}`, wanted `{wanted}`");
            }
            assert!(matches!(ways[0].1, Way::Wait | Way::Leave), "{status:?}");
        }
    }
}
