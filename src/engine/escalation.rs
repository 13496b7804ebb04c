//! Questions that nobody answered in time: more people may answer them then, and everybody is told.
//!
//! Measured from the record that asked, so that a crash neither forgets nor repeats it: one record says that it happened, and
//! who may answer follows from records alone.

use super::decide::Decision;
use crate::model::record::{Event, Record};
use crate::model::step::Asked;
use crate::model::time::Moment;
use crate::model::{Address, RunState};

/// Milliseconds until more people may answer; `None` where nothing more comes of waiting.
fn due_in(asked: &Asked, now: &Moment) -> Option<u64> {
    let escalation = asked.ask.escalation.as_ref().filter(|_| asked.escalated.is_none())?;
    Some(escalation.after_ms.saturating_sub(now.since(&asked.since)))
}

/// A question that still stands: it is escalated, or looked at again in time.
pub fn consider(step: &Address, asked: &Asked, now: &Moment, decision: &mut Decision) {
    match due_in(asked, now) {
        Some(0) => decision.events.push(Event::AskEscalated { step: step.clone() }),
        Some(millis) => decision.remind_in(millis),
        None => {}
    }
}

/// What is due by now, also while nobody executes the run: answers that were given since then count.
pub fn due(state: &RunState, now: &Moment) -> Vec<Event> {
    let stands = state.ended.is_none() && !state.paused;
    let asked = state.steps.iter().filter(|_| stands).filter_map(|(step, it)| Some((step, it.ask.as_ref()?)));
    let due = asked.filter(|(_, asked)| due_in(asked, now) == Some(0));
    due.map(|(step, _)| Event::AskEscalated { step: step.clone() }).collect()
}

