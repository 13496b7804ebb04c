//! Lets kinds look at the outside world for steps of a plan. Nothing is started by it.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::Failure;
use crate::kind::stock::Shelf;
use crate::kind::{Op, Prepared, RawOp, ReadCx};
use crate::model::{Fault, RunState};
use crate::plan::forecast::StepForecast;
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

    pub fn prepare(&self, node: usize, op: &RawOp) -> Result<Prepared<Value>, Fault> {
        self.runtime.block_on(self.plan.kinds[node].prepare(&self.cx_of(node), op))
    }

    pub fn can_begin(&self, node: usize, op: &RawOp) -> Result<(), Fault> {
        self.runtime.block_on(self.plan.kinds[node].can_begin(&self.cx_of(node), op))
    }

    pub fn backups(&self, node: usize, op: &RawOp) -> Result<Vec<Shelf>, Fault> {
        self.runtime.block_on(self.plan.kinds[node].backups(&self.cx_of(node), op))
    }

    fn cx_of(&self, node: usize) -> ReadCx {
        ReadCx { base: include::folder(self.plan, node), ..self.cx.clone() }
    }
}
