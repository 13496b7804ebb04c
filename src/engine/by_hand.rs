//! "I did it by hand": outputs that a person gives must be of the kind's types and hold what later steps read.

use serde_json::{Map, Value};

use crate::model::answer::option;
use crate::model::{Fault, RunState, sealed};
use crate::plan::Plan;
use crate::runbook::catalog::{Known, Late, Shape};

/// Refuses unknown names, wrong types, and missing outputs that a later step reads without `default`.
pub fn check(plan: &Plan, node: usize, state: &RunState, given: &Map<String, Value>) -> Result<(), String> {
    let address = plan.address(node);
    if let Shape::Closed(shape) = plan.puts_out(node) {
        for (name, value) in given {
            match shape.get(name) {
                None => {
                    let known = shape.keys().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                    return Err(format!("`{address}` has no output `{name}`; it has {known}"));
                }
                Some(kind) if !kind.takes(value) => {
                    return Err(format!("output `{name}` of `{address}` should be {}", kind.what()));
                }
                Some(_) => {}
            }
        }
    }
    let asked = state.step(address).ask.as_ref().map(|asked| &asked.ask.form);
    if let Some(form) = asked.filter(|form| form.is_object()) {
        return check_form(plan, node, form, given);
    }
    let missing: Vec<String> =
        plan.outline.steps[node].read.iter().filter(|name| !given.contains_key(*name)).cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    let outputs: String = missing.iter().map(|name| said(plan, node, name)).collect();
    Err(format!("later steps read `{}` of `{address}`: say it with{outputs}", missing.join("`, `")))
}

/// Refuses a form whose choices an earlier step was to give and did not: nobody could answer it.
pub fn judge_form(inputs: &Value) -> Result<(), Fault> {
    for (name, field) in inputs["form"].as_object().into_iter().flatten() {
        let found = match field.get("enum") {
            None => continue,
            Some(Value::Array(choices)) if !choices.is_empty() => continue,
            Some(Value::Array(_)) => "there is none".to_owned(),
            Some(other) => format!("what is given is no list: {other}"),
        };
        return Err(Fault::new("RG5013", format!("the form asks to choose `{name}`, and {found}")).hint(
            "look at the step whose output the choices are; correct it with `regrow rerun`, then retry this one",
        ));
    }
    Ok(())
}

fn check_form(plan: &Plan, node: usize, form: &Value, given: &Map<String, Value>) -> Result<(), String> {
    let id = plan.address(node);
    let form = Late { value: form };
    let fields = form.value.as_object().into_iter().flatten();
    for (name, _) in fields {
        let required = !matches!(form.get(&[name, "required"]), Known::Known(Value::Bool(false)));
        let Some(value) = given.get(name) else {
            if required {
                return Err(format!("`{id}` asks for `{name}`:{}", said(plan, node, name)));
            }
            continue;
        };
        // Choices are what an earlier step found, and may hold braces.
        if let Some(choices) = form.value[name]["enum"].as_array()
            && sealed::read(value).is_none()
            && !choices.contains(value)
        {
            let choices =
                choices.iter().map(|c| c.as_str().map_or_else(|| c.to_string(), str::to_string)).collect::<Vec<_>>();
            return Err(format!("`{name}` of `{id}` is one of {}", choices.join(", ")));
        }
    }
    match given.keys().find(|name| form.value.get(name.as_str()).is_none()) {
        Some(name) => Err(format!("`{id}` does not ask for `{name}`")),
        None => Ok(()),
    }
}

/// Why a step cannot simply be left out: later steps that run read what it puts out.
pub fn refuse_skip(plan: &Plan, node: usize) -> Result<(), String> {
    let id = plan.address(node);
    let names = &plan.outline.steps[node].read;
    if names.is_empty() {
        return Ok(());
    }
    if plan.is_group(node) {
        let names = names.join(", ");
        return Err(format!("later steps read {names} of `{id}`; say `regrow done` of what lies under it, one by one"));
    }
    let outputs: String = names.iter().map(|name| said(plan, node, name)).collect();
    Err(format!(
        "later steps read {} of `{id}`; say instead `regrow done {id} --because TEXT{outputs}`",
        names.join(", ")
    ))
}

/// The option by which a person gives an output.
fn said(plan: &Plan, node: usize, name: &str) -> String {
    option(name, plan.puts_out(node).is_secret(name))
}
