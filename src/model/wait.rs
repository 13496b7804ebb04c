//! What a step waits for that neither people nor other steps bring: its time.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::time::stamp;

/// Its time has not come. Worked out from the runbook and from times that are recorded, never from when somebody looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    pub until: Timestamp,
    /// The window that opens then, as it is written; absent where `not_before` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
}

/// `until 2026-11-27 22:00:00Z, when its window opens (22:00 to 05:00 Europe/Berlin)`.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "until {}", stamp(self.until))?;
        match &self.window {
            Some(window) => write!(f, ", when its window opens ({window})"),
            None => f.write_str(", as its `not_before` says"),
        }
    }
}
