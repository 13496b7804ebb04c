//! What is done with keys, and how whoever goes on knows that it was done.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::decide::Action;
use crate::kind::Outputs;
use crate::provider::s3::Course;
use crate::provider::s3::history::{History, content};

/// On disk beside the run's other files.
pub type Progress = Course<Sums, Begun>;

/// What was about to be done with a key, with the id of what was the latest then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    pub latest: String,
    what: What,
    size: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Copy,
    Undelete,
    Delete,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    pub copied: u64,
    pub undeleted: u64,
    pub deleted: u64,
    pub skipped: u64,
    pub kept: u64,
    pub ambiguous: u64,
    #[serde(default)]
    pub lost: u64,
    pub bytes: u64,
    /// The first keys of which nobody can tell what they were.
    pub ambiguous_keys: Vec<String>,
    /// The first keys whose versions are gone.
    #[serde(default)]
    pub lost_keys: Vec<String>,
}

/// As many keys are named.
const NAMED: usize = 10;

impl Sums {
    /// Counts what is done, or needs no doing.
    pub fn add(&mut self, key: &str, action: &Action) {
        match action {
            Action::Leave | Action::Compare(_) => self.skipped += 1,
            Action::Keep => self.kept += 1,
            Action::Ambiguous => {
                self.ambiguous += 1;
                name(&mut self.ambiguous_keys, key);
            }
            Action::Lost => {
                self.lost += 1;
                name(&mut self.lost_keys, key);
            }
            Action::Undelete { size, .. } => self.add_done(What::Undelete, *size),
            Action::Copy(source) => self.add_done(What::Copy, source.content.size),
            Action::Delete => self.add_done(What::Delete, 0),
        }
    }

    /// What was taken for the same was not, and is copied.
    pub fn are_copied_after_all(&mut self, keys: u64) {
        self.skipped -= keys;
        self.copied += keys;
    }

    pub fn add_done(&mut self, what: What, size: u64) {
        *match what {
            What::Copy => &mut self.copied,
            What::Undelete => &mut self.undeleted,
            What::Delete => &mut self.deleted,
        } += 1;
        self.bytes += size;
    }

    pub fn keys(&self) -> u64 {
        self.copied + self.undeleted + self.deleted + self.skipped + self.kept + self.ambiguous + self.lost
    }

    pub fn outputs(&self, as_of: &str) -> Outputs {
        let numbers = [
            ("copied", self.copied),
            ("undeleted", self.undeleted),
            ("deleted", self.deleted),
            ("skipped", self.skipped),
            ("kept", self.kept),
            ("ambiguous", self.ambiguous),
            ("lost", self.lost),
            ("bytes", self.bytes),
        ];
        let numbers = numbers.into_iter().map(|(name, number)| (name.to_owned(), json!(number)));
        let more = [
            ("ambiguous_keys", json!(self.ambiguous_keys)),
            ("lost_keys", json!(self.lost_keys)),
            ("restored_to", Value::from(as_of)),
        ];
        numbers.chain(more.map(|(name, value)| (name.to_owned(), value))).collect()
    }
}

fn name(named: &mut Vec<String>, key: &str) {
    if named.len() < NAMED {
        named.push(key.to_owned());
    }
}

/// Counts what another page counted.
impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.copied += other.copied;
        self.undeleted += other.undeleted;
        self.deleted += other.deleted;
        self.skipped += other.skipped;
        self.kept += other.kept;
        self.ambiguous += other.ambiguous;
        self.lost += other.lost;
        self.bytes += other.bytes;
        self.ambiguous_keys.extend(other.ambiguous_keys);
        self.ambiguous_keys.truncate(NAMED);
        self.lost_keys.extend(other.lost_keys);
        self.lost_keys.truncate(NAMED);
    }
}

impl Begun {
    /// None for what calls nobody.
    pub fn of(history: &History, action: &Action) -> Option<Self> {
        let (what, size) = match action {
            Action::Copy(source) | Action::Compare(source) => (What::Copy, source.content.size),
            Action::Undelete { size, .. } => (What::Undelete, *size),
            Action::Delete => (What::Delete, 0),
            Action::Leave | Action::Keep | Action::Ambiguous | Action::Lost => return None,
        };
        Some(Self { latest: latest(history), what, size })
    }

    /// Whether what is there may be its copy.
    pub fn is_copied(&self, history: &History) -> bool {
        self.what == What::Copy && self.has_moved(history)
    }

    fn has_moved(&self, history: &History) -> bool {
        latest(history) != self.latest
    }

    /// Whether it is done by now, as the history of its key tells: what, and how large. A copy whose ETag tells
    /// nothing is looked at before it is made again.
    pub fn is_done(&self, history: &History, action: &Action) -> Option<(What, u64)> {
        let moved_on = self.has_moved(history);
        let is_done = match self.what {
            What::Copy => moved_on && is_as_it_was(history),
            What::Undelete | What::Delete => moved_on && *action == Action::Leave,
        };
        is_done.then_some((self.what, self.size))
    }
}

fn is_as_it_was(history: &History) -> bool {
    let there = content(&history.now).zip(content(&history.then));
    there.is_some_and(|(there, then)| there.size == then.size && there.etag == then.etag)
}

fn latest(history: &History) -> String {
    history.now.as_ref().map(|now| now.id.clone()).unwrap_or_default()
}
