//! Drives the shipped engine through a runbook, with the model beside it.

use std::cell::RefCell;
use std::rc::Rc;

use fastrand::Rng;
use jiff::Timestamp;
use regrow::engine::command::{Command, Happening, World};
use regrow::engine::frontier::Frontier;
use regrow::engine::vault::Vault;
use regrow::engine::{Driver, Halt, opening};
use regrow::kind::{Next, Outputs};
use regrow::model::record::{Event, OnFailure, Record};
use regrow::model::secret::Secret;
use regrow::model::time::Moment;
use regrow::model::{Address, Answer, Fault, Person, RetryClass, RunState, Verb};
use regrow::plan::Plan;
use regrow::runbook::template::Secrets;
use serde_json::{Map, json};

use super::book::{Book, KEYS};
use super::model::{At, End, Model, Outcome};
use crate::books;
use crate::disk::SimDisk;
use crate::life::{started, who};
use crate::machine::{Machine, Shared};

struct Side<'a> {
    plan: Plan,
    model: Model<'a>,
    rng: Rng,
    running: Vec<(Address, At, u32)>,
    told: RunState,
    /// The first disagreement.
    wrong: Option<String>,
    trace: Vec<String>,
    now: u64,
    waits: u32,
    readings: u32,
}

/// The world of one executor: everything is decided by the model's script.
struct Scripted<'a>(Rc<RefCell<Side<'a>>>);

pub fn play(book: &Book, rng: Rng, traced: bool) -> Result<(), String> {
    let mut plan = books::bind("model", &book.text());
    plan.concurrency = book.concurrency;
    plan.on_failure = if book.aborts { OnFailure::Abort } else { OnFailure::Pause };
    let plan = plan;
    let side = Side {
        plan: plan.clone(),
        model: Model::new(book),
        rng,
        running: Vec::new(),
        told: RunState::default(),
        wrong: None,
        trace: Vec::new(),
        now: 1_000,
        waits: 0,
        readings: 0,
    };
    let side = Rc::new(RefCell::new(side));
    let machine: Shared = Rc::new(RefCell::new(Machine::new(0)));
    let result = live(&machine, &plan, &side);
    let side = side.borrow();
    let wrong = side.wrong.clone().map_or(result, Err);
    wrong.map_err(|wrong| if traced { format!("{}\n{wrong}", side.trace.join("\n")) } else { wrong })
}

/// One executor after the other, a person in between.
fn live(machine: &Shared, plan: &Plan, side: &Rc<RefCell<Side<'_>>>) -> Result<(), String> {
    let mut answers = Vec::new();
    for _ in 0..60 {
        let (halt, state) = execute(machine, plan, side, std::mem::take(&mut answers))?;
        let mut side = side.borrow_mut();
        if side.wrong.is_some() {
            return Ok(());
        }
        side.told = state;
        side.compare("at the end of an executor")?;
        match (halt, side.model.end_state()) {
            (Halt::Ended, Some(end)) => return side.ended_alike(end),
            (Halt::Paused, None) if !side.model.failed().is_empty() => answers = side.person(),
            (halt, end) => return Err(format!("the engine left with {halt:?}, the model says {end:?}")),
        }
    }
    Err("the run never ends".into())
}

fn execute(
    machine: &Shared,
    plan: &Plan,
    side: &Rc<RefCell<Side<'_>>>,
    answers: Vec<Answer>,
) -> Result<(Halt, RunState), String> {
    let now = side.borrow_mut().moment();
    let here = Event::ExecutorStarted { host: "sim".into(), pid: 1, who: who() };
    machine.borrow_mut().ticks = 0;
    let disk = SimDisk(machine.clone());
    let (mut plan, first) = (plan.clone(), started(plan));
    let opened = opening::open(disk, &mut plan, first, here, &now, &[]).map_err(|error| error.to_string())?;
    side.borrow_mut().plan = plan.clone();
    let world = Scripted(side.clone());
    let mut driver =
        Driver::new(&mut plan, opened.state, opened.writer, world, Vault::new(Secrets::new(), None, Vec::new()), true);
    let halt = driver.run(opened.first, answers).map_err(|error| error.to_string())?;
    Ok((halt, driver.state().clone()))
}

