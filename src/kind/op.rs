//! One operation on the outside world, as a kind sees it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::{Address, OpId, RunId};

pub type Outputs = Map<String, Value>;

/// What is done, under which name. Everything in it but the opened secrets is on disk before the first call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Op<Params, Prior> {
    /// The same on every attempt: what the outside world is asked by.
    pub id: OpId,
    pub run: RunId,
    pub step: Address,
    /// From 1; see [`Op::is_foreseen`].
    pub attempt: u32,
    /// Empty for the first phase.
    pub phase: String,
    pub params: Params,
    /// What `prepare` took, once.
    pub prior: Prior,
    /// What the phase before found; null in the first.
    pub facts: Value,
    pub timeout_ms: Option<u64>,
    /// Which boot of the machine the intent was written in.
    pub boot: String,
}

impl<Params> Op<Params, Value> {
    /// Of the first phase, before anything is known of it but what it is given.
    pub fn of_step(run: &RunId, step: &Address, (generation, attempt): (u32, u32), params: Params) -> Self {
        Op {
            id: OpId::new(run, step, generation),
            run: run.clone(),
            step: step.clone(),
            attempt,
            phase: String::new(),
            params,
            prior: Value::Null,
            facts: Value::Null,
            timeout_ms: None,
            boot: String::new(),
        }
    }
}

impl<Params, Prior> Op<Params, Prior> {
    /// Nothing is going to be started: `plan` only wants to see what would be.
    pub fn is_foreseen(&self) -> bool {
        self.attempt == 0
    }

    /// The same operation with other types.
    pub fn with<P, Q>(&self, params: P, prior: Q) -> Op<P, Q> {
        Op {
            id: self.id.clone(),
            run: self.run.clone(),
            step: self.step.clone(),
            attempt: self.attempt,
            phase: self.phase.clone(),
            params,
            prior,
            facts: self.facts.clone(),
            timeout_ms: self.timeout_ms,
            boot: self.boot.clone(),
        }
    }
}
