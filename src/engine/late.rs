//! Work that is not ended when its time is up, because ending it would do harm: it is late, and goes on.

use super::decide::Decision;
use crate::model::record::Event;
use crate::model::time::Moment;
use crate::model::{RunState, Status};
use crate::plan::Plan;

pub fn decide(plan: &Plan, state: &RunState, now: &Moment, decision: &mut Decision) {
    for node in (0..plan.len()).filter(|node| plan.kinds[*node].lives_on() && !plan.is_group(*node)) {
        let address = plan.address(node);
        let Some(timeout) = plan.step(node).timeout.filter(|_| state.status(address) == Status::Running) else {
            continue;
        };
        let step = state.step(address);
        // A phase that was reached waits for us or for a person, and for neither there is a time.
        let Some(intent) = step.intent.as_ref().filter(|_| step.reached.is_none()) else { continue };
        let most = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        match most.saturating_sub(now.since(&intent.at)) {
            0 => decision.events.push(Event::StepLate { step: address.clone() }),
            left => decision.wake_in(left),
        }
    }
}
