//! A runbook, a state folder and the real program, all in one temporary folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use regrow::journal::{Folder, recover};
use regrow::model::{Address, RunState, Status};

pub const REGROW: &str = env!("CARGO_BIN_EXE_regrow");
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// `steps` is the runbook from its steps on; `EFFECTS` in it is the file that steps append to, `HERE` its folder.
    pub fn new(steps: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let here = folder.path().display().to_string();
        let steps = steps.replace("EFFECTS", &format!("{here}/effects")).replace("HERE", &here);
        let text = format!("version: 1\nname: crash\nseverity: partial\nsteps:{steps}");
        fs::write(folder.path().join("book.yaml"), text).expect("a runbook");
        Self { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state_folder(&self) -> PathBuf {
        self.path("state")
    }

    pub fn run_folder(&self) -> PathBuf {
        self.state_folder().join("runs/k1")
    }

    pub fn start_args(&self) -> Vec<String> {
        let book = self.path("book.yaml").display().to_string();
        let state = self.state_folder().display().to_string();
        ["--state", &state, "run", &book, "--run-id", "k1", "--yes"].map(str::to_string).to_vec()
    }

    /// The program with `args`, on this state.
    pub fn regrow(&self, args: &[&str]) -> Output {
        let mut command = Command::new(REGROW);
        command.arg("--state").arg(self.state_folder()).args(args).stdin(Stdio::null());
        command.output().expect("regrow starts")
    }

    pub fn code(&self, args: &[&str]) -> i32 {
        let output = self.regrow(args);
        output.status.code().unwrap_or_else(|| panic!("{args:?}: {output:?}"))
    }

    /// `args` must end with `code`.
    #[track_caller]
    pub fn expect(&self, code: i32, args: &[&str]) {
        let output = self.regrow(args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    }

    /// Starts the run and does not wait for it.
    pub fn start(&self, more: &[&str]) -> Executor {
        let mut command = Command::new(REGROW);
        command.args(self.start_args()).args(more);
        Executor(quiet(command))
    }

    pub fn start_resume(&self) -> Executor {
        let mut command = Command::new(REGROW);
        command.arg("--state").arg(self.state_folder()).args(["resume", "k1"]);
        Executor(quiet(command))
    }

    /// The run as its journal tells it.
    pub fn state(&self) -> Option<RunState> {
        recover(&Folder::new(self.run_folder())).ok().map(|recovered| recovered.state)
    }

    pub fn status(&self, step: &str) -> Status {
        self.state().map_or(Status::Pending, |state| state.status(&Address::top(step)))
    }

    /// Waits until `step` stands at `status`.
    #[track_caller]
    pub fn until(&self, step: &str, status: Status) {
        until(&format!("`{step}` is {}", status.word()), || self.status(step) == status);
    }

    #[track_caller]
    pub fn asked_code(&self, step: &str) -> String {
        self.until(step, Status::Waiting);
        let state = self.state().expect("a journal");
        state.step(&Address::top(step)).ask.as_ref().expect("it asks").ask.code.clone()
    }

    /// What the steps did, in any order.
    pub fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path("effects")).unwrap_or_default();
        let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
        lines.sort();
        lines
    }
}

pub struct Executor(Child);

impl Executor {
    pub fn pid(&self) -> u32 {
        self.0.id()
    }

    pub fn is_running(&mut self) -> bool {
        self.0.try_wait().expect("a child of ours").is_none()
    }

    pub fn kill(&mut self) {
        self.0.kill().expect("a child of ours");
        self.0.wait().expect("a child of ours");
    }

    #[track_caller]
    pub fn code(&mut self) -> i32 {
        until("the executor leaves", || !self.is_running());
        self.0.wait().expect("a child of ours").code().unwrap_or(-1)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn quiet(mut command: Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("regrow starts")
}

#[track_caller]
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "within a minute: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes whose environment holds `entry`.
pub fn carrying(entry: &str) -> Vec<u32> {
    let carries = |pid: &u32| {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        environ.split(|byte| *byte == 0).any(|found| found == entry.as_bytes())
    };
    let entries = fs::read_dir("/proc").expect("/proc");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).filter(carries).collect()
}

pub fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let behind = stat.rsplit(')').next().unwrap_or_default();
    behind.split_whitespace().nth(1).and_then(|field| field.parse().ok()).unwrap_or(0)
}

/// Ends one process that a test started.
pub fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).stderr(Stdio::null()).status();
}
