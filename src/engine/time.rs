//! Steps whose time has not come: they wait, and nobody is asked.
//!
//! Until when is worked out of the runbook and of recorded times alone, so that a new executor waits for the same moment. The
//! record says since when and until when, for views; it decides nothing, since a window that opened while nobody executed the
//! run may have closed again.

use jiff::Timestamp;

use super::decide::Decision;
use crate::model::record::Event;
use crate::model::time::Moment;
use crate::model::{Address, Fault, RunState, Status, Wait};
use crate::plan::Plan;
use crate::plan::scope::RunScope;
use crate::runbook::codes;
use crate::runbook::duration::parse_timestamp;
use crate::runbook::window;

/// The wall clock may be set meanwhile, so it is looked at again after so many milliseconds.
const LOOK_AGAIN: u64 = 30_000;

/// Whether a step may begin now. If not, what follows from that is in the decision.
pub fn may_begin(plan: &Plan, state: &RunState, node: usize, now: &Moment, decision: &mut Decision) -> bool {
    let step = plan.address(node);
    let known = state.step(step).wait.as_ref();
    match wait_of(plan, state, node, now.at) {
        Err(fault) => decision.fail(plan, node, fault),
        Ok(None) if known.is_none() => return true,
        Ok(None) => decision.events.push(ended(state, step, false)),
        Ok(Some(wait)) => {
            let left = u64::try_from(wait.until.duration_since(now.at).as_millis()).unwrap_or(0);
            decision.wake_in((left + 1).min(LOOK_AGAIN));
            if known.is_none_or(|known| known.wait != wait) {
                decision.events.push(Event::WaitBegan { step: step.clone(), wait });
            }
        }
    }
    false
}

/// What a person says who lets it start before its time: of a list, all items that wait.
pub fn start(plan: &Plan, state: &RunState, node: usize) -> Result<Vec<Event>, String> {
    let step = plan.address(node);
    if state.ending.is_some() && !plan.is_finally(node) {
        return Err("the run is ending: nothing new starts".into());
    }
    let items = plan.graph.members(node).filter(|_| plan.is_list(node));
    let waits = |step: &&Address| state.step(step).wait.is_some();
    let events: Vec<Event> = std::iter::once(node)
        .chain(items)
        .map(|node| plan.address(node))
        .filter(waits)
        .map(|step| ended(state, step, true))
        .collect();
    if !events.is_empty() {
        return Ok(events);
    }
    let why = match state.status(step) {
        Status::Pending => "its turn has not come, or only a limit holds it".to_string(),
        status => format!("it is {}", status.word()),
    };
    Err(format!("`{step}` does not wait for its time: {why}"))
}

fn ended(state: &RunState, step: &Address, early: bool) -> Event {
    Event::WaitEnded { step: step.clone(), early, approved: state.step(step).is_approved() }
}

fn wait_of(plan: &Plan, state: &RunState, node: usize, now: Timestamp) -> Result<Option<Wait>, Fault> {
    let step = plan.step(node);
    if (step.not_before.is_none() && step.window.is_empty()) || is_early(plan, state, node) {
        return Ok(None);
    }
    if let Some(until) = not_before(plan, state, node)?.filter(|until| *until > now) {
        return Ok(Some(Wait { until, window: None }));
    }
    let opens = window::opens(&step.window, now);
    Ok(opens.map(|until| Wait { until, window: Some(window::words(&step.window)) }))
}

/// What a person said of a list is said of its items.
fn is_early(plan: &Plan, state: &RunState, node: usize) -> bool {
    let list = plan.graph.nodes[node].group.filter(|_| plan.item(node).is_some()).map(|member| member.of);
    std::iter::once(node).chain(list).any(|node| state.step(plan.address(node)).early)
}

