//! The supervised command itself: started in a process group of its own, read until it ends, ended when its time is up.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, test_kill_process_group};

use super::WORK;
use super::job::{Ended, Job, Program};
use super::written::Written;

/// How long a command has after INT, and again after TERM.
const GRACE: Duration = Duration::from_secs(5);

pub struct Running {
    child: Child,
    pidfd: OwnedFd,
    output: Written,
    deadline: Option<Instant>,
    /// Signals that are still to be tried when the deadline passes.
    signals: Vec<Signal>,
    timed_out: bool,
}

/// Takes what a command prints.
pub trait Sink {
    fn stdout(&mut self, chunk: &[u8]);
    fn stderr(&mut self, chunk: &[u8]);
}

pub fn spawn(job: &Job) -> io::Result<Running> {
    let output = Written::new()?;
    let mut command = match &job.program {
        Program::Command(argv) => {
            let program = argv.first().ok_or_else(|| io::Error::other("the command is empty"))?;
            let mut command = Command::new(program);
            command.args(&argv[1..]);
            command
        }
        Program::Work(_) => {
            let mut command = Command::new("/proc/self/exe");
            command.arg(WORK);
            command
        }
    };
    command.env_clear().envs(job.env.iter().map(|(name, value)| (name, value)));
    if let Program::Command(_) = job.program {
        command.envs([output.variable()]);
    }
    let stdin = stdin_of(job)?;
    let piped = if stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    command.current_dir(&job.dir).process_group(0).stdin(piped).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
        // In a thread of its own: the command may print before it has read everything.
        std::thread::spawn(move || pipe.write_all(text.as_bytes()));
    }
    let pid = Pid::from_child(&child);
    Ok(Running {
        pidfd: pidfd_open(pid, PidfdFlags::empty())?,
        child,
        output,
        deadline: job.timeout_ms.map(|ms| Instant::now() + Duration::from_millis(ms)),
        signals: vec![Signal::KILL, Signal::TERM, Signal::INT],
        timed_out: false,
    })
}

fn stdin_of(job: &Job) -> io::Result<Option<String>> {
    match &job.program {
        Program::Command(_) => Ok(job.stdin.clone()),
        Program::Work(request) => Ok(Some(serde_json::to_string(&(request, &job.secrets))?)),
    }
}

impl Running {
    /// Hands on what the command prints until it has ended. What it left in the background is not waited for.
    pub fn attend(&mut self, sink: &mut dyn Sink) -> io::Result<Ended> {
        let mut pipes = [self.child.stdout.take().map(OwnedFd::from), self.child.stderr.take().map(OwnedFd::from)];
        let mut buffer = vec![0; 64 * 1024];
        while !self.wait_for_any(&pipes)? {
            for (index, pipe) in pipes.iter_mut().enumerate() {
                read_once(pipe, &mut buffer, index, sink)?;
            }
        }
        let status = self.child.wait()?;
        if self.timed_out {
            self.end_group();
        }
        for (index, pipe) in pipes.iter_mut().enumerate() {
            while has_bytes(pipe.as_ref())? && read_once(pipe, &mut buffer, index, sink)? {}
        }
        Ok(self.ended(status))
    }

    /// Everything written to `REGROW_OUTPUT`.
    pub fn output(self) -> Vec<u8> {
        self.output.read()
    }

    /// Waits for output, the end, or the deadline. True once the command has ended.
    fn wait_for_any(&mut self, pipes: &[Option<OwnedFd>; 2]) -> io::Result<bool> {
        let mut polled = vec![PollFd::new(&self.pidfd, PollFlags::IN)];
        polled.extend(pipes.iter().flatten().map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut polled, timeout.as_ref()) {
            Ok(0) => {
                self.time_is_up();
                Ok(false)
            }
            Ok(_) => Ok(polled[0].revents().contains(PollFlags::IN)),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn time_is_up(&mut self) {
        self.timed_out = true;
        if let Some(signal) = self.signals.pop() {
            let _ = kill_process_group(Pid::from_child(&self.child), signal);
        }
        self.deadline = (!self.signals.is_empty()).then(|| Instant::now() + GRACE);
    }

    /// Time is up for everything it started too: a shell's background jobs ignore INT and outlive their shell.
    fn end_group(&mut self) {
        let group = Pid::from_child(&self.child);
        for signal in [Signal::TERM, Signal::KILL] {
            if kill_process_group(group, signal).is_err() {
                return;
            }
            let until = Instant::now() + GRACE;
            while Instant::now() < until && test_kill_process_group(group).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        match (self.timed_out, status.code(), status.signal()) {
            (true, ..) => Ended::TimedOut,
            (false, Some(code), _) => Ended::Exit(code),
            (false, None, signal) => Ended::Signal(signal.unwrap_or(0)),
        }
    }
}

/// Reads once from a pipe that has something; closes it at its end. True if there may be more.
fn read_once(pipe: &mut Option<OwnedFd>, buffer: &mut [u8], index: usize, sink: &mut dyn Sink) -> io::Result<bool> {
    if !has_bytes(pipe.as_ref())? {
        return Ok(pipe.is_some());
    }
    let Some(open) = pipe else { return Ok(false) };
    match rustix::io::read(open.as_fd(), &mut *buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(false)
        }
        Ok(read) if index == 0 => {
            sink.stdout(&buffer[..read]);
            Ok(true)
        }
        Ok(read) => {
            sink.stderr(&buffer[..read]);
            Ok(true)
        }
        Err(rustix::io::Errno::INTR) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

fn has_bytes(pipe: Option<&OwnedFd>) -> io::Result<bool> {
    let Some(pipe) = pipe else { return Ok(false) };
    let mut polled = [PollFd::new(pipe, PollFlags::IN)];
    Ok(poll(&mut polled, Some(&Timespec::default()))? > 0)
}
