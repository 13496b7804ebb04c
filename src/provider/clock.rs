//! The machine's clocks.

use std::sync::OnceLock;

use jiff::Timestamp;
use rustix::time::{ClockId, clock_gettime};

use crate::model::time::{Clock, Moment};

/// Which boot of the machine this is, short.
pub fn boot() -> &'static str {
    static BOOT: OnceLock<String> = OnceLock::new();
    BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.trim().replace('-', "").chars().take(12).collect()
    })
}

pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Moment {
        // BOOTTIME goes on while a laptop sleeps; MONOTONIC would not.
        let mono = clock_gettime(ClockId::Boottime);
        let millis = mono.tv_sec.unsigned_abs() * 1000 + mono.tv_nsec.unsigned_abs() / 1_000_000;
        Moment { at: Timestamp::now(), mono: millis, boot: boot().to_string() }
    }
}