/// The time before which a step may not start. What is made of the item at hand is not said of the list.
pub fn not_before(plan: &Plan, state: &RunState, node: usize) -> Result<Option<Timestamp>, Fault> {
    let Some(tree) = plan.step(node).not_before.as_deref() else { return Ok(None) };
    if plan.is_list(node) && tree.references().iter().any(|name| matches!(name.root(), "item" | "item_key")) {
        return Ok(None);
    }
    let value = tree.render(&RunScope::of(plan, state, node))?;
    let wrong = |message: String| {
        Fault::new(codes::BAD_TIMESTAMP, format!("`not_before` gives no time: {message}"))
            .hint("it wants a timestamp with an offset; `regrow retry STEP` looks at it again")
    };
    let text = value.as_str().ok_or_else(|| wrong(format!("`{value}` is no text")))?;
    parse_timestamp(text).map(Some).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::answers::judge;
    use crate::engine::decide::decide;
    use crate::engine::live::Live;
    use crate::model::record::Record;
    use crate::model::{Answer, Person, Seq, Verb};
    use crate::plan::testing;

    /// A run whose executor may be another one at each look.
    struct Table {
        plan: Plan,
        state: RunState,
        now: Moment,
        told: Vec<String>,
    }

    impl Table {
        fn new(steps: &str, now: &str) -> Self {
            let now = Moment { at: now.parse().unwrap(), mono: 0, boot: "boot".into() };
            let plan = Plan { concurrency: 4, ..testing::plan(steps) };
            Self { plan, state: RunState::default(), now, told: Vec::new() }
        }

        fn stage(&mut self, event: Event) {
            let value = serde_json::to_value(&event).unwrap();
            let text = |name: &str| value[name].as_str().unwrap_or_default().to_string();
            self.told.push(format!("{} {}", text("kind"), text("step")).trim_end().to_string());
            let seq = Seq(self.state.seq.0 + 1);
            let (at, mono, boot) = (self.now.at, self.now.mono, self.now.boot.clone());
            self.state.apply(&Record { seq, at, event, epoch: 1, boot, mono, prev: String::new() }, "");
        }

        /// What a new executor does at `now`, up to where it waits; and in how many milliseconds it looks again.
        fn at(&mut self, now: &str) -> (Vec<String>, Option<u64>) {
            self.now.at = now.parse().unwrap();
            let mut live = Live::new(&self.plan, &self.state, "boot");
            self.told.clear();
            loop {
                let decision = decide(&self.plan, &self.state, &mut live, &self.now);
                if decision.events.is_empty() {
                    return (std::mem::take(&mut self.told), decision.wake_in);
                }
                for event in decision.events {
                    let step = event.step().and_then(|step| self.plan.find(step));
                    self.stage(event);
                    step.into_iter().for_each(|node| live.frontier.touch(&self.plan.outline, &self.state, node));
                }
            }
        }

        fn says(&mut self, verb: Verb, because: Option<&str>) -> Result<(), String> {
            let who = Person { name: "ana".into(), uid: 0, terminal: None };
            let because = because.map(str::to_string);
            let answer = Answer { id: "1".into(), at: self.now.at, who, because, verb };
            let events = judge(&self.plan, &self.state, &answer).map_err(|refusal| refusal.reason)?;
            events.into_iter().for_each(|event| self.stage(event));
            Ok(())
        }

        fn until(&self, step: &str) -> String {
            let step: Address = step.parse().unwrap();
            self.state.step(&step).wait.as_ref().map_or_else(String::new, |it| it.wait.until.to_string())
        }
    }

    const NIGHT: &str = "{ from: \"22:00\", to: \"05:00\" }";

    #[test]
    fn a_window_that_opened_and_closed_while_nobody_looked_is_waited_for_again() {
        let mut run =
            Table::new(&format!("steps:\n  - {{ id: a, run: x, window: {NIGHT} }}\n"), "2026-11-27T12:00:00Z");
        assert_eq!(run.at("2026-11-27T12:00:00Z"), (vec!["wait_began a".into()], Some(LOOK_AGAIN)));
        assert_eq!(run.at("2026-11-27T21:59:59Z"), (vec![], Some(1_001)));
        assert_eq!(run.at("2026-11-28T05:00:00Z"), (vec!["wait_began a".into()], Some(LOOK_AGAIN)));
        assert_eq!(run.until("a"), "2026-11-28T22:00:00Z");
        assert_eq!(run.at("2026-11-28T22:00:00Z").0, ["wait_ended a", "step_intended a"]);
    }

    #[test]
    fn what_is_agreed_to_when_its_window_has_closed_waits_and_is_not_asked_again() {
        let mut run = Table::new(
            &format!("steps:\n  - {{ id: a, run: x, window: {NIGHT}, approval: {{ minimum: 1 }} }}\n"),
            "2026-11-27T23:00:00Z",
        );
        assert_eq!(run.at("2026-11-27T23:00:00Z").0, ["step_asked a"]);
        let code = run.state.step(&"a".parse().unwrap()).ask.as_ref().unwrap().ask.code.clone();
        run.now.at = "2026-11-28T06:00:00Z".parse().unwrap();
        run.says(Verb::Approve { step: "a".parse().unwrap(), code }, None).unwrap();
        assert_eq!(run.at("2026-11-28T06:00:00Z").0, ["wait_began a"]);
        assert_eq!(run.at("2026-11-28T22:00:00Z").0, ["wait_ended a", "step_intended a"]);
    }

    #[test]
    fn a_person_starts_it_with_a_reason_and_only_what_waits() {
        let steps = format!(
            "steps:\n  - {{ id: a, run: x, foreach: [p, q], window: {NIGHT} }}\n  - {{ id: b, run: x, needs: [a], window: {NIGHT} }}\n"
        );
        let mut run = Table::new(&steps, "2026-11-27T12:00:00Z");
        assert_eq!(run.at("2026-11-27T12:00:00Z").0, ["wait_began a"]);
        let start = |step: &str| Verb::Start { step: step.parse().unwrap() };
        assert!(run.says(start("a"), None).unwrap_err().contains("needs a reason"));
        assert!(run.says(start("b"), Some("now")).unwrap_err().contains("does not wait for its time"));
        let before = run.state.clone();
        run.stage(Event::EndingBegan { how: crate::model::record::End::Aborted });
        assert!(run.says(start("a"), Some("now")).unwrap_err().contains("is ending"));
        run.state = before;
        run.says(start("a"), Some("now")).unwrap();
        assert_eq!(run.at("2026-11-27T12:00:00Z").0, ["step_opened a", "step_intended a:p", "step_intended a:q"]);
    }

    #[test]
    fn items_wait_one_by_one_once_their_list_is_open() {
        let steps = format!("steps:\n  - {{ id: a, run: x, foreach: [p, q], order: serial, window: {NIGHT} }}\n");
        let mut run = Table::new(&steps, "2026-11-27T23:00:00Z");
        assert_eq!(run.at("2026-11-27T23:00:00Z").0, ["step_opened a", "step_intended a:p"]);
        let fault = Fault::new("RG2100", "x");
        run.stage(Event::RetryScheduled { step: "a:p".parse().unwrap(), fault, delay_ms: 0 });
        assert_eq!(run.at("2026-11-28T05:00:00Z").0, ["wait_began a:p"], "an attempt is a start");
        run.says(Verb::Start { step: "a".parse().unwrap() }, Some("now")).unwrap();
        assert_eq!(run.at("2026-11-28T05:00:00Z").0, ["step_intended a:p"]);
    }

    #[test]
    fn a_time_that_depends_on_a_step_is_counted_from_its_record() {
        let steps = "steps:\n  - { id: a, uses: manual.task, with: { instructions: x } }\n  - { id: b, run: x, needs: [a], not_before: \"{{ time_add steps.a.ended_at \\\"1h\\\" }}\" }\n";
        let mut run = Table::new(steps, "2026-11-27T12:00:00Z");
        run.at("2026-11-27T12:00:00Z");
        let done = Verb::Done { step: "a".parse().unwrap(), outputs: Default::default(), unverified: false };
        run.says(done, Some("did it")).unwrap();
        assert_eq!(run.at("2026-11-27T12:30:00Z"), (vec!["wait_began b".into()], Some(LOOK_AGAIN)));
        assert_eq!(run.until("b"), "2026-11-27T13:00:00Z");
        assert_eq!(run.at("2026-11-27T13:00:00Z").0, ["wait_ended b", "step_intended b"]);
    }
}
