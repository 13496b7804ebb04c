//! What was promised: how long a recovery may take, and how much may be lost.

use std::time::Duration;

use indexmap::IndexMap;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Longest time to recover.
    pub rto: Option<Duration>,
    /// Longest stretch of data that may be lost.
    pub rpo: Rpo,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Rpo {
    #[default]
    Unsaid,
    All(Duration),
    ByStore(IndexMap<String, Duration>),
}

impl Rpo {
    /// Of a store, or of the step that reads it: `database/copy` is meant by that, or by `database`.
    pub fn of(&self, store: &str) -> Option<Duration> {
        match self {
            Self::Unsaid => None,
            Self::All(rpo) => Some(*rpo),
            Self::ByStore(stores) => {
                let first = store.split('/').next().unwrap_or_default();
                stores.get(store).or_else(|| stores.get(first)).copied()
            }
        }
    }
}
