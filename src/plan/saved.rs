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
use super::staffing::Staffing;
use super::{Binding, Plan};
use crate::journal::store::{RunDir, replace_private};
use crate::model::record::{Mode, OnFailure};
use crate::model::{Address, Amendment, RunId};
use crate::runbook::people::{PeopleFile, digest_of_both};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<SavedPeople>,
    #[serde(default)]
    pub staffing: Staffing,
}

/// The people file, pinned like the runbook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPeople {
    /// Where it lay, made absolute.
    pub file: PathBuf,
    /// Its copy beside that of the runbook.
    pub copy: String,
}

impl SavedPeople {
    pub const FIRST_COPY: &'static str = "people.yaml";

    pub fn first(file: &PeopleFile) -> Self {
        let path = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
        Self { file: path, copy: Self::FIRST_COPY.into() }
    }
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
            people: None,
            staffing: Staffing::of(plan),
        }
    }

    pub fn read(run: &RunDir) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(run.plan())?).map_err(io::Error::other)
    }

    pub fn runbook_copy(&self, run: &RunDir) -> PathBuf {
        run.runbook().join(&self.copy)
    }

    pub fn people_copy(&self, run: &RunDir) -> Option<PathBuf> {
        self.people.as_ref().map(|people| run.runbook().join(&people.copy))
    }

    /// What stands for the runbook and its people file as they lie there now.
    pub fn digest_now(&self) -> io::Result<String> {
        let people = self.people.as_ref().map(|people| fs::read(&people.file)).transpose()?;
        Ok(digest_of_both(&fs::read(&self.runbook)?, people.as_deref()))
    }

    /// Which of the files is not what the run took, as far as that is known: the people file, if the runbook is the same.
    pub fn other_file(&self, run: &RunDir) -> &Path {
        let same =
            fs::read(&self.runbook).is_ok_and(|now| fs::read(self.runbook_copy(run)).is_ok_and(|then| now == then));
        self.people.as_ref().filter(|_| same).map_or(&self.runbook, |people| &people.file)
    }

    /// Takes the place of the plan in the run's folder. `runbook` is the text it was made from, `people` the people file that
    /// it names. The copies are there before the plan that names them, so a crash leaves one plan or the other, whole.
    pub fn replace(&mut self, run: &RunDir, runbook: &[u8], people: Option<&[u8]>) -> io::Result<()> {
        let stem = self.source_digest[..16].to_string();
        self.copy = format!("{stem}.yaml");
        replace_private(&self.runbook_copy(run), runbook)?;
        if let (Some(saved), Some(bytes)) = (&mut self.people, people) {
            saved.copy = format!("people-{stem}.yaml");
            replace_private(&run.runbook().join(&saved.copy), bytes)?;
        }
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
