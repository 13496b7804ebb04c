//! The page of a kind: what its author wrote, and what the program knows of it anyway.

use serde_json::{Map, Value, json};

use super::fields::{Field, fields};
use crate::cli::kinds::{effect, effect_word, role, summary};
use crate::kind::{AnyKind, Rehearsal, Scratch};
use crate::model::Address;
use crate::runbook::catalog::{Late, OutputType, Shape};

pub fn text(kind: &dyn AnyKind) -> String {
    let mut text = format!("{} ({}, {})\n\n", kind.name(), role(kind.role()), effect_word(effect(kind)));
    text.push_str(kind.page().trim());
    section(&mut text, "Fields of `with`", &fields(&kind.schema()).iter().map(Field::text).collect::<String>());
    let outputs = outputs(kind).map(|all| all.iter().map(|(name, form)| format!("  {name} ({form})\n")).collect());
    let declared = if declares_outputs(kind) { "  and what its fields declare\n" } else { "" };
    let outputs: String = outputs.unwrap_or_else(|| "  Only the run can tell.\n".to_string());
    section(&mut text, "Outputs", &(outputs + declared));
    section(&mut text, "In a drill", &format!("  {}\n", in_drill(kind)));
    let undos = kind.undos().iter().map(|undo| format!("  {undo}\n"));
    section(&mut text, "Undo", &undos.collect::<String>());
    let lines = kind.example().lines().enumerate();
    let example = lines.map(|(at, line)| format!("  {} {line}\n", if at == 0 { '-' } else { ' ' }));
    section(&mut text, "Example", &example.collect::<String>());
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        text.push_str(&format!("\n\n## {title}\n\n{}", body.trim_end_matches('\n')));
    }
    if title == "Example" {
        text.push('\n');
    }
}

pub fn json(kind: &dyn AnyKind) -> Value {
    json!({
        "kind": kind.name(),
        "role": role(kind.role()),
        "effect": effect(kind),
        "summary": summary(kind),
        "page": kind.page().trim(),
        "fields": fields(&kind.schema()).iter().map(Field::json).collect::<Vec<_>>(),
        "outputs": outputs(kind).map(|all| all.into_iter().map(|(name, form)| (name, json!(form))).collect::<Map<_, _>>()),
        "in_a_drill": in_drill(kind),
        "undo": kind.undos(),
        "example": kind.example(),
    })
}

/// Those that are there whatever the fields say. `None`: only the run can tell.
fn outputs(kind: &dyn AnyKind) -> Option<Vec<(String, &'static str)>> {
    match kind.outputs(&Late { value: &json!({}) }) {
        Shape::Closed(all) => Some(all.into_iter().map(|(name, form)| (name, word(form))).collect()),
        Shape::Open => None,
    }
}

/// Whether its fields say what else it puts out, as those of its example do.
fn declares_outputs(kind: &dyn AnyKind) -> bool {
    let example: Value = serde_saphyr::from_str(kind.example()).unwrap_or_default();
    let always = outputs(kind).map_or(0, |all| all.len());
    matches!(kind.outputs(&Late { value: &example["with"] }), Shape::Closed(all) if all.len() > always)
}

/// What a drill does with a step like the one of the example that says nothing of drills.
fn in_drill(kind: &dyn AnyKind) -> String {
    let example: Value = serde_saphyr::from_str(kind.example()).unwrap_or_default();
    let Ok(run) = "7qk2".parse() else { return String::new() };
    match kind.drill(&Late { value: &example["with"] }, &Scratch { run: &run, step: &Address::top("a"), ledger: &[] }) {
        Rehearsal::AsIs => "Done as in a run.".into(),
        Rehearsal::Beside(_) => "Done beside production.".into(),
        Rehearsal::Planned => "Only looked at: what it would change is shown.".into(),
        Rehearsal::LeftOut(why) => format!("Left out, unless it says `drill: real`: {why}."),
    }
}

fn word(form: OutputType) -> &'static str {
    match form {
        OutputType::Text => "text",
        OutputType::Integer => "integer",
        OutputType::Number => "number",
        OutputType::Boolean => "boolean",
        OutputType::Timestamp => "timestamp",
        OutputType::List => "list",
        OutputType::Map => "mapping",
        OutputType::Connection => "connection",
        OutputType::Secret => "secret",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;

    #[test]
    fn every_kind_is_explained_whole() {
        for kind in KINDS {
            let (text, value) = (text(*kind), json(*kind));
            let summary = summary(*kind);
            assert!(
                (10..=70).contains(&summary.chars().count()) && summary.ends_with('.'),
                "{}: {summary}",
                kind.name()
            );
            for part in ["## After a crash", "## Fields of `with`", "## Example"] {
                assert!(text.contains(part), "{}: no {part}\n{text}", kind.name());
            }
            for field in kind.schema()["properties"].as_object().unwrap().keys() {
                assert!(text.contains(&format!("\n  {field} (")), "{}: no {field}\n{text}", kind.name());
            }
            let none = value["outputs"].as_object().is_some_and(Map::is_empty) && !declares_outputs(*kind);
            assert_eq!(none, !text.contains("## Outputs"), "{text}");
        }
    }

    #[test]
    fn a_field_says_its_form_its_choices_and_what_lies_in_it() {
        let kind = crate::kinds::find("run").unwrap();
        let text = text(kind);
        assert!(text.contains("  command (list of text)\n      The program"), "{text}");
        assert!(text.contains("  effect (read | convergent | opaque)"), "{text}");
        assert!(text.contains("      `read`: Changes nothing"), "{text}");
        assert!(text.contains("takes a secret"), "{text}");
        assert!(text.contains("  outputs[].type (string | integer"), "{text}");
        assert!(text.contains("\n  exit_code (integer)\n  and what its fields declare\n"), "{text}");
    }
}
