//! Runs for tests: real journals, written by the real writer, in every state a display has to cope with.

use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{Observer, RunView};
use crate::journal::store::{RunDir, Store};
use crate::journal::{Folder, Writer};
use crate::model::ledger::LedgerEntry;
use crate::model::record::{
    Ask, AskKind, Check, End, Event, Mode, OnFailure, Record, RunStarted, SkipReason, StepIntended, StepSucceeded,
};
use crate::model::time::Moment;
use crate::model::{Address, Answer, Effect, Fault, OpId, Person, RunId, RunState, Verb};
use crate::plan::outline::{Outline, OutlineNeed, OutlineStep};
use crate::plan::saved::SavedPlan;

/// A run that is being written.
pub struct Golden {
    _folder: TempDir,
    pub store: Store,
    pub dir: RunDir,
    pub outline: Outline,
    pub state: RunState,
    pub now: Moment,
    pub records: Vec<Record>,
    writer: Option<Writer<Folder>>,
}

pub fn person(name: &str) -> Person {
    Person { name: name.into(), uid: 1000, terminal: None }
}

pub fn at(id: &str) -> Address {
    id.parse().unwrap()
}

pub fn outline(steps: &[(&str, &str, &str, &[&str])]) -> Outline {
    let place = |id: &str| steps.iter().position(|(other, ..)| *other == id).unwrap();
    let build = |(id, kind, name, needs): &(&str, &str, &str, &[&str])| OutlineStep {
        address: at(id),
        name: (*name).into(),
        kind: (*kind).into(),
        effect: Effect::Opaque,
        needs: needs.iter().map(|need| OutlineNeed { step: place(need), when: None }).collect(),
        dependents: (0..steps.len()).filter(|other| steps[*other].3.contains(id)).collect(),
        group: None,
        members: None,
        stops: false,
        lock: None,
        remaining_seconds: 0,
        finally: *kind == "ledger.cleanup",
        allow_failure: false,
        covered: false,
        list: false,
        estimate_seconds: Some(600),
        owner: None,
        held: None,
        mends: None,
        under: Vec::new(),
        drill: None,
        in_place: None,
        read: Vec::new(),
        secret: Vec::new(),
    };
    Outline { steps: steps.iter().map(build).collect(), order: (0..steps.len()).collect() }
}

/// The restore-only runbook, in short.
pub fn rescue() -> Outline {
    outline(&[
        ("copy", "postgres.restore", "Restore the whole backup beside the live cluster", &[]),
        ("load", "postgres.dump_and_load", "Put enrolments back", &["copy"]),
        ("tell", "run", "tell", &["load"]),
        ("clean", "ledger.cleanup", "clean", &[]),
    ])
}

