//! What regrow writes down it reads back as the same: durations, moments, names, values in YAML and in JSON, the copy of a
//! runbook, `plan.json`, and the records of a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use regrow::journal::store::{RunDir, replace_private};
use regrow::journal::{Folder, Writer, recover};
use regrow::kinds;
use regrow::model::record::{Check, Event, Mode, OnFailure, RunStarted, SkipReason, StepIntended, StepSucceeded};
use regrow::model::time::Moment;
use regrow::model::{Address, Answer, Effect, Fault, OpId, Person, Record, RetryClass, RunId, RunState, Verb};
use regrow::plan::saved::SavedPlan;
use regrow::plan::{Binding, Plan};
use regrow::runbook::template::Template;
use regrow::runbook::{self, duration};
use serde_json::{Map, Value, json};

/// Any value that JSON can hold, with texts of any letters.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no other", |f| f.is_finite()).prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        "[ -~]{0,20}".prop_map(Value::from),
        prop::sample::select(vec![
            "NO",
            "0755",
            "1_000",
            "~",
            "null",
            "2026-11-22",
            "12:30",
            "a: b",
            "- x",
            "#",
            "|",
            "\u{feff}"
        ])
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let map = prop::collection::btree_map("[a-z_ .:-]{1,8}", inner.clone(), 0..4);
        let map = map.prop_map(|map| Value::Object(map.into_iter().collect()));
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), map]
    })
}

fn outputs() -> impl Strategy<Value = Map<String, Value>> {
    prop::collection::btree_map("[a-z]{1,6}", value(), 0..4).prop_map(|map| map.into_iter().collect())
}

fn moment() -> impl Strategy<Value = Timestamp> {
    (0i64..250_000_000_000, 0i32..1_000_000_000)
        .prop_map(|(second, nano)| Timestamp::new(second, nano).expect("a moment"))
}

fn address() -> impl Strategy<Value = Address> {
    let part = ("[a-z][a-z0-9_-]{0,9}", prop::option::of("[^/:\\[\\]\\x00-\\x1f\\x7f-\\x9f]{1,9}"));
    let text = |(id, key): (String, Option<String>)| key.map_or(id.clone(), |key| format!("{id}:{key}"));
    let parts = prop::collection::vec(part.prop_map(text), 1..4);
    parts.prop_map(|parts| parts.join("/").parse().expect("an address"))
}

fn fault() -> impl Strategy<Value = Fault> {
    let class = prop::sample::select(vec![
        RetryClass::Now,
        RetryClass::Later,
        RetryClass::Never,
        RetryClass::Anew,
        RetryClass::Unknown,
    ]);
    ("RG[0-9]{4}", ".{0,30}", prop::option::of(".{0,30}"), class).prop_map(|(code, message, hint, class)| {
        let fault = Fault::new(code.as_str(), message).retry(class);
        match hint {
            Some(hint) => fault.hint(hint),
            None => fault,
        }
    })
}

