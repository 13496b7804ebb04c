//! Exit codes, those of the rig and those of a command it ran.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

pub const DONE: u8 = 0;
pub const FAILED: u8 = 1;
/// Nothing was started: usage, or a program is missing.
pub const NOT_STARTED: u8 = 2;
/// As a shell says it: found but not to be run, and not found.
pub const NOT_EXECUTABLE: u8 = 126;
pub const NOT_FOUND: u8 = 127;

/// As a shell would: the code, or 128 and the signal.
pub fn of(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(FAILED)
}
