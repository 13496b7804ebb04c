//! Memory behind `REGROW_OUTPUT`: outputs may be secret, so they never lie in a file.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsRawFd;

/// What a command writes to `REGROW_OUTPUT`.
pub struct Written(File);

impl Written {
    pub fn new() -> io::Result<Self> {
        Ok(Self(rustix::fs::memfd_create("output", rustix::fs::MemfdFlags::CLOEXEC)?.into()))
    }

    /// Name and value for the command's environment. Whoever writes opens it anew: each `>` and `>>` of a shell has its own
    /// place in it.
    pub fn variable(&self) -> (&'static str, String) {
        ("REGROW_OUTPUT", format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()))
    }

    /// Everything that was written.
    pub fn read(mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.0.rewind().is_ok() {
            let _ = self.0.read_to_end(&mut bytes);
        }
        bytes
    }
}
