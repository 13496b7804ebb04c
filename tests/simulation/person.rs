//! People: one who answers what is asked by what is true, and one who interferes.

use regrow::engine::command::{Command, Happening};
use regrow::model::record::AskKind;
use regrow::model::{Address, Answer, Person, RunState, Status, Verb};
use regrow::plan::Plan;
use regrow::runbook::holds::Part;
use serde_json::{Map, json};

use crate::machine::Machine;

/// The answer to the first question that stands, or to what keeps the run from going on.
pub fn act(machine: &mut Machine, plan: &Plan, state: &RunState) -> Option<Answer> {
    let at_end = |node: usize| plan.is_finally(node) || plan.step(node).part_of_hold() == Some(Part::Release);
    let turn = |node: &usize| if state.ending.is_some() { at_end(*node) } else { !plan.is_finally(*node) };
    let verb = (0..plan.len()).filter(turn).find_map(|node| {
        let step = plan.address(node).clone();
        match state.status(&step) {
            Status::Waiting => asked(state, step),
            Status::Unknown => Some(unknown(machine, state, step)),
            Status::Failed if !plan.step(node).allow_failure => {
                // An edge `when: [failed]` is taken only if it is seen before this; so is one to any group around it.
                let around = |seen: &usize| plan.graph.nodes[*seen].group.map(|member| member.of);
                let races = std::iter::successors(Some(node), around).any(|seen| {
                    let dependents = plan.graph.nodes[seen].dependents.iter();
                    let mut needs = dependents.flat_map(|by| &plan.graph.nodes[*by].needs);
                    needs.any(|(need, when)| *need == seen && when.is_some())
                });
                machine.person_settled |= races;
                Some(failed(state, step))
            }
            Status::Unproven | Status::Undone => Some(Verb::Retry { step: Some(step) }),
            _ => None,
        }
    })?;
    Some(say(machine, verb))
}

fn asked(state: &RunState, step: Address) -> Option<Verb> {
    let ask = &state.step(&step).ask.as_ref()?.ask;
    // What is agreed to may still wait for its lock.
    if !state.step(&step).approved_by.is_empty() {
        return None;
    }
    Some(match ask.what {
        AskKind::Approval => Verb::Approve { code: ask.code.clone(), step },
        AskKind::Task => {
            Verb::Done { step, outputs: Map::from_iter([("ticket".to_string(), json!("T1"))]), unverified: false }
        }
        AskKind::Acknowledge => Verb::Done { step, outputs: Map::new(), unverified: false },
    })
}

/// Somebody looks at the world and says what is so.
fn unknown(machine: &mut Machine, state: &RunState, step: Address) -> Verb {
    let fails = state.step(&step).intent.as_ref().is_some_and(|intent| intent.inputs.get("fails").is_some());
    machine.person_settled |= fails;
    let op = state.step(&step).intent.as_ref().map(|intent| intent.op.to_string()).unwrap_or_default();
    if machine.outside.is_done(step.as_str(), &op) {
        let made = state.step(&step).intent.as_ref().map(|intent| format!("{op} {}", intent.inputs["text"]));
        return Verb::Done { step, outputs: Map::from_iter([("made".to_string(), json!(made))]), unverified: false };
    }
    Verb::Retry { step: Some(step) }
}

fn failed(state: &RunState, step: Address) -> Verb {
    if state.step(&step).attempts < 4 { Verb::Retry { step: Some(step) } } else { Verb::Skip { step } }
}

/// Puts it into the run's folder, where it lies until it is judged.
pub fn say(machine: &mut Machine, verb: Verb) -> Answer {
    machine.answers += 1;
    let who = Person { name: "ana".into(), uid: 1, terminal: None };
    let at = machine.now().at;
    let answer = Answer { id: format!("answer-{}", machine.answers), at, who, because: Some("as it is".into()), verb };
    machine.inbox.push(answer.clone());
    machine.note(|| format!("said {:?}", answer.verb));
    answer
}

/// Something nobody asked for.
pub fn meddle(machine: &mut Machine, plan: &Plan) -> Option<Happening> {
    // Best while it is being prepared: then the answer overtakes the preparing.
    let preparing = machine.tasks.iter().find_map(|task| match task {
        Command::Prepare { op } => plan.find(&op.step),
        _ => None,
    });
    let node = preparing.filter(|_| machine.rng.bool()).unwrap_or_else(|| machine.rng.usize(..plan.len()));
    let step = plan.address(node).clone();
    let verb = match machine.rng.u8(..19) {
        0 => return Some(Happening::StopRequested),
        1 => return Some(Happening::DetachRequested),
        2 => Verb::Pause,
        3 => Verb::Abort { release: Vec::new() },
        4 => Verb::Undo { step: None },
        5 => Verb::Undo { step: Some(step) },
        6 => Verb::Note { text: "here".into() },
        7 => Verb::Rerun { step },
        8 => Verb::Retry { step: None },
        9 | 13 => Verb::Skip { step },
        10 => Verb::Reject { step },
        11 => Verb::Approve { step, code: "wrong0".into() },
        12 => {
            // Delivered a second time.
            let lying = machine.inbox.first().cloned()?;
            return Some(Happening::Answered(lying));
        }
        14 => Verb::Resume,
        15 => Verb::Start { step },
        16 => Verb::Release { hold: ["h0", "h1"][machine.rng.usize(..2)].into() },
        _ => Verb::Done { step, outputs: Map::from_iter([("made".to_string(), json!("by hand"))]), unverified: false },
    };
    Some(Happening::Answered(say(machine, verb)))
}

/// Said while nobody executes the run; most of all, to take everything back.
pub fn leave(machine: &mut Machine, plan: &Plan) {
    if machine.rng.bool() {
        say(machine, Verb::Undo { step: None });
    } else {
        meddle(machine, plan);
    }
}