/// The state with what is due folded in, for whoever judges an answer without executing the run.
pub fn foresee(state: &RunState, now: &Moment) -> RunState {
    let mut foreseen = state.clone();
    for event in due(state, now) {
        let (epoch, boot, prev) = (foreseen.epoch, now.boot.clone(), String::new());
        let record = Record { seq: foreseen.seq, at: now.at, event, epoch, boot, mono: now.mono, prev };
        foreseen.apply(&record, "");
    }
    foreseen
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::answers::judge;
    use crate::engine::decide::decide;
    use crate::engine::live::Live;
    use crate::model::{Answer, Person, Status, Verb};
    use crate::plan::{Plan, testing};
    use crate::runbook::ast::Somebody;

    const AFTER: u64 = 900_000;
    /// Who may answer from the start, who later, who never.
    const PEOPLE: &[(&str, &str)] =
        &[("ana", "firefighter"), ("bo", "firefighter"), ("cem", "commander"), ("dee", "reader"), ("eve", "commander")];

    #[derive(Clone, Debug)]
    enum Move {
        Says(usize),
        Pass(u64),
        /// The executor dies, and another one takes up what is on disk.
        Restart,
    }

    struct Table {
        plan: Plan,
        state: RunState,
        live: Live,
        now: Moment,
        told: Vec<Event>,
    }

    impl Table {
        fn new(minimum: u32) -> Self {
            let text = format!(
                "steps:\n  - id: go\n    uses: manual.approval\n    needs: []\n    with: {{ show: x, from: [firefighter], \
                 minimum: {minimum}, escalate_after: {{ after: 15m, to: [commander] }} }}\n"
            );
            let mut plan = testing::plan(&text);
            let somebody = |role: &str| Somebody { roles: vec![role.into()], reach: None };
            plan.runbook.people = PEOPLE.iter().map(|(name, role)| (name.to_string(), somebody(role))).collect();
            let state = RunState::default();
            let live = Live::new(&plan, &state, "boot");
            let now = Moment { at: jiff::Timestamp::UNIX_EPOCH, mono: 0, boot: "boot".into() };
            let mut table = Self { plan, state, live, now, told: Vec::new() };
            table.turn();
            table
        }

        fn stage(&mut self, event: Event) {
            self.told.push(event.clone());
            let seq = crate::model::Seq(self.state.seq.0 + 1);
            let (at, mono, boot) = (self.now.at, self.now.mono, self.now.boot.clone());
            self.state.apply(&Record { seq, at, event, epoch: 1, boot, mono, prev: String::new() }, "");
            self.live.frontier.touch(&self.plan.outline, &self.state, 0);
        }

        fn turn(&mut self) {
            loop {
                let decision = decide(&self.plan, &self.state, &mut self.live, &self.now);
                if decision.events.is_empty() || self.state.ended.is_some() {
                    return;
                }
                decision.events.into_iter().for_each(|event| self.stage(event));
            }
        }

        fn asked(&self) -> Option<&Asked> {
            self.state.step(self.plan.address(0)).ask.as_deref()
        }

        fn make(&mut self, it: &Move, answer: u64) -> bool {
            let mut accepted = false;
            match it {
                Move::Says(who) => {
                    let code = self.asked().map(|asked| asked.ask.code.clone()).unwrap_or_default();
                    let verb = Verb::Approve { step: self.plan.address(0).clone(), code };
                    let who = Person { name: PEOPLE[*who].0.into(), uid: 0, terminal: None };
                    let answer = Answer { id: answer.to_string(), at: self.now.at, who, because: None, verb };
                    let events = judge(&self.plan, &self.state, &answer).unwrap_or_default();
                    accepted = !events.is_empty();
                    events.into_iter().for_each(|event| self.stage(event));
                }
                Move::Pass(millis) => {
                    self.now.mono += millis;
                    self.now.at += std::time::Duration::from_millis(*millis);
                }
                Move::Restart => {
                    self.state = serde_json::from_value(serde_json::to_value(&self.state).unwrap()).unwrap();
                    self.live = Live::new(&self.plan, &self.state, "boot");
                    due(&self.state, &self.now).into_iter().for_each(|event| self.stage(event));
                }
            }
            self.turn();
            accepted
        }

        fn count(&self, wanted: fn(&Event) -> bool) -> usize {
            self.told.iter().filter(|event| wanted(event)).count()
        }
    }

    fn moves() -> impl Strategy<Value = Vec<Move>> {
        let one = prop_oneof![
            3 => (0..PEOPLE.len()).prop_map(Move::Says),
            2 => (1..AFTER / 2).prop_map(Move::Pass),
            1 => Just(Move::Pass(AFTER)),
            1 => Just(Move::Restart),
        ];
        proptest::collection::vec(one, 0..20)
    }

    proptest! {
        #[test]
        fn no_answer_is_lost_or_counted_twice(minimum in 1u32..=3, moves in moves()) {
            let mut table = Table::new(minimum);
            let (mut said, mut passed): (BTreeSet<usize>, u64) = Default::default();
            for (number, it) in moves.iter().enumerate() {
                let open = said.len() < minimum as usize;
                let accepted = table.make(it, number as u64);
                match it {
                    Move::Says(who) => {
                        let role = PEOPLE[*who].1;
                        let may = role == "firefighter" || (role == "commander" && passed >= AFTER);
                        prop_assert_eq!(accepted, open && may && !said.contains(who), "{:?}", it);
                        if accepted {
                            said.insert(*who);
                        }
                    }
                    Move::Pass(millis) if open => passed += millis,
                    Move::Pass(_) | Move::Restart => {}
                }
                let escalations = table.count(|event| matches!(event, Event::AskEscalated { .. }));
                prop_assert_eq!(escalations, usize::from(passed >= AFTER));
            }
            prop_assert_eq!(table.count(|event| matches!(event, Event::ApprovalGiven { .. })), said.len());
            prop_assert_eq!(table.count(|event| matches!(event, Event::StepAsked { .. })), 1);
            let done = table.state.status(table.plan.address(0)) == Status::Succeeded;
            prop_assert_eq!(done, said.len() >= minimum as usize);
        }
    }

    #[test]
    fn a_question_that_waits_keeps_nobody() {
        let mut table = Table::new(1);
        let decision = decide(&table.plan, &table.state, &mut table.live, &table.now);
        assert_eq!((decision.wake_in, decision.remind_in), (None, Some(AFTER)));
        table.make(&Move::Pass(AFTER), 0);
        let asked = table.asked().unwrap();
        assert_eq!(asked.roles(), ["firefighter", "commander"]);
        let names: Vec<&str> = asked.people().iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["ana", "bo", "cem", "eve"]);
    }
}
