//! SIGINT, SIGTERM and SIGHUP end the rig in order: what was begun is dropped, and dropping stops and removes.

use std::future::Future;

use anyhow::Result;
use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind};

/// From its creation on, these signals no longer kill the process.
pub struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
    hang_up: unix::Signal,
}

impl Signals {
    pub fn listen() -> Result<Signals> {
        Ok(Signals {
            interrupt: unix::signal(SignalKind::interrupt())?,
            terminate: unix::signal(SignalKind::terminate())?,
            hang_up: unix::signal(SignalKind::hangup())?,
        })
    }

    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
        }
    }
}

/// Runs it to its end, or to the first signal; then it is dropped and the exit code names the signal.
pub async fn unless_stopped(work: impl Future<Output = Result<u8>>) -> Result<u8> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        result = work => result,
        signal = signals.next() => {
            eprintln!("rig: stopping and cleaning up");
            Ok(code(signal))
        }
    }
}

/// 128 and the number, as a shell says it.
pub fn code(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX)
}

/// Whether a Ctrl-C at the terminal reaches our children by itself: the terminal sends it to the whole foreground group.
/// Sending it once more would be the second Ctrl-C, which means something else to many programs.
pub fn comes_from_terminal() -> bool {
    let Ok(terminal) = std::fs::File::open("/dev/tty") else {
        return false;
    };
    rustix::termios::tcgetpgrp(&terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}
