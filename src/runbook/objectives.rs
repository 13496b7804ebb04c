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
