//! The plan as it lies in the run's folder: what `resume` binds the runbook's copy to, and what views read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::items::Items;
use super::outline::Outline;
use super::{Binding, Plan};
use crate::journal::store::{RunDir, replace_private};
use crate::model::record::{Mode, OnFailure};
use crate::model::{Address, Amendment, RunId};

/// `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    pub version: u32,
    pub run: RunId,
    pub mode: Mode,
    /// The runbook as it was named on the command line, made absolute.
    pub runbook: PathBuf,
    pub base: PathBuf,
    /// The file in the run's folder that is executed; those of earlier changes stay beside it.
    #[serde(default = "first_copy")]
    pub copy: String,
    /// Of the runbook's text.
    pub source_digest: String,
    pub digest: String,
    pub started_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage_began: Option<Timestamp>,
    pub params: Map<String, Value>,
    /// As they were typed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub given: Vec<String>,
    pub on_failure: OnFailure,
    pub concurrency: usize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Address>,
    pub outline: Outline,
    #[serde(default, skip_serializing_if = "Items::is_empty")]
    pub items: Items,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub earlier: BTreeMap<Address, u64>,
    /// The newest change since the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amendment: Option<Amendment>,
}

fn first_copy() -> String {
    "runbook.yaml".into()
}

impl SavedPlan {
    pub fn of(plan: &Plan, runbook: &Path, source_digest: &str, given: Vec<String>) -> Self {
        Self {
            version: 1,
            run: plan.run.clone(),
            mode: plan.mode,
            runbook: runbook.to_path_buf(),
            base: plan.base.clone(),
            copy: first_copy(),
            source_digest: source_digest.to_string(),
            digest: plan.digest.clone(),
            started_at: plan.started_at,
            outage_began: plan.outage_began,
            params: plan.params.clone(),
            given,
            on_failure: plan.on_failure,
            concurrency: plan.concurrency,
            skipped: plan.skipped.iter().cloned().collect(),
            outline: plan.outline.clone(),
            items: plan.items.clone(),
            earlier: plan.earlier.clone(),
            amendment: plan.amendment.clone(),
        }
    }

    pub fn read(run: &RunDir) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(run.plan())?).map_err(io::Error::other)
    }

    pub fn runbook_copy(&self, run: &RunDir) -> PathBuf {
        run.runbook().join(&self.copy)
    }

    /// Takes the place of the plan in the run's folder. `runbook` is the text it was made from. The copy of the runbook is
    /// there before the plan that names it, so a crash leaves one plan or the other, whole.
    pub fn replace(&mut self, run: &RunDir, runbook: &[u8]) -> io::Result<()> {
        self.copy = format!("{}.yaml", &self.source_digest[..16]);
        replace_private(&self.runbook_copy(run), runbook)?;
        replace_private(&run.plan(), &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    pub fn binding(&self) -> Binding {
        Binding {
            run: self.run.clone(),
            mode: self.mode,
            started_at: self.started_at,
            outage_began: self.outage_began,
            params: self.params.clone(),
            on_failure: self.on_failure,
            concurrency: self.concurrency,
            skipped: self.skipped.iter().cloned().collect(),
            items: self.items.clone(),
            earlier: self.earlier.clone(),
            base: self.base.clone(),
        }
    }
}
