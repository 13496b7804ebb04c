//! What a supervisor is told, and what it leaves.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kind::{Next, RawOp};
use crate::model::record::Mode;
use crate::model::{Address, Fault, RunId};

/// One process to run. It travels by pipe only: it holds opened secrets.
#[derive(Debug, Serialize, Deserialize)]
pub struct Job {
    pub program: Program,
    pub dir: PathBuf,
    /// All of the environment: nothing else is handed down.
    pub env: Vec<(String, String)>,
    pub stdin: Option<String>,
    /// Kept out of the log and the result.
    pub secrets: Vec<String>,
    /// Some of what the command puts out is secret: all of it is sealed before it is left as a result.
    pub seal: Option<Sealing>,
    pub timeout_ms: Option<u64>,
    /// Without extension.
    pub files: PathBuf,
}

/// What a supervisor needs to seal with.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sealing {
    pub run: RunId,
    pub step: Address,
    /// The key of the run.
    pub key: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Program {
    /// Somebody else's: arguments, output to the log, outputs by `REGROW_OUTPUT`.
    Command(Vec<String>),
    /// A kind's own long work, in this binary.
    Work(Box<WorkRequest>),
}

#[derive(Debug, Serialize, Deserialize)]
pub struct WorkRequest {
    pub kind: String,
    pub base: PathBuf,
    pub work: PathBuf,
    pub mode: Mode,
    /// The key of the run, for outputs that are secret.
    pub seal: Option<String>,
    pub op: RawOp,
}

/// The one result record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub ended: Ended,
    /// What the command wrote to `REGROW_OUTPUT`, masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// The same where some of it is secret: sealed as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<Value>,
    /// `REGROW_OUTPUT` held a secret.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub leaked: bool,
    /// The end of what it wrote to stderr, masked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
    /// For a kind's own work: how the phase ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Result<Next, Fault>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    Exit(i32),
    Signal(i32),
    TimedOut,
    /// It could not be started.
    NotStarted(String),
}

impl Outcome {
    pub fn of(ended: Ended) -> Self {
        Self { ended, output: String::new(), sealed: None, leaked: false, tail: String::new(), work: None }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exit(code) => write!(f, "ended with exit code {code}"),
            Ended::Signal(signal) => write!(f, "was killed by signal {signal}"),
            Ended::TimedOut => f.write_str("was ended because its time was up"),
            Ended::NotStarted(why) => write!(f, "could not be started: {why}"),
        }
    }
}
