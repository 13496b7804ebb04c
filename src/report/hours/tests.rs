//! Random histories: whatever happens in whatever order, the parts add up, and counting along the way is counting anew.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::model::record::{End, SkipReason, StopReason};
use crate::model::{Answer, Seq, Verb};
use crate::view::testing::{at, executor, fault, person, succeeded, waiting};

const STEPS: [&str; 4] = ["copy", "load", "tell", "clean"];

/// What may happen next, as far as the split can tell one thing from another.
fn event() -> impl Strategy<Value = Event> {
    let step = || (0..STEPS.len()).prop_map(|index| at(STEPS[index]));
    let intended = |step: Address| {
        let mut run = crate::view::testing::Golden::new(crate::view::testing::rescue());
        run.add(Event::StepOpened { step: step.clone(), items: 1, list: None });
        run.intended(step.as_str())
    };
    let asked = waiting().records.iter().find_map(|record| match &record.event {
        Event::StepAsked { ask, .. } => Some(ask.clone()),
        _ => None,
    });
    let ask = asked.unwrap();
    let intents: Vec<Event> = STEPS.iter().map(|step| intended(at(step))).collect();
    prop_oneof![
        4 => (0..STEPS.len()).prop_map(move |index| intents[index].clone()),
        1 => step().prop_map(|step| Event::StepOpened { step, items: 2, list: None }),
        2 => step().prop_map(move |step| Event::StepAsked { step, ask: ask.clone() }),
        3 => step().prop_map(|step| succeeded(step.as_str(), json!({}))),
        2 => step().prop_map(|step| Event::StepFailed { step, fault: fault() }),
        1 => step().prop_map(|step| Event::StepUnproven { step, checks: vec![], fault: fault() }),
        1 => step().prop_map(|step| Event::RetryScheduled { step, fault: fault(), delay_ms: 10 }),
        1 => (step(), step()).prop_filter("another one", |(step, by)| step != by).prop_map(|(step, by)| Event::RepairBegan { step, fault: fault(), by, generation: 2 }),
        1 => step().prop_map(|step| Event::StepDoubted { step, evidence: "gone".into() }),
        1 => (step(), any::<bool>()).prop_map(|(step, deadline)| Event::StepLate { step, deadline }),
        2 => step().prop_map(|step| Event::WaitBegan { step, wait: crate::model::Wait { until: answer().at, window: None } }),
        1 => step().prop_map(|step| Event::WaitEnded { step, early: false, approved: false }),
        1 => step().prop_map(|step| Event::StepReopened { step, generation: 1 }),
        1 => step().prop_map(|step| Event::StepSkipped { step, why: SkipReason::Person }),
        1 => step().prop_map(|step| Event::UndoIntended { step, undo: "x".into() }),
        1 => step().prop_map(|step| Event::StepUndone { step, facts: vec![] }),
        1 => any::<bool>().prop_map(|all| Event::UndoBegan { steps: vec![at("copy")], all }),
        1 => Just(Event::RunPaused),
        1 => Just(Event::RunUnpaused),
        1 => Just(Event::NoteAdded { text: "x".into(), who: person("ana") }),
        1 => Just(Event::AnswerAccepted { answer: answer() }),
        1 => Just(Event::ExecutorStopped { reason: StopReason::Waiting }),
        1 => Just(Event::EndingBegan { how: End::Aborted }),
        1 => Just(Event::RunEnded { state: End::Aborted }),
    ]
}

fn answer() -> Answer {
    let at = "2026-11-24T10:00:00Z".parse().unwrap();
    Answer { id: "a".into(), at, who: person("ana"), because: None, verb: Verb::Pause }
}

/// What happens, how long after the thing before, and whether another executor writes it, perhaps after a reboot.
type Turn = (Event, u64, u8);

fn histories() -> impl Strategy<Value = Vec<Turn>> {
    proptest::collection::vec((event(), 0u64..10_000, 0u8..20), 0..60)
}

