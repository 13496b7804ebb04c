//! What is copied, and how whoever goes on knows that it was.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::pairs::Pair;
use crate::kind::Outputs;
use crate::provider::s3::Course;

/// On disk beside the run's other files; by the names of objects.
pub type Progress = Course<Sums, Begun>;

/// What was about to be copied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Begun {
    /// The ETag of what stood there before.
    before: Option<String>,
    pub size: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    pub copied: u64,
    /// Of those that were copied.
    pub overwritten: u64,
    pub skipped: u64,
    pub bytes: u64,
}

impl Sums {
    pub fn add(&mut self, begun: &Begun) {
        self.copied += 1;
        self.overwritten += u64::from(begun.before.is_some());
        self.bytes += begun.size;
    }

    pub fn keys(&self) -> u64 {
        self.copied + self.skipped
    }

    pub fn outputs(&self) -> Outputs {
        let numbers = [
            ("copied", self.copied),
            ("overwritten", self.overwritten),
            ("skipped", self.skipped),
            ("bytes", self.bytes),
        ];
        numbers.into_iter().map(|(name, number)| (name.to_owned(), json!(number))).collect()
    }
}

/// Counts what another page counted.
impl AddAssign for Sums {
    fn add_assign(&mut self, other: Self) {
        self.copied += other.copied;
        self.overwritten += other.overwritten;
        self.skipped += other.skipped;
        self.bytes += other.bytes;
    }
}

impl Begun {
    pub fn of(pair: &Pair) -> Self {
        let before = pair.target.as_ref().map(|there| there.content.etag.clone());
        Self { before, size: pair.source.content.size }
    }

    /// Whether what stands there now, with that ETag and size, is the copy.
    pub fn is_made(&self, etag: &str, size: u64) -> bool {
        self.size == size && !self.stands(etag)
    }

    /// Whether that is what stood there before.
    pub fn stands(&self, etag: &str) -> bool {
        self.before.as_deref() == Some(etag)
    }
}
