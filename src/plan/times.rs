//! When a step may start, and by when it is to be over, as far as it is known before the run.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Plan;
use super::forecast::input;
use super::scope::RunScope;
use crate::model::RunState;
use crate::model::time::stamp;
use crate::runbook::duration::{self, parse_timestamp};
use crate::runbook::window;

#[derive(Debug)]
pub struct Times {
    /// `{"value": …}` or `{"unknown": template}`.
    pub not_before: Option<Value>,
    pub window: Option<Window>,
    pub deadline: Option<Duration>,
}

#[derive(Debug)]
pub struct Window {
    pub words: String,
    /// Absent while it is open.
    pub opens: Option<Timestamp>,
}

impl Times {
    /// As they are at `now`.
    pub fn of(plan: &Plan, node: usize, now: Timestamp) -> Self {
        let step = plan.step(node);
        let state = RunState::default();
        let scope = RunScope::of(plan, &state, node);
        let window = (!step.window.is_empty())
            .then(|| Window { words: window::words(&step.window), opens: window::opens(&step.window, now) });
        Self {
            not_before: step.not_before.as_ref().map(|tree| input(tree, &scope, &scope)),
            window,
            deadline: plan.deadline(node),
        }
    }

    /// One line each.
    pub fn lines(&self, now: Timestamp) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(known) = &self.not_before {
            lines.push(match known.get("value").or(known.get("predicted")) {
                Some(value) => {
                    let text = value.as_str().unwrap_or_default();
                    let waits = parse_timestamp(text).is_ok_and(|at| at > now);
                    format!("not before: {text}{}", if waits { "; would wait until then" } else { ", which is past" })
                }
                None => format!("not before: {} (known when it runs)", known["unknown"].as_str().unwrap_or_default()),
            });
        }
        if let Some(window) = &self.window {
            lines.push(match window.opens {
                Some(at) => format!("window: {}; closed now, would wait until {}", window.words, stamp(at)),
                None => format!("window: {}; open now", window.words),
            });
        }
        lines.extend(self.deadline.map(|it| format!("deadline: {} from its start", duration::format(it))));
        lines
    }

    /// Only what is said.
    pub fn json(&self) -> Map<String, Value> {
        let mut map = Map::new();
        map.extend(self.not_before.clone().map(|it| ("not_before".to_string(), it)));
        let window = self.window.as_ref().map(|it| json!({"hours": it.words, "opens": it.opens}));
        map.extend(window.map(|it| ("window".to_string(), it)));
        map.extend(self.deadline.map(|it| ("deadline_seconds".to_string(), json!(it.as_secs()))));
        map
    }
}
