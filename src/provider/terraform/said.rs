//! What Terraform complains about, and what that means for a step.

use serde_json::Value;

use super::lock::LockInfo;
use super::stream::{Line, lines};
use crate::model::{Fault, RetryClass};

/// A short call and what it printed.
pub struct Said {
    pub ok: bool,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    pub fn fault(&self, code: &str, message: String) -> Fault {
        let printed = lines(self.stdout.as_bytes());
        let mut causes = complaints(&printed);
        causes.extend(plain(&self.stderr));
        let mut fault = Fault::new(code, message);
        fault.causes = causes;
        fault
    }

    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(&self.stdout).ok()
    }
}

/// What a short call that must not fail said when it did.
pub fn failed(said: &Said, what: &str) -> Fault {
    said.fault("RG2704", format!("{what} failed"))
}

/// Text for people, without its colours and its frame.
fn plain(text: &str) -> Vec<String> {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        bare.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    bare.push_str(rest);
    let lines = bare.lines().map(|line| line.trim_matches(['│', '╷', '╵', ' ']).to_owned());
    lines.filter(|line| !line.is_empty()).take(20).collect()
}

/// One error of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub summary: String,
    pub detail: String,
    pub address: Option<String>,
    /// `main.tf line 3`
    pub place: Option<String>,
}

impl Diagnostic {
    pub fn read(value: &Value) -> Option<Self> {
        if value["severity"] != "error" {
            return None;
        }
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let range = &value["range"];
        let place = range["filename"].as_str().map(|file| format!("{file} line {}", range["start"]["line"]));
        let address = value["address"].as_str().map(str::to_owned);
        Some(Self { summary: text(&value["summary"]), detail: text(&value["detail"]), address, place })
    }

    fn words(&self) -> String {
        let mut words = self.summary.clone();
        if !self.detail.is_empty() {
            words = format!("{words}: {}", self.detail.trim_end());
        }
        for more in [&self.address, &self.place].into_iter().flatten() {
            words = format!("{words} ({more})");
        }
        words
    }
}

fn complaints(printed: &[Line]) -> Vec<String> {
    let words = printed.iter().filter_map(|line| match line {
        Line::Error(diagnostic) => Some(diagnostic.words()),
        _ => None,
    });
    words.collect()
}

/// Why a plan or an apply did not come to its end.
#[derive(Debug)]
pub enum Problem {
    /// Somebody holds the state.
    Locked(LockInfo),
    /// The state is not the one the plan was made for.
    Stale,
    /// It was made, and the backend did not take the state.
    Unwritten(Fault),
    Other(Fault),
}

pub fn problem(printed: &[Line], what: &str) -> Problem {
    let errors: Vec<&Diagnostic> = printed
        .iter()
        .filter_map(|line| match line {
            Line::Error(diagnostic) => Some(diagnostic),
            _ => None,
        })
        .collect();
    for error in &errors {
        if error.summary == "Error acquiring the state lock" {
            return Problem::Locked(LockInfo::read(&error.detail));
        }
        if error.summary == "Saved plan is stale" || error.summary.starts_with("Saved plan does not match") {
            return Problem::Stale;
        }
    }
    let first = errors.first().map_or_else(String::new, |error| format!(": {}", error.summary));
    let mut fault = Fault::new("RG2705", format!("{what} failed{first}"));
    fault.causes = complaints(printed);
    if fault.causes.is_empty() {
        let raw = printed.iter().filter_map(|line| match line {
            Line::Raw(text) => Some(text.clone()),
            _ => None,
        });
        fault.causes = raw.take(20).collect();
    }
    let unwritten = ["Failed to persist state", "Failed to save state", "Failed to update state"];
    if errors.iter().any(|error| unwritten.iter().any(|words| error.summary.starts_with(words))) {
        return Problem::Unwritten(fault);
    }
    Problem::Other(fault)
}

impl Problem {
    pub fn fault(self) -> Fault {
        match self {
            Problem::Locked(info) => info.held(),
            Problem::Stale => Fault::new("RG2712", "the state moved on while the plan waited").retry(RetryClass::Now),
            Problem::Unwritten(fault) | Problem::Other(fault) => fault,
        }
    }
}
