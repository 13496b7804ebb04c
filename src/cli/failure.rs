//! The one printer of errors.
//!
//! A [`Failure`] goes to stderr, so that stdout stays data: for people as `error`, causes and hint, with `--json` as one
//! object `{"error": {"code", "message", "hint", "causes"}}`.

use std::error::Error;
use std::io::{self, Write};

use serde_json::json;

use super::exit;
use crate::engine::executor::ExecuteError;
use crate::journal::JournalError;
use crate::model::Fault;
use crate::model::answer::Refusal;
use crate::model::fault::add_causes;
use crate::view::clean;

/// There is no such step.
pub const NO_STEP: &str = "RG8001";
/// The output cannot be written.
pub const OUTPUT: &str = "RG8002";
/// The runbook is not what the run took.
pub const EDITED: &str = "RG8003";
/// A run with this id exists, and is another one.
pub const TAKEN: &str = "RG8004";
/// There is no run that is meant.
pub const NO_RUN: &str = "RG8005";
/// Several runs could be meant.
pub const SEVERAL_RUNS: &str = "RG8006";
/// A file or folder cannot be used.
pub const FILES: &str = "RG8007";
/// Something on the command line cannot be understood.
pub const ARGUMENT: &str = "RG8008";
/// Nobody said that it is meant.
pub const NOT_MEANT: &str = "RG8009";
/// The run has ended.
pub const ENDED: &str = "RG8010";
/// The runbook cannot be run.
pub const UNFIT: &str = "RG8011";
/// Secrets are missing.
pub const SECRETS: &str = "RG8012";
/// The run would fail at once.
pub const PREFLIGHT: &str = "RG8013";
/// Another process executes the run.
pub const BUSY: &str = "RG8014";
/// No drill of the runbook has passed.
pub const NEVER_DRILLED: &str = "RG8015";
/// Something temporary should be gone.
pub const OVERDUE: &str = "RG8016";
/// A look took too long.
pub const NO_ANSWER: &str = "RG8017";
/// What is said behind a reason, where somebody wanted to start something.
pub const NOTHING_STARTED: &str = "; nothing was started";

/// There is no room left for the journal.
pub const FULL: &str = "RG7002";

/// Why a command did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: u8,
    /// As in `explain CODE`; absent only where nothing is printed.
    pub code: Option<String>,
    /// One sentence, present tense, without a final dot.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    pub causes: Vec<String>,
}

impl Failure {
    pub fn new(exit: u8, code: &str, message: impl Into<String>) -> Self {
        Self { exit, code: Some(code.to_owned()), message: message.into(), hint: None, causes: Vec::new() }
    }

    /// Nothing was started.
    pub fn usage(code: &str, message: impl Into<String>) -> Self {
        Self::new(exit::USAGE, code, message)
    }

    /// Ends with `exit` and prints nothing more.
    pub fn silent(exit: u8) -> Self {
        Self { exit, code: None, message: String::new(), hint: None, causes: Vec::new() }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds `error` and everything beneath it.
    pub fn caused_by(mut self, error: &(dyn Error + '_)) -> Self {
        add_causes(&mut self.causes, error);
        self
    }

    /// Tells it on stderr. What cannot be told is not worth another error.
    pub fn print(&self, as_json: bool) {
        let mut text = Vec::new();
        if self.write(&mut text, as_json).is_ok() {
            super::looking::tell(String::from_utf8_lossy(&text));
        }
    }

    pub fn write(&self, out: &mut dyn Write, as_json: bool) -> io::Result<()> {
        if self.message.is_empty() {
            return Ok(());
        }
        if as_json {
            let error = json!({"code": self.code, "message": self.message, "hint": self.hint, "causes": self.causes});
            return writeln!(out, "{}", clean::json(&json!({ "error": error }).to_string()));
        }
        let code = self.code.as_ref().map(|code| format!("[{code}]")).unwrap_or_default();
        writeln!(out, "error{code}: {}", indented(&self.message, "\n    "))?;
        for cause in &self.causes {
            writeln!(out, "  because: {}", indented(cause.trim_end(), "\n           "))?;
        }
        match &self.hint {
            Some(hint) => writeln!(out, "  hint: {}", indented(hint, "\n        ")),
            None => Ok(()),
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let Fault { code, message, hint, causes, .. } = fault;
        Self { exit: exit::USAGE, code: Some(code), message, hint, causes }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let Refusal { reason, code, hint } = refusal;
        Self { exit: exit::USAGE, code, message: reason, hint, causes: Vec::new() }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let exit = match &error {
            JournalError::Lost { .. } => exit::JOURNAL,
            JournalError::Full { .. } => exit::STOPPED,
            _ => exit::USAGE,
        };
        let failure = Self::new(exit, journal_code(&error), error.to_string()).hint(error.hint());
        match error.source() {
            Some(cause) => failure.caused_by(cause),
            None => failure,
        }
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Journal(error) => error.into(),
            ExecuteError::Busy(run) => Failure::new(exit::BUSY, BUSY, format!("another process executes run `{run}`"))
                .hint("`regrow status` shows it; `regrow resume` without --no-wait follows it"),
            ExecuteError::Io { what, source } => Failure::usage(FILES, what).caused_by(&source),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::usage(FILES, error.to_string())
    }
}

/// Nothing of a text stands where only we write.
fn indented(text: &str, line: &str) -> String {
    clean::each_line(text).collect::<Vec<_>>().join(line)
}

/// Codes of the journal: RG70.
fn journal_code(error: &JournalError) -> &'static str {
    match error {
        JournalError::Lost { .. } => "RG7001",
        JournalError::Full { .. } => FULL,
        JournalError::Io { .. } => "RG7003",
        JournalError::Newer { .. } => "RG7004",
        JournalError::Damaged { .. } => "RG7005",
        JournalError::Missing => "RG7006",
        JournalError::Encode { .. } => "RG7007",
    }
}

/// A pipe that nobody reads any more is no failure; anything else that keeps output from coming out is.
pub fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(Failure::new(exit::FAILED, OUTPUT, "the output cannot be written").caused_by(&error)),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(failure: &Failure, as_json: bool) -> String {
        let mut out = Vec::new();
        failure.write(&mut out, as_json).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_failure_says_what_why_and_what_next() {
        let fault = Fault::new("RG2104", "the lock is taken").hint("wait for `alice`");
        let failure = Failure::from(fault);
        assert_eq!(printed(&failure, false), "error[RG2104]: the lock is taken\n  hint: wait for `alice`\n");
        let expected = "{\"error\":{\"code\":\"RG2104\",\"message\":\"the lock is taken\",\"hint\":\"wait for `alice`\",\"causes\":[]}}\n";
        assert_eq!(printed(&failure, true), expected);
        assert_eq!(printed(&Failure::silent(1), false), "");
    }

    #[test]
    fn a_broken_pipe_is_no_failure() {
        assert!(written(Err(io::ErrorKind::BrokenPipe.into())).is_ok());
        assert!(written(Err(io::ErrorKind::StorageFull.into())).is_err());
    }
}
