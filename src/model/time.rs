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
    /// How long after `earlier` this is: by the monotonic clock where both belong to one boot. Else by the wall clock, which
    /// may have been set back: never below the time since the machine started, for `earlier` lies before that.
    pub fn since(&self, earlier: &Moment) -> u64 {
        if self.boot == earlier.boot {
            return self.mono.saturating_sub(earlier.mono);
        }
        u64::try_from(self.at.duration_since(earlier.at).as_millis()).unwrap_or(0).max(self.mono)
    }
}

/// `2026-11-22 14:05:00Z`: always UTC, so that two people on a call read the same.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

/// How long, in two units: `340ms`, `4.2s`, `42s`, `3m12s`, `1h05m`, `2d03h`.
pub fn span(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0 => format!("{millis}ms"),
        1..=9 => format!("{seconds}.{}s", millis % 1000 / 100),
        10..=59 => format!("{seconds}s"),
        60..=3599 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..=86_399 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

pub trait Clock: Send + Sync {
    fn now(&self) -> Moment;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_over_a_reboot_does_not_make_time_stand_still() {
        let before = Moment { at: "2026-11-24T10:00:00Z".parse().unwrap(), mono: 90_000, boot: "one".into() };
        let after = Moment { at: "2026-11-24T09:00:00Z".parse().unwrap(), mono: 7_000, boot: "two".into() };
        assert_eq!(after.since(&before), 7_000);
        assert_eq!(Moment { at: before.at, mono: 95_000, boot: "one".into() }.since(&before), 5_000);
    }
}
