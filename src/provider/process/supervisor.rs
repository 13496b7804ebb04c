//! The supervisor's own process: entered before any runtime or argument parser starts.
//!
//! It gets jobs and their locked files by the socket that is its stdin, see [`super::pool`]. For each it writes the mark, runs
//! the command, writes the result, and lets the lock go. It makes no sync.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::child::{self, Sink};
use super::files::{self, JobFiles};
use super::job::{Ended, Job, Outcome, Program, Sealing};
use super::log::{Log, Stream};
use super::pool;
use crate::journal::disk::{is_full, private};
use crate::kind::Next;
use crate::model::secret::Secret;
use crate::model::{Fault, Pulse, RetryClass};
use crate::provider::mask::Masker;
use crate::provider::seal::Seal;

/// The name under which all that a command wrote to `REGROW_OUTPUT` is sealed; no output has it.
const WRITTEN: &str = "";
/// How often it is tried again to write a result to a full disk.
const NO_ROOM_YET: Duration = Duration::from_millis(500);

/// One line that a kind's own work prints for the supervisor.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkLine {
    Pulse(Pulse),
    Ended(Box<Result<Next, Fault>>),
}

/// Does one job after the other, as long as the executor lives. Returns an exit code that nobody reads.
pub fn main() -> i32 {
    // The terminal's signals are for the executor. Fails only where this is a session of its own already.
    let _ = rustix::process::setsid();
    let Ok(socket) = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return 1 };
    loop {
        match pool::receive(&socket) {
            Ok(Some((job, file))) => {
                if serve(&job, &file).is_err() {
                    return 1;
                }
                // Before the lock goes: who waits for the lock finds this supervisor free.
                pool::say_free(&socket);
            }
            Ok(None) => return 0,
            // The executor died while it wrote: nothing began, and the missing mark says so.
            Err(_) => return 1,
        }
    }
}

/// Leaves the mark and the result of one job in its file.
fn serve(job: &[u8], file: &File) -> io::Result<()> {
    let job: Job = serde_json::from_slice(job)?;
    file.write_all_at(files::begun(), 0)?;
    let outcome = supervise(&job).unwrap_or_else(|error| Outcome::of(Ended::NotStarted(unstarted(&job, &error))));
    let (at, result) = (files::begun().len() as u64, files::encode(&outcome));
    // One longer than the room that was kept waits until somebody makes room: what was done is not forgotten.
    while let Err(error) = file.write_all_at(&result, at) {
        if !is_full(&error) {
            return Err(error);
        }
        std::thread::sleep(NO_ROOM_YET);
    }
    // Gives back what was kept and not used.
    file.set_len(at + result.len() as u64)
}

/// A system's word names neither what was to be started nor the folder in which it was.
fn unstarted(job: &Job, error: &io::Error) -> String {
    match &job.program {
        _ if !job.dir.is_dir() => format!("its folder `{}` is not there", job.dir.display()),
        Program::Command(argv) => format!("`{}`: {error}", argv.first().map_or("", String::as_str)),
        Program::Work(_) => error.to_string(),
    }
}

fn supervise(job: &Job) -> io::Result<Outcome> {
    let secrets: Vec<Secret> = job.secrets.iter().map(Secret::new).collect();
    let masker = Masker::new(&secrets);
    let files = JobFiles::at(job.files.clone());
    let mut running = child::spawn(job)?;
    let log = Log::new(files.log());
    match &job.program {
        Program::Command(_) => {
            let mut sink = Printed { log, stdout: Stream::new(masker.stream()), stderr: Stream::new(masker.stream()) };
            let ended = running.attend(&mut sink)?;
            let tail = sink.finish();
            let output = running.output();
            if let Some(sealed) = sealed(job, &output)? {
                // The end of stderr is for the fault of a failure; here it may hold what nobody knows yet to be secret.
                let tail = if ended == Ended::Exit(0) { String::new() } else { tail };
                return Ok(Outcome { tail, sealed: Some(sealed), ..Outcome::of(ended) });
            }
            let leaked = masker.finds(&output);
            let output = masker.mask(&String::from_utf8_lossy(&output));
            Ok(Outcome { output, leaked, tail, ..Outcome::of(ended) })
        }
        Program::Work(_) => {
            let stderr = Stream::new(masker.stream());
            let mut sink =
                Worked { log, stderr, line: Vec::new(), result: None, pulse: None, files: &files, masker: &masker };
            let ended = running.attend(&mut sink)?;
            Ok(sink.finish(ended))
        }
    }
}

/// What a command put out, where it may not lie in the result as it is.
fn sealed(job: &Job, output: &[u8]) -> io::Result<Option<Value>> {
    let Some(Sealing { run, step, key }) = &job.seal else { return Ok(None) };
    let text = Value::String(String::from_utf8_lossy(output).into_owned());
    match Seal::exposed(run, key).map(|seal| seal.close(step, WRITTEN, &text)) {
        Some(Ok(sealed)) => Ok(Some(sealed)),
        Some(Err(fault)) => Err(io::Error::other(fault.to_string())),
        None => Err(io::Error::other("the key for what is secret cannot be read")),
    }
}

/// Output of somebody else's command: everything goes to the log.
struct Printed<'a> {
    log: Log,
    stdout: Stream<'a>,
    stderr: Stream<'a>,
}

impl Sink for Printed<'_> {
    fn stdout(&mut self, chunk: &[u8]) {
        self.stdout.push(chunk, &mut self.log);
    }

    fn stderr(&mut self, chunk: &[u8]) {
        self.stderr.push(chunk, &mut self.log);
    }
}

impl Printed<'_> {
    fn finish(&mut self) -> String {
        self.stdout.finish(&mut self.log);
        self.stderr.finish(&mut self.log);
        self.stderr.tail()
    }
}

/// Output of a kind's own work: pulses and the result on stdout, words for the log on stderr.
struct Worked<'a> {
    log: Log,
    stderr: Stream<'a>,
    line: Vec<u8>,
    result: Option<Result<Next, Fault>>,
    pulse: Option<File>,
    files: &'a JobFiles,
    masker: &'a Masker,
}

impl Sink for Worked<'_> {
    fn stdout(&mut self, chunk: &[u8]) {
        self.line.extend_from_slice(chunk);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            match serde_json::from_slice(&line) {
                Ok(WorkLine::Pulse(pulse)) => self.keep(&self.masker.masked(pulse)),
                Ok(WorkLine::Ended(result)) => self.result = Some(*result),
                Err(_) => {}
            }
        }
    }

    fn stderr(&mut self, chunk: &[u8]) {
        self.stderr.push(chunk, &mut self.log);
    }
}

impl Worked<'_> {
    /// Keeps the latest pulse where any process can read it, padded so that a shorter one covers a longer one.
    fn keep(&mut self, pulse: &Pulse) {
        if self.pulse.is_none() {
            self.pulse = private().create(true).truncate(true).write(true).open(self.files.pulse()).ok();
        }
        let Ok(text) = serde_json::to_string(pulse) else { return };
        if let Some(file) = &self.pulse {
            let _ = file.write_all_at(format!("{text:<512}").as_bytes(), 0);
        }
    }

    fn finish(mut self, ended: Ended) -> Outcome {
        self.stderr.finish(&mut self.log);
        let tail = self.stderr.tail();
        let died = || {
            let fault = Fault::new("RG2003", format!("the work {ended} before it could say how it went"));
            Err(fault.retry(RetryClass::Unknown))
        };
        let result = self.masker.masked(self.result.take().unwrap_or_else(died));
        Outcome { tail, work: Some(result), ..Outcome::of(ended) }
    }
}
