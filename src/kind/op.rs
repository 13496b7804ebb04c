//! One operation on the outside world, as a kind sees it.

use serde_json::{Map, Value};

use crate::model::{Address, OpId, RunId};

pub type Outputs = Map<String, Value>;

/// What is done, under which name. Everything in it but the opened secrets is on disk before the first call.
#[derive(Clone, Debug)]
pub struct Op<Params, Prior> {
    /// The same on every attempt: what the outside world is asked by.
    pub id: OpId,
    pub run: RunId,
    pub step: Address,
    pub attempt: u32,
    /// Empty for the first phase.
    pub phase: String,
    pub params: Params,
    /// What `prepare` took, once.
    pub prior: Prior,
    /// What the phase before found; null in the first.
    pub facts: Value,
}

impl<Params, Prior> Op<Params, Prior> {
    pub fn map<P, Q>(self, params: impl FnOnce(Params) -> P, prior: impl FnOnce(Prior) -> Q) -> Op<P, Q> {
        Op {
            id: self.id,
            run: self.run,
            step: self.step,
            attempt: self.attempt,
            phase: self.phase,
            params: params(self.params),
            prior: prior(self.prior),
            facts: self.facts,
        }
    }
}
