//! Bound plans for tests.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Binding, Plan};
use crate::model::step::Intent;
use crate::model::time::Moment;
use crate::model::{Address, OpId};
use crate::{kinds, runbook};

/// A plan of `text`, which lacks the first three lines of a runbook.
pub fn plan(text: &str) -> Plan {
    let loaded = runbook::parse_text("book", &format!("version: 1\nname: book\nseverity: partial\n{text}")).unwrap();
    let params = Map::from_iter([("db".to_string(), "lms".into())]);
    let binding = Binding { concurrency: 1, ..Binding::new("run1".parse().unwrap(), Timestamp::UNIX_EPOCH, params) };
    Plan::bind(loaded.runbook, "digest", binding, kinds::find).unwrap()
}

/// An intent of that step, written so many seconds after the run began.
pub fn intent(plan: &Plan, step: &Address, seconds: u64) -> Intent {
    let at = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    Intent {
        op: OpId::new(&plan.run, step, 1),
        at: Moment { at, mono: seconds * 1000, boot: "boot".into() },
        epoch: 1,
        phase: String::new(),
        effect: plan.effects[plan.find(step).unwrap()],
        in_doubt: None,
        inputs: Value::Null,
        prior: Value::Null,
        facts: Value::Null,
        changes: Vec::new(),
        spared: Vec::new(),
    }
}
