//! Lets kinds look at the outside world for steps of a plan. Nothing is started by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use futures_util::stream::{self, StreamExt};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Failure;
use crate::kind::stock::Shelf;
use crate::kind::{Op, Prepared, RawOp, ReadCx};
use crate::model::{Fault, RunState};
use crate::plan::forecast::{self, StepForecast};
use crate::plan::scope::RunScope;
use crate::plan::{Plan, include};
use crate::runbook::template::{Secrets, open};

pub struct Looker<'a> {
    plan: &'a Plan,
    secrets: &'a Secrets,
    cx: ReadCx,
    state: RunState,
    runtime: Runtime,
    /// Goes away with us.
    _scratch: TempDir,
}

impl<'a> Looker<'a> {
    pub fn new(plan: &'a Plan, secrets: &'a Secrets) -> Result<Self, Failure> {
        let scratch = tempfile::Builder::new().permissions(fs::Permissions::from_mode(0o700)).tempdir()?;
        let cx = ReadCx {
            base: plan.base.clone(),
            work: scratch.path().into(),
            mode: plan.mode,
            secrets: secrets.values().cloned().collect(),
            seal: None,
            rpo: plan.runbook.objectives.rpo.clone(),
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { plan, secrets, cx, state: RunState::default(), runtime, _scratch: scratch })
    }

    /// What its kind is asked with, if all of it is known. `attempt` as in [`Op`]: 0 where nothing is going to follow. Fails where a
    /// secret stays closed: nothing an author wrote runs here.
    pub fn op(&self, step: &StepForecast, attempt: u32) -> Option<Result<RawOp, Fault>> {
        let (plan, known) = (self.plan, step.known.as_ref()?);
        let scope = RunScope::of(plan, &self.state, step.node);
        let op = |params| Op::of_step(&plan.run, plan.address(step.node), (1, attempt), params);
        Some(open(known, &scope, self.secrets).map(op))
    }

    /// The same with what is known of it, where the rest shows only in the run.
    pub fn known_part(&self, step: &StepForecast) -> Result<RawOp, Fault> {
        let (plan, node) = (self.plan, step.node);
        let scope = RunScope::of(plan, &self.state, node);
        let known = open(&forecast::partly_known(plan, node), &scope, self.secrets)?;
        Ok(Op::of_step(&plan.run, plan.address(node), (1, 0), known))
    }

    pub async fn prepare(&self, node: usize, op: &RawOp) -> Result<Prepared<Value>, Fault> {
        self.plan.kinds[node].prepare(&self.cx_of(node), op).await
    }

    pub async fn can_begin(&self, node: usize, op: &RawOp) -> Result<(), Fault> {
        self.plan.kinds[node].can_begin(&self.cx_of(node), op).await
    }

    pub async fn reach(&self, node: usize, op: &RawOp) -> Result<Vec<&'static str>, Fault> {
        self.plan.kinds[node].reach(&self.cx_of(node), op).await
    }

    pub async fn backups(&self, node: usize, op: &RawOp) -> Result<Vec<Shelf>, Fault> {
        self.plan.kinds[node].backups(&self.cx_of(node), op).await
    }

    /// All of these looks, so many at once; what they tell comes in their order.
    pub fn all<T>(&self, looks: impl IntoIterator<Item = impl Future<Output = T>>, at_once: usize) -> Vec<T> {
        self.runtime.block_on(stream::iter(looks).buffered(at_once).collect())
    }

    fn cx_of(&self, node: usize) -> ReadCx {
        ReadCx { base: include::folder(self.plan, node), ..self.cx.clone() }
    }
}