impl Golden {
    pub fn new(outline: Outline) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let id: RunId = "7qk2".parse().unwrap();
        let began: Timestamp = "2026-11-24T10:00:00Z".parse().unwrap();
        let plan = saved(&id, began, &outline);
        let dir = store.create(&id, &[(PathBuf::from("plan.json"), serde_json::to_vec(&plan).unwrap())]).unwrap();
        let now = Moment { at: began, mono: 0, boot: "boot".into() };
        let state = RunState::default();
        let (writer, state) = Writer::open(Folder::new(&dir.path), state, &now).unwrap();
        let mut golden =
            Self { _folder: folder, store, dir, outline, state, now, records: Vec::new(), writer: Some(writer) };
        golden.add(Event::RunStarted(Box::new(run_started(&id, began))));
        golden.add(executor());
        golden
    }

    pub fn id(&self) -> RunId {
        "7qk2".parse().unwrap()
    }

    /// Time goes by.
    pub fn wait(&mut self, seconds: i64) -> &mut Self {
        self.now.at += SignedDuration::from_secs(seconds);
        self.now.mono += u64::try_from(seconds).unwrap() * 1000;
        self
    }

    pub fn add(&mut self, event: Event) -> &mut Self {
        self.add_unsynced(event).sync()
    }

    /// Not on disk before [`Golden::sync`].
    pub fn add_unsynced(&mut self, event: Event) -> &mut Self {
        let writer = self.writer.as_mut().unwrap();
        let (record, hash) = writer.stage(event, &self.now).unwrap();
        self.state.apply(&record, &hash);
        self.records.push(record);
        self
    }

    pub fn sync(&mut self) -> &mut Self {
        self.writer.as_mut().unwrap().commit().unwrap();
        self
    }

    /// The executor dies and another one goes on in a segment of its own.
    pub fn resume(&mut self) -> &mut Self {
        let before = self.state.clone();
        let (writer, state) = Writer::open(Folder::new(&self.dir.path), before.clone(), &self.now).unwrap();
        self.writer = Some(writer);
        let Moment { at, mono, boot } = self.now.clone();
        let (seq, epoch, prev) = (state.seq, state.epoch, before.head.clone());
        let event = Event::SegmentOpened { state: Box::new(before) };
        self.records.push(Record { seq, at, event, epoch, boot, mono, prev });
        self.state = state;
        self.add(executor())
    }

    pub fn starts(&mut self, id: &str) -> &mut Self {
        let intended = self.intended(id);
        self.add(intended)
    }

    pub fn intended(&self, id: &str) -> Event {
        let attempt = self.state.step(&at(id)).attempts + 1;
        let intended = StepIntended {
            step: at(id),
            op: OpId::new(&self.id(), &at(id), 1),
            attempt,
            generation: 1,
            phase: String::new(),
            effect: Effect::Opaque,
            inputs: json!({"database": "lms", "password": {"$secret": "{{ secrets.live }}"}}),
            prior: Value::Null,
            facts: Value::Null,
            changes: vec![format!("`{id}` changes one thing")],
            spared: Vec::new(),
        };
        Event::StepIntended(Box::new(intended))
    }

    pub fn succeeds(&mut self, id: &str, outputs: Value) -> &mut Self {
        self.add(succeeded(id, outputs))
    }

    pub fn fails(&mut self, id: &str) -> &mut Self {
        self.add(Event::StepFailed { step: at(id), fault: fault() })
    }

    pub fn asks(&mut self, id: &str) -> &mut Self {
        let ask = Ask {
            what: AskKind::Approval,
            code: "k3m9q2".into(),
            shown: vec!["412 rows come back".into(), "3 rows are only in live and stay".into()],
            from: vec!["firefighter".into()],
            people: Vec::new(),
            minimum: 1,
            by_starter: true,
            escalation: None,
            form: Value::Null,
            phase: "swap".into(),
        };
        self.add(Event::StepAsked { step: at(id), ask })
    }

    pub fn makes(&mut self, step: &str, keep_for_ms: Option<u64>) -> &mut Self {
        let (kind, id) = ("postgres cluster".into(), "/var/lib/regrow/7qk2".into());
        let entry = LedgerEntry {
            kind,
            id,
            made_by: at(step),
            temporary: true,
            scratch: false,
            put_aside: false,
            keep_until: None,
            keep_for_ms,
            remover: "postgres.restore".into(),
            details: Value::Null,
        };
        self.add(Event::LedgerAdded { entry })
    }

    pub fn answered(&mut self, verb: Verb, because: Option<&str>) -> &mut Self {
        let id = format!("a{}", self.records.len());
        let answer = Answer { id, at: self.now.at, who: person("ben"), because: because.map(Into::into), verb };
        self.add(Event::AnswerAccepted { answer })
    }

    pub fn ends(&mut self, how: End) -> &mut Self {
        self.add(Event::EndingBegan { how }).add(Event::RunEnded { state: how })
    }

    pub fn view(&self) -> RunView {
        RunView::load(&self.dir, self.now.at)
    }

    pub fn segment(&self) -> PathBuf {
        let name = super::read::segments(&self.dir.path).pop().unwrap();
        self.dir.path.join(name)
    }

    /// Changes the bytes of the newest segment.
    pub fn spoil(&self, change: impl FnOnce(&mut Vec<u8>)) -> &Self {
        let mut bytes = fs::read(self.segment()).unwrap();
        change(&mut bytes);
        fs::write(self.segment(), bytes).unwrap();
        self
    }

    /// Tells an observer everything, record by record, each with the state of its time.
    pub fn replay_to(&self, observer: &mut dyn Observer) {
        let mut state = RunState::default();
        let mut hashes = Vec::new();
        super::read::visit(&self.dir.path, |_, hash| hashes.push(hash.to_string()));
        for (record, hash) in self.records.iter().zip(hashes) {
            state.apply(record, &hash);
            observer.observe(std::slice::from_ref(record), &state);
        }
        observer.finish();
    }
}

pub fn succeeded(id: &str, outputs: Value) -> Event {
    let outputs: Map<String, Value> = serde_json::from_value(outputs).unwrap();
    Event::StepSucceeded(Box::new(StepSucceeded::new(at(id), outputs)))
}

pub fn fault() -> Fault {
    let mut fault =
        Fault::new("RG2104", "the lock on `enrolments` was not had").hint("end process 412 of `lms`, then retry");
    fault.causes = vec!["canceling statement due to lock timeout".into()];
    fault
}

pub fn executor() -> Event {
    Event::ExecutorStarted { host: "ops1".into(), pid: 4242, who: person("ana") }
}

fn run_started(id: &RunId, at: Timestamp) -> RunStarted {
    RunStarted {
        run: id.clone(),
        runbook: "restore-only".into(),
        title: "Bring back one table".into(),
        severity: "restore-only".into(),
        mode: Mode::Real,
        digest: "d1d2".into(),
        params: Map::from_iter([("table".to_string(), json!("enrolments"))]),
        objectives: json!({"rto": "1h30m", "rpo": "1d"}),
        outage_began: Some(at - SignedDuration::from_mins(10)),
        on_failure: OnFailure::Pause,
        concurrency: 4,
        who: person("ana"),
        skipped: Vec::new(),
        because: None,
        regrow: "0.1.0".into(),
    }
}

