//! The plan as it lies in the run's folder: what `resume` binds the runbook's copy to, and what views read.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::items::Items;
use super::outline::{Outline, OutlineStep};
use super::staffing::Staffing;
use super::{Binding, Plan};
use crate::journal::store::{RunDir, replace_private};
use crate::kind::AnyKind;
use crate::model::record::{Mode, OnFailure};
use crate::model::{Address, Amendment, RunId, RunState};
use crate::runbook::{self, Loaded, Problem, Texts};

/// `plan.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedPlan {
    pub version: u32,
    pub run: RunId,
    pub mode: Mode,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep: bool,
    /// The runbook as it was named on the command line, made absolute.
    pub runbook: PathBuf,
    pub base: PathBuf,
    /// The file in the run's folder that is executed; those of earlier changes stay beside it.
    #[serde(default = "first_copy")]
    pub copy: String,
    /// The copies of the files that the runbook names, by key, see [`crate::runbook::include`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub included: BTreeMap<String, String>,
    /// Of the runbook's text, and of the files that it names.
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
    #[serde(default)]
    pub staffing: Staffing,
}

fn first_copy() -> String {
    "runbook.yaml".into()
}

impl SavedPlan {
    /// `runbook` is the file of the plan as it is named, `texts` what it is made from.
    pub fn of(plan: &Plan, runbook: &Path, texts: &Texts, given: Vec<String>) -> Self {
        Self {
            version: 1,
            run: plan.run.clone(),
            mode: plan.mode,
            keep: plan.keep,
            runbook: runbook.to_path_buf(),
            base: plan.base.clone(),
            copy: first_copy(),
            included: texts.files.keys().map(|key| (key.clone(), texts.copy_of(key))).collect(),
            source_digest: texts.digest(),
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
            staffing: Staffing::of(plan),
        }
    }

    pub fn read(run: &RunDir) -> io::Result<Self> {
        serde_json::from_slice(&fs::read(run.plan())?).map_err(io::Error::other)
    }

    /// The runbook as the run has it.
    pub fn load(&self, run: &RunDir) -> Result<Loaded, Vec<Problem>> {
        runbook::load_copy(&self.runbook_copy(run), &self.included)
    }

    /// Whether lists may open in the run that the outline does not know the items of.
    pub fn may_grow(&self) -> bool {
        let is_unknown = |step: &OutlineStep| {
            step.members.as_ref().is_some_and(Range::is_empty) && !self.items.contains_key(&step.address)
        };
        self.outline.steps.iter().any(is_unknown)
    }

    /// The outline with the items of lists that opened since, made as the executor makes it; `None` where it is as it was.
    pub fn grown(
        &self,
        run: &RunDir,
        state: &RunState,
        kind: impl Fn(&str) -> Option<&'static dyn AnyKind>,
    ) -> Result<Option<Outline>, String> {
        if !self.may_grow() || state.steps.values().all(|step| step.list.is_none()) {
            return Ok(None);
        }
        let first = |problems: Vec<Problem>| problems.into_iter().next().map_or_else(String::new, |it| it.message);
        let loaded = self.load(run).map_err(first)?;
        let mut plan =
            Plan::bind(loaded.runbook, &self.source_digest, self.binding(), kind).map_err(|it| it.message)?;
        plan.grow(state);
        Ok(Some(plan.outline))
    }

    pub fn runbook_copy(&self, run: &RunDir) -> PathBuf {
        run.runbook().join(&self.copy)
    }

    /// The runbook and the files that it names, as far as they are not what the run took.
    pub fn edited(&self, run: &RunDir) -> Vec<PathBuf> {
        let copies = self.included.iter().map(|(key, copy)| (self.base.join(key), copy));
        let all = std::iter::once((self.runbook.clone(), &self.copy)).chain(copies);
        let differs = |(file, copy): &(PathBuf, &String)| match (fs::read(file), fs::read(run.runbook().join(copy))) {
            (Ok(file), Ok(copy)) => file != copy,
            (Err(_), _) => true,
            // That the copy cannot be read is said when the run goes on.
            (Ok(_), Err(_)) => false,
        };
        all.filter(differs).map(|(file, _)| file).collect()
    }

    /// All that a new run begins with.
    pub fn files(&self, texts: &Texts) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let folder = Path::new("runbook");
        let included = texts.files.iter().map(|(key, bytes)| (texts.copy_of(key), bytes));
        // Two files of one text have one copy.
        let included: BTreeMap<String, &Vec<u8>> = included.collect();
        let mut files = vec![(folder.join(&self.copy), texts.main.clone())];
        files.extend(included.into_iter().map(|(copy, bytes)| (folder.join(copy), bytes.clone())));
        files.push((PathBuf::from("plan.json"), serde_json::to_vec(self).map_err(io::Error::other)?));
        Ok(files)
    }

    /// Takes the place of the plan in the run's folder. The copies of the texts are there before the plan that names them, so
    /// a crash leaves one plan or the other, whole.
    pub fn replace(&mut self, run: &RunDir, texts: &Texts) -> io::Result<()> {
        self.copy = format!("{}.yaml", &self.source_digest[..16]);
        for (file, bytes) in self.files(texts)? {
            replace_private(&run.path.join(file), &bytes)?;
        }
        Ok(())
    }

    pub fn binding(&self) -> Binding {
        Binding {
            run: self.run.clone(),
            mode: self.mode,
            keep: self.keep,
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
