//! A load as the engine would run it.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::super::*;
use crate::kind::{Undone, WriteCx};
use crate::model::{Address, OpId, Pulse};
use crate::provider::postgres::testing::{Lab, cx};

pub struct Stage {
    pub lab: Lab,
    pub with: Value,
    pub generation: u32,
    pub pulses: Arc<Mutex<Vec<Pulse>>>,
}

impl Stage {
    pub fn new(setup: &str) -> Self {
        let lab = Lab::start();
        lab.live(setup);
        lab.back_up();
        Self::on(lab)
    }

    pub fn on(lab: Lab) -> Self {
        let with = json!({
            "source": lab.copy.url(), "target": lab.live.url(), "database": lab.database, "tables": ["t"]
        });
        Self { lab, with, generation: 1, pulses: Arc::default() }
    }

    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.with[name] = value;
        self
    }

    pub fn op<P>(&self, phase: &str, prior: P) -> Op<Params, P> {
        let run = "7qk2".parse().unwrap();
        // One server serves all tests: the operation is named after its database.
        let step = Address::top(&self.lab.database);
        Op {
            id: OpId::new(&run, &step, self.generation),
            run,
            step,
            attempt: 1,
            phase: phase.to_owned(),
            params: serde_json::from_value(self.with.clone()).unwrap(),
            prior,
            facts: Value::Null,
            timeout_ms: None,
            boot: String::new(),
        }
    }

    pub fn work_cx(&self) -> WorkCx {
        let pulses = self.pulses.clone();
        WorkCx::new(self.write_cx(), move |pulse| pulses.lock().unwrap().push(pulse))
    }

    pub fn write_cx(&self) -> WriteCx {
        WriteCx::grant(cx())
    }

    pub async fn prepare(&self) -> Result<Prepared<Prior>, Fault> {
        PostgresDumpAndLoad.prepare(&cx(), &self.op("", ())).await
    }

    pub async fn phase(&self, phase: &str, prior: &Prior) -> Result<Next, Fault> {
        PostgresDumpAndLoad.work(&self.work_cx(), &self.op(phase, prior.clone())).await
    }

    /// All phases, as with an approval given at once: the outputs, and what was shown before the change.
    pub async fn run(&self) -> Result<(Outputs, Vec<String>), Fault> {
        let prior = self.prepare().await?.prior;
        let Next::Phase { phase, shown, .. } = self.phase("", &prior).await? else { panic!("no second phase") };
        match self.phase(&phase, &prior).await? {
            Next::Done(outputs) => Ok((outputs, shown)),
            Next::Phase { .. } => panic!("a third phase"),
        }
    }

    pub async fn swap_back(&self) -> Result<Undone, Fault> {
        let prior = self.prior().await;
        PostgresDumpAndLoad.undo(&self.write_cx(), &self.op("", prior), &json!("swap_back"), &Outputs::new()).await
    }

    /// As `prepare` took it down, without its refusals.
    pub async fn prior(&self) -> Prior {
        use crate::provider::postgres::{Identity, ReadSession};
        let (from, to) = super::super::site::endpoints(&self.op("", ()));
        let params: Params = serde_json::from_value(self.with.clone()).unwrap();
        let source = ReadSession::open(&cx(), &from).await.unwrap();
        let target = ReadSession::open(&cx(), &to).await.unwrap();
        Prior {
            tables: super::super::survey::names(&params, &source).await.unwrap(),
            source: Identity::read(&source).await.unwrap(),
            target: Identity::read(&target).await.unwrap(),
        }
    }
}

/// Line by line, so that a failure says what is missing and what is too much.
#[track_caller]
pub fn same(now: &str, before: &str) {
    let only = |a: &str, b: &str| -> Vec<String> {
        a.lines().filter(|line| !b.lines().any(|other| other == *line)).map(str::to_owned).collect()
    };
    assert!(now == before, "gone: {:#?}\nnew: {:#?}", only(before, now), only(now, before));
}
