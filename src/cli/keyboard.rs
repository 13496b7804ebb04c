//! A line from who sits at the terminal, without being deaf meanwhile: a question that something else has answered is given up.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often it is looked whether the question still stands.
const PACE: Timespec = Timespec { tv_sec: 0, tv_nsec: 250_000_000 };

/// What came of a question.
#[derive(Debug, PartialEq, Eq)]
pub enum Typed {
    Line(String),
    /// What was asked about has changed.
    Stale,
    /// Ctrl-C, Ctrl-D, or the terminal is gone.
    Left,
}

/// Reads lines from stdin while it lives; Ctrl-C and its relatives end a question and not the program.
pub struct Keyboard {
    runtime: Option<Runtime>,
    interrupted: Arc<AtomicBool>,
}

impl Keyboard {
    pub fn open() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let interrupted = Arc::new(AtomicBool::new(false));
        let inside = runtime.enter();
        for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
            runtime.spawn(note(signal(kind)?, interrupted.clone()));
        }
        drop(inside);
        Ok(Self { runtime: Some(runtime), interrupted })
    }

    /// The next line, unless `is_stale` says that the question is not worth an answer any more.
    pub fn line(&self, is_stale: impl Fn() -> bool) -> io::Result<Typed> {
        let stdin = io::stdin();
        loop {
            if self.interrupted.swap(false, Ordering::SeqCst) {
                return Ok(Typed::Left);
            }
            if is_stale() {
                return Ok(Typed::Stale);
            }
            let mut fds = [PollFd::new(&stdin, PollFlags::IN)];
            match poll(&mut fds, Some(&PACE)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return read_line(stdin.as_fd()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

async fn note(mut signal: Signal, interrupted: Arc<AtomicBool>) {
    while signal.recv().await.is_some() {
        interrupted.store(true, Ordering::SeqCst);
    }
}

/// A terminal gives whole lines. Nothing is read ahead: the next question has the next line to itself.
fn read_line(stdin: impl AsFd) -> io::Result<Typed> {
    let mut bytes = [0; 4096];
    match rustix::io::read(stdin, &mut bytes) {
        Ok(0) | Err(rustix::io::Errno::IO) => Ok(Typed::Left),
        Ok(count) => Ok(Typed::Line(String::from_utf8_lossy(&bytes[..count]).trim().to_string())),
        Err(error) => Err(error.into()),
    }
}
