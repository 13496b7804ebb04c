//! How it is told that steps are taken back.

use serde_json::Value;

use super::words::{value, with_placeholders};
use crate::model::{Address, Fault};

pub fn undo_intended(undo: &str) -> String {
    // A command is an argument list in JSON; a name is a name.
    match serde_json::from_str::<Value>(undo) {
        Ok(undo) => format!("is taken back: {}", undo_words(&undo)),
        Err(_) => format!("is taken back: `{undo}`"),
    }
}

/// By what a step is taken back.
pub fn undo_words(undo: &Value) -> String {
    match undo {
        Value::Array(argv) => {
            let words: Vec<String> = argv.iter().map(|word| value(&with_placeholders(word))).collect();
            format!("`{}`", words.join(" "))
        }
        name => format!("`{}`", value(name)),
    }
}

pub fn step_undone(facts: &[String]) -> String {
    if facts.is_empty() { "is undone".into() } else { format!("is undone: {}", facts.join("; ")) }
}

pub fn undo_failed(fault: &Fault) -> String {
    format!("could not be taken back: {fault}")
}

pub fn undo_withheld(by: &Address) -> String {
    format!("is not taken back: `{by}`, which needed it, could not be")
}

pub fn undo_began(steps: &[Address], all: bool) -> String {
    let names: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
    let what = if all { "the run is taken back" } else { "steps are taken back" };
    format!("{what}, in this order: {}", names.join(", "))
}
