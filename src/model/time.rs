//! Time as a run knows it: the wall clock is shown, the monotonic one measures.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One reading of both clocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    pub at: Timestamp,
    /// Milliseconds on the monotonic clock of `boot`.
    pub mono: u64,
    /// Which boot of the machine `mono` belongs to.
    pub boot: String,
}

impl Moment {
    /// How long after `earlier` this is: by the monotonic clock where both belong to one boot, else by the wall clock,
    /// never below zero.
    pub fn since(&self, earlier: &Moment) -> u64 {
        if self.boot == earlier.boot {
            return self.mono.saturating_sub(earlier.mono);
        }
        u64::try_from(self.at.duration_since(earlier.at).as_millis()).unwrap_or(0)
    }
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Moment;
}
