//! One apply's own folder and module, as the work uses them.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::guard;
use super::marker::Marker;
use super::params::Params;
use super::prepare::Prior;
use crate::kind::{Next, Op, ReadCx, WorkCx};
use crate::model::{Fault, Pulse};
use crate::provider::process::JobFiles;
use crate::provider::terraform::{Change, Commit, Module, Plan, Scope, broken, folder};

pub struct Site<'a> {
    pub cx: &'a WorkCx,
    pub op: &'a Op<Params, Prior>,
    pub module: Module,
    pub folder: PathBuf,
}

/// What the phase that applies is told by the one that planned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// SHA-256 of the saved plan.
    pub plan: String,
    pub changes: Vec<Change>,
    pub module: Commit,
    /// How often the state moved on while a plan waited.
    #[serde(default)]
    pub again: u32,
}

/// The folder of an operation: the same over attempts and phases.
pub fn folder_of<Q>(cx: &ReadCx, op: &Op<Params, Q>) -> PathBuf {
    let mut path = JobFiles::named(&cx.work, &op.id, 0, "").base().to_path_buf().into_os_string();
    path.push(".terraform");
    path.into()
}

impl<'a> Site<'a> {
    pub fn open(cx: &'a WorkCx, op: &'a Op<Params, Prior>) -> Result<Self, Fault> {
        let path = std::path::absolute(folder_of(cx, op)).map_err(broken)?;
        folder(&path)?;
        Ok(Self { cx, op, module: op.params.module(cx, op)?, folder: path })
    }

    /// Waits for whatever an earlier attempt left running: Terraform itself, or a command that it had started.
    pub async fn alone(&self) {
        let mut said = false;
        loop {
            let others = self.module.survivors(&self.op.id);
            if others.is_empty() {
                return;
            }
            let list = others.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
            if !std::mem::replace(&mut said, true) {
                self.cx.say(&format!("waiting for processes of an earlier attempt: {list}"));
            }
            self.doing(&format!("waiting for processes {list}"));
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    pub fn doing(&self, what: &str) {
        self.cx.pulse(Pulse { unit: "changes".into(), doing: what.into(), ..Pulse::default() });
    }

    pub fn scope(&self) -> Scope<'_> {
        self.op.params.scope(self.cx)
    }

    pub fn plan_file(&self) -> PathBuf {
        self.folder.join("plan")
    }

    /// What Terraform prints while it applies.
    pub fn stream(&self, attempt: u32) -> PathBuf {
        self.folder.join(format!("apply.{attempt}.jsonl"))
    }

    pub fn marker(&self) -> Option<Marker> {
        Marker::read(&self.folder)
    }

    pub fn has_begun_here(&self) -> bool {
        self.marker().is_some_and(|marker| marker.attempt == self.op.attempt)
    }

    /// Plans and refuses what must not be. None: nothing would change.
    pub async fn planned(&self) -> Result<Option<Plan>, Fault> {
        self.doing("planning");
        let plan = self.module.plan(&self.scope(), &self.plan_file()).await;
        if !matches!(plan, Ok(Some(_))) {
            self.forget_plan();
        }
        let plan = plan?;
        if let Some(plan) = &plan
            && let Err(fault) = guard::refuse(&plan.changes, &self.op.params.allow_destroy)
        {
            self.forget_plan();
            return Err(fault);
        }
        Ok(plan)
    }

    /// It holds secrets, and is of no use any more.
    pub fn forget_plan(&self) {
        let _ = fs::remove_file(self.plan_file());
    }

    pub async fn done(&self) -> Result<Next, Fault> {
        let taken = self.module.outputs(|name, value| self.cx.seal(&self.op.step, name, value)).await?;
        if let Some(words) = taken.words() {
            self.cx.say(&words);
        }
        Ok(Next::Done(taken.outputs))
    }

    /// The phase that applies `plan`, and what an approval in front of it is shown.
    pub async fn next(&self, plan: &Plan, warnings: Vec<String>, again: u32) -> Result<Next, Fault> {
        let module = Commit::of(&self.module.dir).await;
        let digest = digest(&self.plan_file()).map_err(broken)?;
        let mut shown = vec![module.words(&self.op.params.reach.dir)];
        if module != self.op.prior.module {
            shown.push(format!(
                "it was {} when the step was prepared",
                self.op.prior.module.words(&self.op.params.reach.dir)
            ));
        }
        shown.extend(warnings);
        shown.extend(plan.words());
        shown.push(format!("{} ({} {})", plan.sums(), self.module.binary.word(), plan.terraform_version));
        shown.push(format!("plan {digest}"));
        let facts = Facts { plan: digest, changes: plan.changes.clone(), module, again };
        let facts = serde_json::to_value(facts).map_err(|error| broken(error.into()))?;
        Ok(Next::Phase { phase: "apply".into(), facts, shown, creates: Vec::new() })
    }
}

pub fn digest(file: &Path) -> std::io::Result<String> {
    let hash = Sha256::digest(fs::read(file)?);
    Ok(hash.iter().map(|byte| format!("{byte:02x}")).collect())
}
