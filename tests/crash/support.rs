//! A folder with one runbook and a state of its own, and the real binary on it.

use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

pub const REGROW: &str = env!("CARGO_BIN_EXE_regrow");
/// Longer than anything here may take, so that a hang is a failure with a place.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Place {
    dir: TempDir,
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    fn of(status: ExitStatus, stdout: &[u8], stderr: &[u8]) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { code: status.code(), signal: status.signal(), stdout: text(stdout), stderr: text(stderr) }
    }

    pub fn from(output: Output) -> Self {
        Self::of(output.status, &output.stdout, &output.stderr)
    }

    /// Fails with everything that was said unless it ended with `code`.
    #[track_caller]
    pub fn ends(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code, wanted {code}\n{self:#?}");
        self
    }
}

impl Place {
    pub fn new(runbook: &str) -> Self {
        let place = Self { dir: tempfile::Builder::new().prefix("regrow-crash-").tempdir().unwrap() };
        place.write("book.yaml", &format!("version: 1\nname: book\nseverity: partial\n{runbook}"));
        place
    }

    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// `program` with an environment that is the same everywhere.
    pub fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(self.dir.path()).stdin(Stdio::null());
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.dir.path());
        command.env("REGROW_STATE", self.path("state"));
        command
    }

    pub fn regrow(&self, line: &str) -> Said {
        self.argv(&line.split_whitespace().collect::<Vec<_>>())
    }

    pub fn argv(&self, args: &[&str]) -> Said {
        finish(self.command(REGROW, args))
    }

    /// Starts `regrow LINE`, killed if it is dropped before its end.
    pub fn start(&self, line: &str) -> Running {
        Running::of(self.command(REGROW, &line.split_whitespace().collect::<Vec<_>>()))
    }

    /// A new run `r1` of the runbook.
    pub fn run(&self, more: &str) -> Said {
        self.regrow(&format!("run book.yaml --yes --run-id run1 {more}"))
    }

    pub fn start_run(&self, more: &str) -> Running {
        self.start(&format!("run book.yaml --yes --run-id run1 {more}"))
    }

    /// The lines of `effects`, sorted: steps that run side by side write in any order.
    pub fn effects(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.read("effects").lines().map(str::to_string).collect();
        lines.sort();
        lines
    }

    pub fn status(&self) -> Value {
        let said = self.regrow("status --json").ends(0);
        serde_json::from_str(&said.stdout).unwrap()
    }

    pub fn state(&self) -> String {
        self.status()["state"].as_str().unwrap_or_default().to_string()
    }

    pub fn step(&self, id: &str) -> Value {
        let status = self.status();
        let steps = status["steps"].as_array().unwrap();
        steps.iter().find(|step| step["id"] == id).unwrap_or_else(|| panic!("no step {id} in {status:#}")).clone()
    }

    pub fn step_state(&self, id: &str) -> String {
        self.step(id)["state"].as_str().unwrap_or_default().to_string()
    }

    pub fn run_dir(&self) -> PathBuf {
        self.path("state/runs/run1")
    }

    #[track_caller]
    pub fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "waited in vain until {what}");
            thread::sleep(Duration::from_millis(15));
        }
    }

    #[track_caller]
    pub fn until_effects(&self, count: usize) {
        self.until(&format!("{count} effects are there"), |place| place.effects().len() >= count);
    }

    #[track_caller]
    pub fn until_step(&self, id: &str, state: &str) {
        self.until(&format!("`{id}` is {state}"), |place| {
            place.run_dir().join("journal.000001").exists() && place.step_state(id) == state
        });
    }
}

/// Runs to its end.
pub fn finish(mut command: Command) -> Said {
    let output = command.output().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    Said::of(output.status, &output.stdout, &output.stderr)
}

pub struct Running {
    child: Child,
    readers: Option<[thread::JoinHandle<Vec<u8>>; 2]>,
}

impl Running {
    pub fn of(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let all = |pipe: &mut dyn Read| {
            let mut bytes = Vec::new();
            pipe.read_to_end(&mut bytes).unwrap();
            bytes
        };
        let readers = [thread::spawn(move || all(&mut out)), thread::spawn(move || all(&mut err))];
        Self { child, readers: Some(readers) }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    #[track_caller]
    pub fn end(mut self) -> Said {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end");
            thread::sleep(Duration::from_millis(10));
        };
        let [out, err] = self.readers.take().unwrap().map(|reader| reader.join().unwrap());
        Said::of(status, &out, &err)
    }

    /// As a power cut takes it: with its supervisors and their commands, none of which sees another die.
    pub fn cut_power(self) -> Said {
        let mut all = vec![self.pid()];
        let mut at = 0;
        while at < all.len() {
            send(all[at], Signal::STOP);
            all.extend(children(all[at]));
            at += 1;
        }
        all.iter().for_each(|pid| send(*pid, Signal::KILL));
        self.end()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

/// Of all its threads.
pub fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let of = |path: PathBuf| fs::read_to_string(path.join("children")).unwrap_or_default();
    let all: String = threads.filter_map(|thread| Some(of(thread.ok()?.path()))).collect();
    all.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

pub fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Every file below `folder` that holds `text`.
pub fn holding(folder: &Path, text: &str, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            holding(&path, text, found);
        } else if fs::read(&path).unwrap_or_default().windows(text.len()).any(|part| part == text.as_bytes()) {
            found.push(path.display().to_string());
        }
    }
}
