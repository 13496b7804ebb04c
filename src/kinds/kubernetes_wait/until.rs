//! What is waited for, and whether an object has it.

use serde_json::{Value, json};

use crate::kind::Outputs;
use crate::model::Fault;
use crate::provider::kubernetes::{Look, field, held};
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    Exists,
    Deleted,
    Condition { name: String, status: String },
    Value { path: String, equals: Value },
}

impl Wanted {
    pub fn of(condition: Option<&str>, value: Option<&str>, equals: Option<&Value>) -> Result<Wanted, Fault> {
        match (condition, value, equals) {
            (Some("exists"), None, None) => Ok(Wanted::Exists),
            (Some("deleted"), None, None) => Ok(Wanted::Deleted),
            (Some(text), None, None) => {
                let (name, status) = text.split_once('=').unwrap_or((text, "True"));
                // Conditions are written with capitals; `exist` or `available` would be waited for in vain.
                if !name.starts_with(|c: char| c.is_ascii_uppercase()) || status.is_empty() {
                    return Err(wrong(format!("`{text}` is no condition")));
                }
                Ok(Wanted::Condition { name: name.to_owned(), status: status.to_owned() })
            }
            (None, Some(path), Some(equals)) => Ok(Wanted::Value { path: path.to_owned(), equals: equals.clone() }),
            _ => Err(wrong("it takes `condition`, or `value` with `equals`".to_owned())),
        }
    }

    pub fn look(&self, what: &str, live: Option<&Value>) -> Look<Outputs> {
        let Some(live) = live else {
            return match self {
                Wanted::Deleted => Look::Done(status(&json!({}))),
                _ => Look::Lacks(format!("{what} is not there")),
            };
        };
        let lacks = match self {
            Wanted::Exists => None,
            Wanted::Deleted => Some(format!("{what} is still there{}", held(live))),
            Wanted::Condition { name, status } => lacking(live, name, status),
            Wanted::Value { path, equals } => {
                let now = field(live, path);
                (now != equals).then(|| format!("`{path}` is {now}, not {equals}"))
            }
        };
        lacks.map_or_else(|| Look::Done(status(live)), Look::Lacks)
    }
}

/// Of an older form of the object a condition says nothing.
fn lacking(live: &Value, name: &str, status: &str) -> Option<String> {
    let all = live.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let Some(found) = all.into_iter().find(|condition| condition["type"] == name) else {
        return Some(format!("it has no condition `{name}` yet"));
    };
    let generation = live["metadata"]["generation"].as_i64();
    let seen = found["observedGeneration"].as_i64().or(live["status"]["observedGeneration"].as_i64());
    if seen.is_some() && seen < generation {
        return Some(format!("`{name}` is told of an older form of it"));
    }
    let text = |key: &str| found[key].as_str().unwrap_or_default();
    (text("status") != status).then(|| {
        let why: Vec<&str> = [text("reason"), text("message")].into_iter().filter(|part| !part.is_empty()).collect();
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(": ")) };
        format!("`{name}` is {}, not {status}{why}", text("status"))
    })
}

fn status(live: &Value) -> Outputs {
    let status = if live["status"].is_object() { live["status"].clone() } else { json!({}) };
    Outputs::from_iter([("status".to_owned(), status)])
}

fn wrong(what: String) -> Fault {
    Fault::new("RG3014", what).hint(
        "`condition: exists`, `deleted`, `Available` or `Ready=False`; or `value: status.phase` with `equals: Bound`",
    )
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let present = |field: &str| with.has(&[field]).then(|| with.text(&[field]).unwrap_or("Unknown"));
    let equals = match with.get(&["equals"]) {
        Known::Known(value) => Some(value.clone()),
        Known::Unknown => Some(Value::Null),
        Known::Absent => None,
    };
    let fault = Wanted::of(present("condition"), present("value"), equals.as_ref()).err();
    let path: &[&str] = if with.has(&["condition"]) { &["condition"] } else { &[] };
    fault.map(|fault| Complaint::of(path, "RG3014", fault)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacks(wanted: &Wanted, live: Option<Value>) -> Option<String> {
        match wanted.look("pod/a", live.as_ref()) {
            Look::Done(_) => None,
            Look::Lacks(what) => Some(what),
        }
    }

    #[test]
    fn what_is_lacking_is_said() {
        let of = |text: &str| Wanted::of(Some(text), None, None).unwrap();
        let pod = |conditions: Value, seen: i64| json!({"metadata": {"generation": 2, "finalizers": ["x/keep"]}, "status": {"phase": "Running", "observedGeneration": seen, "conditions": conditions}});
        let ready = |status: &str| json!([{"type": "Ready", "status": status, "reason": "Slow"}]);
        let phase = |equals: &str| Wanted::of(None, Some("status.phase"), Some(&json!(equals))).unwrap();
        let cases = [
            (of("exists"), None, Some("pod/a is not there")),
            (of("exists"), Some(pod(json!([]), 2)), None),
            (of("deleted"), None, None),
            (of("deleted"), Some(pod(json!([]), 2)), Some("pod/a is still there, held by x/keep")),
            (of("Ready"), Some(pod(json!([]), 2)), Some("it has no condition `Ready` yet")),
            (of("Ready"), Some(pod(ready("False"), 2)), Some("`Ready` is False, not True (Slow)")),
            (of("Ready"), Some(pod(ready("True"), 1)), Some("`Ready` is told of an older form of it")),
            (of("Ready"), Some(pod(ready("True"), 2)), None),
            (of("Ready=False"), Some(pod(ready("False"), 2)), None),
            (phase("Running"), Some(pod(json!([]), 2)), None),
            (phase("Pending"), Some(pod(json!([]), 2)), Some("`status.phase` is \"Running\", not \"Pending\"")),
        ];
        for (wanted, live, what) in cases {
            assert_eq!(lacks(&wanted, live).as_deref(), what, "{wanted:?}");
        }
        for (condition, value, equals) in [(Some("available"), None, None), (None, Some("a"), None), (None, None, None)]
        {
            assert_eq!(Wanted::of(condition, value, equals).unwrap_err().code, "RG3014");
        }
    }
}
