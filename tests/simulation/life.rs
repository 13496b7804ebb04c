//! The life of a run: executors one after another, each stopped by something, until the run has ended.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use regrow::engine::frontier::Frontier;
use regrow::engine::opening;
use regrow::engine::vault::Vault;
use regrow::engine::{Driver, Halt};
use regrow::journal::JournalError;
use regrow::model::record::{Event, Mode, OnFailure, RunStarted};
use regrow::model::{Person, RunState};
use regrow::plan::Plan;
use regrow::runbook::template::Secrets;
use serde_json::{Map, Value};

use crate::disk::SimDisk;
use crate::machine::{Machine, Shared, Stopped};
use crate::oracle::Due;
use crate::person;
use crate::world::SimWorld;

/// How one executor left.
#[derive(Debug)]
pub enum Left {
    Halted(Halt, Box<RunState>),
    Journal(JournalError),
    /// Stopped from outside, or a promise was broken.
    Stopped,
}

/// One executor, from the lock to its end.
pub fn execute(machine: &Shared, plan: &Plan) -> Left {
    let result = catch_unwind(AssertUnwindSafe(|| {
        let now = machine.borrow_mut().now();
        let here = Event::ExecutorStarted { host: "sim".into(), pid: 1, who: who() };
        let disk = SimDisk(machine.clone());
        let (mut plan, first) = (plan.clone(), started(plan));
        let opened = opening::open(disk, &mut plan, first, here, &now, &[])?;
        let answers = machine.borrow().inbox.clone();
        machine.borrow_mut().outside.learn(&plan);
        let world = SimWorld { machine: machine.clone(), plan: plan.clone() };
        let mut driver = Driver::new(
            &mut plan,
            opened.state,
            opened.writer,
            world,
            Vault::new(Secrets::new(), None, Vec::new()),
            false,
        );
        let halt = driver.run(opened.first, answers);
        let state = driver.state().clone();
        Ok((halt?, state))
    }));
    match result {
        Ok(Ok((halt, state))) => Left::Halted(halt, Box::new(state)),
        Ok(Err(error)) => Left::Journal(error),
        Err(thrown) if thrown.is::<Stopped>() => Left::Stopped,
        Err(thrown) => resume_unwind(thrown),
    }
}

/// How a run ended.
#[derive(Debug, PartialEq)]
pub enum Fin {
    Ended(Box<Summary>),
    /// Damage was found and refused, as is due.
    Refused,
}

/// What must be the same with crashes and without.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    pub end: String,
    pub steps: Vec<(String, String, Option<Value>)>,
    pub keyed: Vec<(String, String)>,
    pub sets: Vec<(String, String)>,
    pub person_settled: bool,
}

/// Executes until the run has ended. `before` may plan the next executor's stop; it is given the number of executors so far.
pub fn live(machine: Machine, plan: &Plan, mut before: impl FnMut(&mut Machine, u32)) -> Result<Fin, Box<Machine>> {
    let shared: Shared = Rc::new(RefCell::new(machine));
    for executor in 0.. {
        before(&mut shared.borrow_mut(), executor);
        let due = std::mem::take(&mut shared.borrow_mut().damage_due);
        let left = execute(&shared, plan);
        let mut machine = shared.borrow_mut();
        if !machine.oracle.broken.is_empty() {
            return Err(Box::new(machine.clone()));
        }
        machine.note(|| format!("left {left:?}"));
        let refused = matches!(left, Left::Journal(JournalError::Damaged { .. }));
        match (due, refused) {
            (Some(Due::Refusal), true) => return Ok(Fin::Refused),
            (Some(Due::Refusal), false) => {
                machine.oracle.broken.push("G9: damage that a later record covers was passed over".into());
                return Err(Box::new(machine.clone()));
            }
            _ => {}
        }
        match left {
            Left::Halted(Halt::Ended, state) => return Ok(Fin::Ended(Box::new(summary(&machine, plan, &state)))),
            Left::Halted(Halt::Paused, state) => {
                if person::act(&mut machine, &grown(plan, &state), &state).is_none() {
                    machine.oracle.broken.push("the run is paused and nobody can do anything".into());
                    return Err(Box::new(machine.clone()));
                }
            }
            Left::Journal(JournalError::Lost { .. } | JournalError::Full { .. } | JournalError::Io { .. }) => {}
            Left::Journal(error) => {
                machine.oracle.broken.push(format!("the journal cannot be read any more: {error}"));
                return Err(Box::new(machine.clone()));
            }
            Left::Halted(..) | Left::Stopped => {}
        }
        if executor > 60 {
            machine.oracle.broken.push("the run never ends".into());
            return Err(Box::new(machine.clone()));
        }
        machine.executor_gone();
    }
    unreachable!("the loop above has no other end")
}

/// With the lists that opened.
fn grown(plan: &Plan, state: &RunState) -> Plan {
    let mut plan = plan.clone();
    plan.grow(state);
    plan
}

fn summary(machine: &Machine, plan: &Plan, state: &RunState) -> Summary {
    let plan = &grown(plan, state);
    // Of a group only its opening is recorded; how it ended follows from what is in it.
    let frontier = Frontier::new(&plan.outline, state);
    let step = |node: usize| {
        let address = plan.address(node);
        let outputs = state.step(address).outputs.clone().map(Value::Object);
        (address.to_string(), frontier.statuses[node].word().to_string(), outputs)
    };
    Summary {
        end: format!("{:?}", state.ended),
        steps: (0..plan.len()).map(step).collect(),
        keyed: machine.outside.keyed.iter().cloned().collect(),
        person_settled: machine.person_settled,
        sets: machine.outside.sets.iter().map(|(step, value)| (step.clone(), value.clone())).collect(),
    }
}

pub fn who() -> Person {
    Person { name: "ana".into(), uid: 1, terminal: None }
}

pub fn started(plan: &Plan) -> RunStarted {
    RunStarted {
        run: plan.run.clone(),
        runbook: plan.runbook.name.clone(),
        title: String::new(),
        severity: "partial".into(),
        mode: Mode::Real,
        digest: plan.digest.clone(),
        params: Map::new(),
        objectives: Value::Null,
        outage_began: None,
        on_failure: OnFailure::Pause,
        concurrency: plan.concurrency,
        who: who(),
        skipped: Vec::new(),
        because: None,
        regrow: "sim".into(),
    }
}
