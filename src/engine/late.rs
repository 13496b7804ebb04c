//! What is not over when its time is up, and not ended for that: it is late, and goes on.
//!
//! Two times lead there. `timeout` covers one attempt, where ending the work would do harm. `deadline` covers a step from its
//! start to its end, with all attempts and what people take, or all of a list, block or include.

use std::time::Duration;

use super::decide::Decision;
use super::live::Live;
use crate::model::record::Event;
use crate::model::step::Extended;
use crate::model::time::Moment;
use crate::model::{RunState, Status};
use crate::plan::Plan;

/// The time of a step after which it is late and not ended: only then more of it means anything.
pub fn time_of(plan: &Plan, node: usize) -> Option<Duration> {
    plan.step(node).timeout.filter(|_| plan.kinds[node].lives_on() && !plan.is_group(node))
}

/// The nodes that one of the two can make late: few, and looked at at every decision.
pub fn timed(plan: &Plan) -> Vec<usize> {
    let has_time = |node: &usize| time_of(plan, *node).is_some() || plan.deadline(*node).is_some();
    (0..plan.len()).filter(has_time).collect()
}

/// Milliseconds of a time that began at `from`. What a person gave counts from the moment it was given, and never takes time
/// away.
fn left(time: Duration, from: &Moment, given: Option<&Extended>, now: &Moment) -> u64 {
    let time = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let given = given.map_or(0, |it| it.by_ms.saturating_sub(now.since(&it.at)));
    time.saturating_sub(now.since(from)).max(given)
}

pub fn decide(plan: &Plan, state: &RunState, live: &Live, now: &Moment, decision: &mut Decision) {
    attempts(plan, state, &live.timed, now, decision);
    for (node, deadline) in live.timed.iter().filter_map(|node| Some((*node, plan.deadline(*node)?))) {
        let address = plan.address(node);
        let step = state.step(address);
        let Some(started) = step.started_at.as_ref().filter(|_| step.overdue.is_none()) else { continue };
        let status = live.frontier.statuses[node];
        if status.is_settled() || status == Status::Undoing {
            continue;
        }
        match left(deadline, started, step.granted.as_deref(), now) {
            0 => decision.events.push(Event::StepLate { step: address.clone(), deadline: true }),
            // Nobody stays for it alone: the next executor says what is so by then.
            left => decision.remind_in(left),
        }
    }
}

fn attempts(plan: &Plan, state: &RunState, timed: &[usize], now: &Moment, decision: &mut Decision) {
    for (node, timeout) in timed.iter().filter_map(|node| Some((*node, time_of(plan, *node)?))) {
        let address = plan.address(node);
        if state.status(address) != Status::Running {
            continue;
        }
        let step = state.step(address);
        // A phase that was reached waits for us or for a person, and for neither there is a time.
        let Some(intent) = step.intent.as_ref().filter(|_| step.reached.is_none()) else { continue };
        match left(timeout, &intent.at, step.extended.as_deref(), now) {
            0 => decision.events.push(Event::StepLate { step: address.clone(), deadline: false }),
            left => decision.wake_in(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::answers::judge;
    use crate::model::step::StepState;
    use crate::model::{Address, Answer, Person, Verb};
    use crate::plan::testing;

    fn moment(seconds: u64) -> Moment {
        let at = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
        Moment { at, mono: seconds * 1000, boot: "boot".into() }
    }

    fn says(verb: Verb) -> Answer {
        let who = Person { name: "ana".into(), uid: 1, terminal: None };
        Answer { id: "1".into(), at: Timestamp::UNIX_EPOCH, who, because: None, verb }
    }

    #[test]
    fn more_time_counts_from_when_it_is_given_and_never_takes_time_away() {
        let plan = testing::plan(
            "steps:\n  - { id: a, uses: terraform.apply, needs: [], timeout: 1m, with: { dir: x } }\n  - { id: b, run: echo, needs: [a], timeout: 1m }\n",
        );
        let step: Address = "a".parse().unwrap();
        let mut state = RunState::default();
        let extend = |step: &Address, seconds: u64| says(Verb::Extend { step: step.clone(), by_ms: seconds * 1000 });
        assert!(judge(&plan, &state, &extend(&step, 30)).unwrap_err().reason.contains("is pending"));
        let refused = judge(&plan, &state, &extend(&"b".parse().unwrap(), 30)).unwrap_err();
        assert!(refused.reason.contains("cannot be given more time"), "{refused:?}");
        let mut running = StepState { status: Status::Running, ..StepState::pending() };
        running.intent = Some(Box::new(testing::intent(&plan, &step, 0)));
        state.steps.insert(step.clone(), Box::new(running));
        let late_at = |state: &RunState, seconds: u64| {
            let mut decision = Decision::default();
            attempts(&plan, state, &timed(&plan), &moment(seconds), &mut decision);
            (decision.events.len(), decision.wake_in)
        };
        assert_eq!(late_at(&state, 59), (0, Some(1000)));
        assert_eq!(late_at(&state, 60), (1, None));
        let mut apply = |event: &Event, seconds: u64| {
            state.steps.get_mut(&step).unwrap().apply(event, &moment(seconds), 1);
            state.clone()
        };
        // Little, while much is left, changes nothing.
        let state = apply(&Event::StepExtended { step: step.clone(), by_ms: 5_000 }, 10);
        assert_eq!(late_at(&state, 20), (0, Some(40_000)));
        apply(&Event::StepLate { step: step.clone(), deadline: false }, 60);
        let given = judge(&plan, &state, &extend(&step, 30)).unwrap();
        let state = apply(&given[0], 70);
        assert_eq!(state.status(&step), Status::Running);
        assert_eq!(late_at(&state, 99), (0, Some(1000)));
        assert_eq!(late_at(&state, 100), (1, None));
    }
}