impl World for Scripted<'_> {
    fn now(&self) -> Moment {
        self.0.borrow_mut().moment()
    }

    fn chance(&mut self) -> f64 {
        0.5
    }

    fn grown(&mut self, plan: &Plan) {
        self.0.borrow_mut().plan = plan.clone();
    }

    fn keep_secret(&mut self, _: &[Secret]) {}

    fn perform(&mut self, command: Command) {
        let mut side = self.0.borrow_mut();
        let Command::Start { op } = command else {
            return side.disagree(format!("an unexpected command: {command:?}"));
        };
        let address = op.step.to_string();
        side.trace.push(format!("start {address} attempt {}", op.attempt));
        match side
            .model
            .find(&address)
            .ok_or_else(|| format!("`{address}` is no step"))
            .and_then(|leaf| Ok((leaf, side.model.start(leaf)?)))
        {
            Ok((leaf, attempt)) if attempt == op.attempt => side.running.push((op.step, leaf, attempt)),
            Ok((leaf, attempt)) => {
                side.disagree(format!("attempt {} is attempt {attempt} for the model", op.attempt));
                side.running.push((op.step, leaf, attempt));
            }
            Err(why) => side.disagree(format!("the engine starts what may not start: {why}")),
        }
    }

    fn wait(&mut self, millis: Option<u64>) -> Vec<Happening> {
        let side = &mut *self.0.borrow_mut();
        if side.wrong.is_none() {
            let compared = side.compare("while the engine waits").and_then(|()| side.nothing_is_left_waiting());
            if let Err(wrong) = compared {
                side.disagree(wrong);
            }
        }
        side.waits += 1;
        if side.waits > 2_000 {
            side.disagree("the engine goes round and round".into());
            return vec![Happening::DetachRequested];
        }
        if side.running.is_empty() || (millis.is_some() && side.rng.bool()) {
            let Some(millis) = millis else {
                side.disagree("the engine waits for nothing".into());
                return vec![Happening::DetachRequested];
            };
            side.now += millis;
            return Vec::new();
        }
        let at = side.rng.usize(..side.running.len());
        let (step_address, leaf, attempt) = side.running.swap_remove(at);
        let step = side.model.step(leaf);
        let fails = attempt <= side.model.fails(leaf);
        side.trace.push(format!("end {} {}", side.model.address(leaf), if fails { "failed" } else { "succeeded" }));
        let (outcome, result) = match (fails, step.transient) {
            (false, _) => (Outcome::Success, Ok(Next::Done(made()))),
            (true, true) => (
                Outcome::Failure { transient: true },
                Err(Fault::new("SIM", "as the script says").retry(RetryClass::Now)),
            ),
            (true, false) => (
                Outcome::Failure { transient: false },
                Err(Fault::new("SIM", "as the script says").retry(RetryClass::Never)),
            ),
        };
        side.model.end(leaf, &outcome);
        vec![Happening::Ended { step: step_address, result }]
    }

    fn publish(&mut self, _: &[Record], state: &RunState) {
        self.0.borrow_mut().told = state.clone();
    }
}

fn made() -> Outputs {
    // Lists of every length, for those who read one.
    let lists = (0..=KEYS.len()).map(|count| (format!("l{count}"), json!(KEYS[..count])));
    Map::from_iter(lists.chain([("made".to_string(), json!("something"))]))
}

impl Side<'_> {
    fn moment(&mut self) -> Moment {
        self.now += 1;
        self.readings += 1;
        assert!(self.readings < 20_000, "the engine goes round and round\n{}", self.trace.join("\n"));
        let at = Timestamp::from_millisecond(self.now as i64).unwrap_or_default();
        Moment { at, mono: self.now, boot: "boot".into() }
    }

    fn disagree(&mut self, wrong: String) {
        self.wrong.get_or_insert(wrong);
    }

    /// Every step and item stands as the model says.
    fn compare(&self, when: &str) -> Result<(), String> {
        let frontier = Frontier::new(&self.plan.outline, &self.told);
        let stands = |address: &str| {
            let node = self.plan.graph.find(address).ok_or_else(|| format!("no `{address}`"))?;
            Ok::<_, String>(frontier.statuses[node].word())
        };
        for at in 0..self.model.len() {
            let (address, word) = (self.model.address(at), self.model.word(at));
            if self.plan.graph.find(address).is_none() && self.model.is_hidden(at) {
                continue;
            }
            let engine = stands(address)?;
            if engine != format!("{word:?}").to_lowercase() {
                return Err(format!("{when} `{address}` is {engine}, and {word:?} for the model"));
            }
        }
        Ok(())
    }

    fn nothing_is_left_waiting(&self) -> Result<(), String> {
        match self.model.left_waiting() {
            Some(leaf) => Err(format!("`{}` may start, and the engine waits", self.model.address(leaf))),
            None if self.running.is_empty() && !self.model.waits_for_a_retry() => {
                Err("there is nothing to wait for".into())
            }
            None => Ok(()),
        }
    }

    fn ended_alike(&self, end: End) -> Result<(), String> {
        let engine = self.told.ended.as_ref().map(|ended| format!("{ended:?}"));
        match engine {
            Some(engine) if engine.contains(&format!("{end:?}")) => Ok(()),
            engine => Err(format!("the run ended {engine:?}, and {end:?} for the model")),
        }
    }

    /// Somebody deals with a failure, or with something else.
    fn person(&mut self) -> Vec<Answer> {
        let failed = self.model.failed();
        let leaf = failed[self.rng.usize(..failed.len())];
        let step = Some(self.model.address(leaf).parse().expect("an address"));
        let (verb, word) = match self.rng.u8(..10) {
            0 => (Verb::Abort { release: Vec::new() }, "abort"),
            1 | 2 => (Verb::Retry { step: None }, "retry all"),
            3 | 4 if !self.model.is_read(leaf) && !self.model.tries(leaf) => {
                (Verb::Skip { step: step.clone().expect("one") }, "skip")
            }
            5 if self.model.is_leaf(leaf) => {
                (Verb::Done { step: step.clone().expect("one"), outputs: made(), unverified: false }, "done")
            }
            _ => (Verb::Retry { step: step.clone() }, "retry"),
        };
        self.trace.push(format!("a person: {word} {}", self.model.address(leaf)));
        match &verb {
            Verb::Abort { .. } => self.model.ending = Some(End::Aborted),
            Verb::Retry { step: None } => {
                self.model.all_failed().into_iter().for_each(|at| self.model.retry(at));
            }
            Verb::Skip { .. } => self.model.skip(leaf),
            Verb::Done { .. } => self.model.succeed_by_hand(leaf),
            _ => self.model.retry(leaf),
        }
        self.model.settle();
        let who = Person { name: "ana".into(), uid: 1, terminal: None };
        let id = format!("answer-{}", self.now);
        vec![Answer { id, at: self.moment().at, who, because: Some("as it is".into()), verb }]
    }
}
