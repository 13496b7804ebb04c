//! The second person: looks at the run from another process, reads what is asked, and approves it by its code.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::program::Program;
use super::tell::number;

/// Who answers; another name than the one who runs.
pub const NAME: &str = "ben";

/// The three counts of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub only_in_live: i64,
    pub only_in_copy: i64,
    pub differ: i64,
}

/// What was approved.
#[derive(Clone, Debug)]
pub struct Approval {
    pub step: String,
    pub counts: Option<Counts>,
}

/// Approves until dropped.
pub struct Approver {
    given: Arc<Mutex<Vec<Approval>>>,
    task: JoinHandle<()>,
}

impl Approver {
    pub fn start(program: Program, run: &str) -> Approver {
        let given = Arc::new(Mutex::new(Vec::new()));
        let task = tokio::spawn(watch(program, run.to_string(), Arc::clone(&given)));
        Approver { given, task }
    }

    pub fn given(&self) -> Vec<Approval> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Approver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn watch(program: Program, run: String, given: Arc<Mutex<Vec<Approval>>>) {
    let mut answered = HashSet::new();
    loop {
        // Before the run has begun there is no status: not an error.
        if let Ok(status) = program.json(&["status", "--json", &run]).await {
            for (step, code) in asked(&status) {
                if answered.contains(&(step.clone(), code.clone())) {
                    continue;
                }
                match answer(&program, &run, &step, &code).await {
                    Ok(approval) => {
                        given.lock().unwrap_or_else(PoisonError::into_inner).push(approval);
                        answered.insert((step, code));
                    }
                    // Asked anew a moment later: what was shown may just have changed, and the code with it.
                    Err(error) => eprintln!("{NAME}: {error:#}"),
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

/// Steps that ask for an approval, and the code of each.
fn asked(status: &Value) -> Vec<(String, String)> {
    let steps = status["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
    let asks = |step: &Value| Some((step["id"].as_str()?.to_string(), step["asks"]["code"].as_str()?.to_string()));
    steps.iter().filter_map(asks).collect()
}

async fn answer(program: &Program, run: &str, step: &str, code: &str) -> Result<Approval> {
    let shown = program.json(&["show", step, "--json", "--run", run]).await.context("cannot look at the step")?;
    let counts = counts(&shown);
    eprintln!("\n{NAME}, at another terminal, looks at step `{step}`:");
    if let Some(what) = text(&shown, "what") {
        what.lines().for_each(|line| eprintln!("    {line}"));
    }
    if let Some(Counts { only_in_live, only_in_copy, differ }) = counts {
        let [live, copy, differ] = [only_in_live, only_in_copy, differ].map(number);
        eprintln!("    rows only in live: {live}, only in the copy: {copy}, differing: {differ}");
    }
    let arguments = ["approve", step, "--code", code, "--as", NAME, "--run", run];
    eprintln!("$ regrow {}\n", arguments.join(" "));
    program.output(&arguments).await?;
    Ok(Approval { step: step.to_string(), counts })
}

/// The first object anywhere in there that holds all three counts.
fn counts(value: &Value) -> Option<Counts> {
    let count = |name: &str| value.get(name)?.as_i64();
    if let (Some(only_in_live), Some(only_in_copy), Some(differ)) =
        (count("only_in_live"), count("only_in_copy"), count("differ"))
    {
        return Some(Counts { only_in_live, only_in_copy, differ });
    }
    children(value).into_iter().find_map(counts)
}

/// The first text under that name.
fn text<'v>(value: &'v Value, name: &str) -> Option<&'v str> {
    let here = value.get(name).and_then(Value::as_str);
    here.or_else(|| children(value).into_iter().find_map(|child| text(child, name)))
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(fields) => fields.values().collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_what_has_a_code_is_asked() {
        let status = json!({"steps": [
            {"id": "restore", "asks": null},
            {"id": "load", "asks": {"who": [], "code": "k7", "what": "three counts"}},
        ]});
        assert_eq!(asked(&status), [("load".to_string(), "k7".to_string())]);
        assert!(asked(&json!({})).is_empty());
    }

    #[test]
    fn the_counts_are_found_wherever_they_stand() {
        let shown = json!({"asks": {"what": "swap?", "tables": [{"name": "t", "only_in_live": 1, "only_in_copy": 2, "differ": 3}]}});
        assert_eq!(counts(&shown), Some(Counts { only_in_live: 1, only_in_copy: 2, differ: 3 }));
        assert_eq!(text(&shown, "what"), Some("swap?"));
        assert_eq!(counts(&json!({"only_in_live": 1})), None);
    }
}