fn saved(id: &RunId, started_at: Timestamp, outline: &Outline) -> SavedPlan {
    SavedPlan {
        keep: false,
        items: Default::default(),
        earlier: Default::default(),
        version: 1,
        copy: "runbook.yaml".into(),
        amendment: None,
        staffing: Default::default(),
        run: id.clone(),
        mode: Mode::Real,
        runbook: "/srv/runbooks/restore-only.yaml".into(),
        base: "/srv/runbooks".into(),
        included: Default::default(),
        source_digest: "s1".into(),
        digest: "d1d2".into(),
        started_at,
        outage_began: None,
        params: Map::new(),
        given: Vec::new(),
        on_failure: OnFailure::Pause,
        concurrency: 4,
        skipped: Vec::new(),
        outline: outline.clone(),
    }
}

/// The counts that `postgres.dump_and_load` puts out.
pub fn tables() -> Value {
    json!({
        "tables": [{"name": "enrolments", "rows": 412, "checksum": "c0ffee", "only_in_live": 3, "only_in_copy": 409, "differ": 0}],
        "rows": 412,
        "kept_as": "enrolments_7qk2",
    })
}

/// Well from start to end, with an approval and a proof.
pub fn ok() -> Golden {
    let mut run = waiting();
    run.wait(300);
    run.answered(Verb::Approve { step: at("load"), code: "k3m9q2".into() }, None);
    run.add(Event::ApprovalGiven { step: at("load"), who: person("ben"), code: "k3m9q2".into() });
    run.starts("load").wait(90);
    let Event::StepSucceeded(mut done) = succeeded("load", tables()) else { unreachable!() };
    done.verify = true;
    run.add(Event::StepSucceeded(done)).wait(2);
    let check = Check {
        probe: "postgres.query".into(),
        passed: true,
        text: "`select count(*)` is 412, at least 412".into(),
        left_out: false,
        compared: Map::new(),
    };
    run.add(Event::StepVerified { step: at("load"), checks: vec![check] });
    run.add(Event::StepSkipped { step: at("tell"), why: SkipReason::Condition });
    run.add(Event::NoteAdded { text: "customers were told".into(), who: person("cleo") });
    run.wait(5).ends(End::Succeeded);
    run
}

/// Copied, compared, and now a person is asked.
pub fn waiting() -> Golden {
    let mut run = Golden::new(rescue());
    run.makes("copy", Some(86_400_000)).starts("copy").wait(192);
    run.succeeds("copy", json!({"host": "127.0.0.1", "port": 5433, "restored_to": "2026-11-24T09:45:00Z"}));
    run.starts("load").wait(40).asks("load");
    run
}

/// A step failed and nothing can go on.
pub fn failed() -> Golden {
    let mut run = Golden::new(rescue());
    run.starts("copy").wait(30);
    run.add(Event::RetryScheduled { step: at("copy"), fault: fault(), delay_ms: 2000 }).wait(2);
    run.starts("copy").wait(10).fails("copy");
    run
}

/// A crash in the middle of an opaque step, and nobody can tell.
pub fn unknown() -> Golden {
    let mut run = Golden::new(rescue());
    run.starts("copy").wait(600).resume();
    run.add(Event::StepDoubted { step: at("copy"), evidence: "its supervisor is gone and left no result".into() });
    run
}

/// Taken back as a whole.
pub fn undone() -> Golden {
    let mut run = Golden::new(rescue());
    run.starts("copy").wait(60).succeeds("copy", json!({"port": 5433}));
    run.answered(Verb::Undo { step: None }, Some("it was the wrong backup"));
    run.add(Event::UndoBegan { steps: vec![at("copy")], all: true });
    run.add(Event::UndoIntended { step: at("copy"), undo: "\"remove_copy\"".into() }).wait(3);
    run.add(Event::StepUndone { step: at("copy"), facts: vec!["`/var/lib/regrow/7qk2` is gone".into()] });
    run.ends(End::Undone);
    run
}

/// The last line was cut in the middle.
pub fn torn() -> Golden {
    let run = waiting();
    run.spoil(|bytes| bytes.truncate(bytes.len() - 40));
    run
}

/// A byte in the middle flipped; a later record says that it was on disk.
pub fn damaged() -> Golden {
    let run = waiting();
    run.spoil(|bytes| {
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x20;
    });
    run
}

/// Its newest line was written by a later release.
pub fn from_the_future() -> Golden {
    let run = waiting();
    run.spoil(|bytes| {
        let text = br#"{"seq":99,"kind":"step_teleported"}"#;
        crate::journal::frame::encode(bytes, "step_teleported", text, crate::model::Seq(8), crate::model::Seq(7), 1);
    });
    run
}
