//! `drill` at the top of a runbook and on its steps.

use indexmap::IndexMap;

use super::fields::Fields;
use super::{params, scalars, step, top};
use crate::runbook::ast::ParamSpec;
use crate::runbook::diagnostic::Report;
use crate::runbook::drill::{Drill, Values, Way};
use crate::runbook::tree::{Entry, Name, Node, Tree};
use crate::runbook::{codes, keys, suggest};

/// What stands in for parameters and variables that the runbook has.
pub fn values(
    entry: Entry,
    specs: &IndexMap<String, ParamSpec>,
    vars: &IndexMap<String, Tree>,
    report: &mut Report,
) -> Values {
    let mut values = Values::default();
    let Some(mut fields) = Fields::open(entry.value, Some(&entry.key), &keys::DRILL, report) else { return values };
    for param in fields.take("params").map(|entry| top::named(entry, "parameters", report)).unwrap_or_default() {
        match specs.get(&param.key.text) {
            Some(spec) => {
                let value = params::fitting(&param, spec, report);
                values.params.extend(value.map(|value| (param.key.text, value)));
            }
            None => unknown(&param.key, "parameter", codes::PARAM_UNKNOWN, specs.keys(), report),
        }
    }
    for mut var in fields.take("vars").map(|entry| top::named(entry, "variables", report)).unwrap_or_default() {
        if !vars.contains_key(&var.key.text) {
            unknown(&var.key, "variable", codes::UNKNOWN_VAR, vars.keys(), report);
            continue;
        }
        var.value.compile(report);
        values.vars.insert(var.key.text, var.value);
    }
    values
}

fn unknown<'a>(
    name: &Name,
    what: &str,
    code: &'static str,
    known: impl Iterator<Item = &'a String> + Clone,
    report: &mut Report,
) {
    let message = format!("the runbook has no {what} `{}` that a drill could give another value", name.text);
    let help = suggest::help(&name.text, known.map(String::as_str));
    let key = if code == codes::UNKNOWN_PARAM { "params" } else { "vars" };
    report.error_help(code, name.span, message, help.unwrap_or_else(|| format!("declare it under `{key}:` first")));
}

/// A word, or a mapping with the word and what belongs to it.
pub fn of_step(entry: Entry, kind: &Name, report: &mut Report) -> Option<Drill> {
    let span = entry.key.span;
    if !matches!(entry.value.node, Node::Map(_)) {
        let way = scalars::word(&entry.value, &entry.key, keys::WAYS, report)?;
        return Some(Drill { way, with: None, outputs: None, span });
    }
    let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::DRILL_OF_STEP, report)?;
    let mode = fields.require("mode", report)?;
    let way = scalars::word(&mode.value, &mode.key, keys::WAYS, report)?;
    let with = belonging(&mut fields, "with", way, &[Way::Real, Way::Plan], report);
    let with = with.map(|entry| step::compiled(entry.value, kind, report));
    let outputs = belonging(&mut fields, "outputs", way, &[Way::Stub], report);
    let outputs = outputs.map(|mut entry| {
        entry.value.compile(report);
        entry.value
    });
    Some(Drill { way, with, outputs, span })
}

/// A mapping that only some of the words take.
fn belonging(fields: &mut Fields, name: &str, way: Way, takes: &[Way], report: &mut Report) -> Option<Entry> {
    let entry = fields.take(name)?;
    if !takes.contains(&way) {
        let message = format!("`{name}` means nothing with `mode: {}`", way.word());
        let takes: Vec<String> = takes.iter().map(|way| format!("`mode: {}`", way.word())).collect();
        let help = format!("it belongs to {}; take it away, or change the mode", takes.join(" or "));
        report.error_help(codes::NOT_ALLOWED, entry.key.span, message, help);
        return None;
    }
    if !matches!(entry.value.node, Node::Map(_)) {
        scalars::wrong_type(&entry, "a mapping", report);
        return None;
    }
    Some(entry)
}
