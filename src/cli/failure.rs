//! The one printer of errors.

use std::io::Write;

use super::exit;
use crate::engine::executor::ExecuteError;
use crate::journal::JournalError;
use crate::model::Fault;

/// Why a command did not do what was asked, and the exit code that says so.
#[derive(Debug)]
pub struct Failure {
    pub exit: u8,
    pub message: String,
    pub hint: Option<String>,
    pub causes: Vec<String>,
}

impl Failure {
    /// Nothing was started.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: exit::USAGE, message: message.into(), hint: None, causes: Vec::new() }
    }

    /// Everything was said already; only the code is left.
    pub fn silent(exit: u8) -> Self {
        Self { exit, message: String::new(), hint: None, causes: Vec::new() }
    }

    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn print(&self, json: bool) {
        if self.message.is_empty() {
            return;
        }
        let mut err = std::io::stderr().lock();
        if json {
            let error = serde_json::json!({"error": {"message": self.message, "hint": self.hint, "causes": self.causes}});
            let _ = writeln!(err, "{error}");
            return;
        }
        let _ = writeln!(err, "error: {}", self.message);
        for cause in &self.causes {
            let _ = writeln!(err, "  because: {cause}");
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(err, "  hint: {hint}");
        }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        let message = format!("{} {}", fault.code, fault.message);
        Self { exit: exit::USAGE, message, hint: fault.hint, causes: fault.causes }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        let exit = match &error {
            JournalError::Lost { .. } => exit::JOURNAL,
            JournalError::Full { .. } => exit::STOPPED,
            _ => exit::USAGE,
        };
        let source = std::error::Error::source(&error).map(ToString::to_string);
        let (message, hint) = (error.to_string(), Some(error.hint().to_string()));
        Self { exit, message, hint, causes: source.into_iter().collect() }
    }
}

impl From<ExecuteError> for Failure {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Journal(error) => error.into(),
            ExecuteError::Busy(run) => {
                let mut failure = Failure::usage(format!("another process executes run `{run}`"));
                failure.exit = exit::BUSY;
                failure.hint("`regrow status` shows it; `regrow resume` without --no-wait follows it")
            }
            ExecuteError::Io { what, source } => {
                Self { exit: exit::USAGE, message: what, hint: None, causes: vec![source.to_string()] }
            }
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Failure::usage(error.to_string())
    }
}
