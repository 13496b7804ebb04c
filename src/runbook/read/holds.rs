//! `holds:` of a runbook: a name, and three step bodies each.

use super::fields::Fields;
use super::{scalars, step, top};
use crate::runbook::ast::{Runbook, Step};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::holds::{Hold, Part, id};
use crate::runbook::keys;
use crate::runbook::tree::{Entry, Name};

/// Reads them and puts their steps among the others.
pub fn add(entry: Entry, runbook: &mut Runbook, report: &mut Report) {
    for hold in top::named(entry, "holds", report) {
        let name = hold.key;
        step::judge_id(&name, report);
        if let Some(same) = runbook.step(&name.text) {
            let line = report.source.place(same.span.offset).0;
            let message = format!("a hold and a step are both called `{}`; the step stands in line {line}", name.text);
            report.error_help(codes::DUPLICATE_ID, name.span, message, "give one of them another name");
        }
        let Some(mut fields) = Fields::open(hold.value, Some(&name), &keys::HOLD, report) else { continue };
        let title = fields.take("name").and_then(|entry| scalars::text(&entry, report));
        let on_abort = fields.take("on_abort").and_then(|it| scalars::word(&it.value, &it.key, keys::ON_ABORT, report));
        let steps = Part::ALL.map(|part| body(&mut fields, &name, part, title.as_deref(), report));
        runbook.put_hold(&name.text, steps);
        let read = Hold { title, on_abort: on_abort.unwrap_or_default(), span: name.span };
        runbook.holds.insert(name.text, read);
    }
}

fn body(fields: &mut Fields, hold: &Name, part: Part, title: Option<&str>, report: &mut Report) -> Option<Step> {
    let entry = fields.require(part.word(), report)?;
    let own = Fields::open(entry.value, Some(&entry.key), &keys::HOLD_STEP, report)?;
    let id = Name { text: id(&hold.text, part), span: entry.key.span };
    step::of_hold(own, id, (&hold.text, part), title, report)
}