fn event() -> impl Strategy<Value = Event> {
    let person = || (".{1,9}", any::<u32>()).prop_map(|(name, uid)| Person { name, uid, terminal: None });
    let done = (address(), outputs(), any::<[bool; 3]>(), prop::option::of(fault()));
    let done = done.prop_map(|(step, outputs, [adopted, by_hand, verify], despite)| {
        Event::StepSucceeded(Box::new(StepSucceeded { step, outputs, adopted, by_hand, verify, despite }))
    });
    let intended =
        (address(), value(), value(), 1u32..9, "[a-z]{0,4}").prop_map(|(step, inputs, prior, attempt, phase)| {
            let op = OpId::new(&"7qk2".parse().expect("an id"), &step, 1);
            let (effect, facts, changes) = (Effect::Opaque, Value::Null, vec!["one".to_string()]);
            Event::StepIntended(Box::new(StepIntended {
                step,
                op,
                attempt,
                generation: 1,
                phase,
                effect,
                inputs,
                prior,
                facts,
                changes,
                spared: vec!["two".to_string()],
            }))
        });
    let check = (".{0,9}", any::<bool>(), ".{0,20}", any::<bool>(), outputs())
        .prop_map(|(probe, passed, text, left_out, compared)| Check { probe, passed, text, left_out, compared });
    let answer = (person(), address(), outputs(), prop::option::of(".{0,20}"), moment()).prop_map(
        |(who, step, outputs, because, at)| {
            let verb = Verb::Done { step, outputs, unverified: false };
            Event::AnswerAccepted { answer: Answer { id: "1".into(), at, who, because, verb } }
        },
    );
    prop_oneof![
        done,
        intended,
        answer,
        (address(), fault()).prop_map(|(step, fault)| Event::StepFailed { step, fault }),
        (address(), fault(), any::<u64>()).prop_map(|(step, fault, delay_ms)| Event::RetryScheduled {
            step,
            fault,
            delay_ms
        }),
        (address(), fault(), address(), 1u32..9).prop_map(|(step, fault, by, generation)| Event::RepairBegan {
            step,
            fault,
            by,
            generation
        }),
        (address(), prop::collection::vec(check, 0..3)).prop_map(|(step, checks)| Event::StepVerified { step, checks }),
        (address(), address()).prop_map(|(step, need)| Event::StepSkipped { step, why: SkipReason::Need(need) }),
        (address(), value(), ".{0,9}").prop_map(|(step, facts, phase)| {
            Event::PhaseReached { step, phase, facts, shown: vec!["3 rows".into()], creates: Vec::new() }
        }),
        (".{0,40}", person()).prop_map(|(text, who)| Event::NoteAdded { text, who }),
        (address(), 1u32..9).prop_map(|(step, generation)| Event::StepReopened { step, generation }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn durations(millis in 0u64..=10_000 * 86_400_000) {
        let meant = Duration::from_millis(millis);
        prop_assert_eq!(duration::parse(&duration::format(meant)), Ok(meant));
    }

    #[test]
    fn moments(at in moment()) {
        prop_assert_eq!(duration::parse_timestamp(&at.to_string()), Ok(at));
        prop_assert_eq!(serde_json::from_value::<Timestamp>(json!(at)).unwrap(), at);
    }

    #[test]
    fn names(step in address(), run in "[a-z0-9][a-z0-9-]{0,39}") {
        prop_assert_eq!(step.as_str().parse::<Address>(), Ok(step.clone()));
        let parts = step.parts().map(|part| part.key.map_or(part.id.to_string(), |key| format!("{}:{key}", part.id)));
        prop_assert_eq!(parts.collect::<Vec<_>>().join("/"), step.as_str());
        let run: RunId = run.parse().unwrap();
        prop_assert_eq!(serde_json::from_value::<RunId>(json!(run)).unwrap(), run);
    }

    #[test]
    fn templates(inside in "[a-z.\\\\ ()\"é{}~]{0,30}", around in ".{0,10}") {
        if let Ok(template) = Template::compile(&format!("{around}{{{{ {inside} }}}}{around}"), None) {
            prop_assert_eq!(Template::compile(&template.text, None), Ok(template));
        }
    }

    /// JSON is YAML: a value written as JSON into a runbook is that value.
    #[test]
    fn values_in_yaml(value in value()) {
        // Control characters that JSON leaves as they are and YAML does not.
        let escape = |c: char| match c {
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => format!("\\u{:04x}", u32::from(c)),
            c => c.to_string(),
        };
        let written: String = value.to_string().chars().map(escape).collect();
        prop_assume!(!written.contains("{{") && !written.contains("$secret") && !written.contains("://"));
        let text = format!("version: 1\nname: x\nseverity: partial\nsteps: [{{ id: a, run: echo }}]\nvars: {{ v: {written} }}\n");
        let loaded = runbook::parse_text("x", &text);
        let loaded = loaded.map_err(|problems| TestCaseError::fail(format!("{text}\n{problems:?}")))?;
        prop_assert_eq!(loaded.runbook.vars["v"].written(), value, "{}", text);
    }

    #[test]
    fn records(event in event(), at in moment()) {
        let record = Record { seq: Default::default(), at, event, epoch: 1, boot: "b".into(), mono: 7, prev: "0".into() };
        let line = serde_json::to_string(&record).unwrap();
        prop_assert_eq!(serde_json::from_str::<Record>(&line).unwrap(), record);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    /// What was told is what the next executor finds.
    #[test]
    fn journals(events in prop::collection::vec(event(), 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let now = Moment { at: Timestamp::UNIX_EPOCH, mono: 1, boot: "b".into() };
        let (mut writer, mut state) = Writer::open(Folder::new(folder.path()), RunState::default(), &now).unwrap();
        for event in [started()].into_iter().chain(events) {
            let (record, hash) = writer.stage(event, &now).unwrap();
            state.apply(&record, &hash);
        }
        writer.commit().unwrap();
        drop(writer);
        let found = recover(&Folder::new(folder.path())).unwrap().state;
        prop_assert_eq!(json!(found), json!(state));
    }
}

fn started() -> Event {
    Event::RunStarted(Box::new(RunStarted {
        run: "7qk2".parse().expect("an id"),
        runbook: "x".into(),
        title: "X".into(),
        severity: "partial".into(),
        mode: Mode::Real,
        digest: "d".into(),
        params: Map::new(),
        objectives: Value::Null,
        outage_began: None,
        on_failure: OnFailure::Pause,
        concurrency: 4,
        who: Person { name: "ana".into(), uid: 1, terminal: None },
        skipped: Vec::new(),
        because: None,
        regrow: "0".into(),
    }))
}

fn runbooks() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["tests/sound", "runbooks"].map(|folder| fs::read_dir(root.join(folder)).expect(folder));
    let files = folders.into_iter().flatten().map(|entry| entry.expect("a file").path());
    files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect()
}

fn binding(loaded: &runbook::Loaded) -> Binding {
    let example = |(name, spec): (&String, &runbook::ast::ParamSpec)| {
        let list = spec.choices.first().cloned();
        (name.clone(), spec.default.clone().or(spec.example.clone()).or(list).unwrap_or_else(|| json!("x")))
    };
    let started_at = "2026-11-22T14:05:00.123456789Z".parse().expect("a moment");
    let params = loaded.runbook.params.iter().map(example).collect();
    Binding {
        outage_began: Some(Timestamp::UNIX_EPOCH),
        on_failure: OnFailure::Abort,
        concurrency: 3,
        skipped: BTreeSet::from([Address::top(&loaded.runbook.steps[0].id)]),
        earlier: BTreeMap::from([(Address::top("a"), 7)]),
        base: "/b".into(),
        ..Binding::new("7qk2".parse().expect("an id"), started_at, params)
    }
}

#[test]
fn a_plan_is_bound_from_its_file_as_it_was() {
    let mut bound = 0;
    for file in runbooks() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = runbook::load(&file).unwrap();
        let (runbook, texts) = (loaded.runbook.clone(), loaded.texts.clone());
        let binding = binding(&loaded);
        // Some ask for values that no example gives.
        let Ok(plan) = Plan::bind(loaded.runbook, &texts.digest(), binding, kinds::find) else { continue };
        let saved = SavedPlan::of(&plan, &file, &texts, vec!["p=1".into()]);
        let run = RunDir { path: folder.path().to_path_buf() };
        for (copy, bytes) in saved.files(&texts).unwrap() {
            replace_private(&run.path.join(copy), &bytes).unwrap();
        }
        let again = saved.load(&run).unwrap();
        assert_eq!((&runbook, texts.digest()), (&again.runbook, again.texts.digest()), "{}", file.display());
        let text = serde_json::to_string(&saved).unwrap();
        let read: SavedPlan = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let same = Plan::bind(again.runbook, &again.texts.digest(), read.binding(), kinds::find).unwrap();
        assert_eq!((json!(same.outline), &same.digest), (json!(plan.outline), &plan.digest), "{}", file.display());
        assert_eq!((&same.vars, &same.items, &same.earlier), (&plan.vars, &plan.items, &plan.earlier));
        bound += 1;
    }
    assert!(bound >= 2, "only {bound} could be bound");
}