/// The records of a history. Another executor begins with a segment and its own start.
fn records(history: &[Turn]) -> Vec<Record> {
    let golden = waiting();
    let mut records = vec![golden.records[0].clone(), golden.records[1].clone()];
    let mut now = records[1].moment();
    let mut epoch = records[1].epoch;
    for (event, millis, turn) in history {
        now.at += jiff::SignedDuration::from_millis(i64::try_from(*millis).unwrap());
        now.mono += millis;
        let is_new = *turn < 2;
        if *turn == 0 {
            now.boot.push('x');
            now.mono = 3;
        }
        if is_new {
            epoch += 1;
        }
        let opened = is_new.then(executor);
        for event in opened.into_iter().chain([event.clone()]) {
            let seq = Seq(records.last().unwrap().seq.0 + 1);
            let (at, boot, mono) = (now.at, now.boot.clone(), now.mono);
            records.push(Record { seq, at, event, epoch, boot, mono, prev: String::new() });
        }
    }
    records
}

fn split(records: &[Record]) -> (Hours, RunState) {
    let mut split = Split::new([at("tell")]);
    let mut state = RunState::default();
    for record in records {
        let _ = split.spend(&state, record);
        let steps = [record.event.step(), record.event.opens()];
        let before = steps.map(|step| split.hands_of(&state, step));
        state.apply(record, "");
        for (step, before) in steps.into_iter().zip(before) {
            split.note(&state, record, before, split.hands_of(&state, step));
        }
    }
    (split.hours, state)
}

/// The same by looking at every stretch anew, with all records before it.
fn looked_at_anew(records: &[Record]) -> (Hours, u64) {
    let mut hours = Hours::default();
    let mut total = 0;
    for end in 1..records.len() {
        let mut state = RunState::default();
        records[..end].iter().for_each(|record| state.apply(record, ""));
        if state.ended.is_some() {
            break;
        }
        let millis = records[end].moment().since(&records[end - 1].moment());
        total += millis;
        let is = |wanted: &[Status]| {
            let held = |step: &&&str| state.step(&at(step));
            let counts = |step: &&&str| !opened(&state, step) && held(step).wait.is_none();
            STEPS.iter().filter(counts).any(|step| wanted.contains(&state.status(&at(step))))
        };
        let stuck = |step: &&str| {
            let status = state.status(&at(step));
            status == Status::Failed && *step != "tell" || matches!(status, Status::Unproven | Status::Undone)
        };
        let over = state.ending.is_some() || state.undoing.as_ref().is_some_and(|it| it.all);
        let whose = if records[end].epoch != records[end - 1].epoch || state.stopped.is_some() {
            Whose::Unattended
        } else if is(&[Status::Running, Status::Verifying, Status::Late, Status::Undoing]) {
            Whose::Machine
        } else if is(&[Status::Waiting, Status::Unknown]) || state.paused || (!over && STEPS.iter().any(stuck)) {
            Whose::Human
        } else {
            Whose::Idle
        };
        hours.add(whose, millis);
    }
    (hours, total)
}

fn opened(state: &RunState, step: &str) -> bool {
    let held = state.step(&at(step));
    held.opened && matches!(held.status, Status::Running | Status::Late)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_add_up_to_the_time_it_took(history in histories()) {
        let records = records(&history);
        let (hours, _) = split(&records);
        let (anew, total) = looked_at_anew(&records);
        prop_assert_eq!(hours, anew);
        prop_assert_eq!(hours.total_ms(), total);
    }

    #[test]
    fn within_one_boot_that_is_what_the_clock_says(history in histories()) {
        let calm: Vec<Turn> = history.into_iter().map(|(event, millis, turn)| (event, millis, turn.max(1))).collect();
        let records = records(&calm);
        let (hours, state) = split(&records);
        let ended = records.iter().position(|record| matches!(record.event, Event::RunEnded { .. }));
        let last = &records[ended.unwrap_or(records.len() - 1)];
        prop_assert_eq!(hours.total_ms(), last.moment().since(&records[0].moment()));
        if let Some(ended_at) = state.ended_at.filter(|_| ended.is_some()) {
            prop_assert!(ended_at >= last.at);
        }
    }
}

#[test]
fn a_group_is_worked_on_in_its_members_only() {
    let asked = waiting().records.iter().map(|it| it.event.clone()).find(|it| matches!(it, Event::StepAsked { .. }));
    let history = [
        (Event::StepOpened { step: at("copy"), items: 1, list: None }, 0, 9),
        (asked.unwrap(), 0, 9),
        (Event::NoteAdded { text: "still nobody".into(), who: person("ana") }, 5000, 9),
    ];
    let (hours, _) = split(&records(&history));
    assert_eq!((hours.human_ms, hours.machine_ms), (5000, 0));
}
