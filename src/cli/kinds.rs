//! `kinds`: what `uses:` and `probe:` can name.

use serde_json::{Value, json};

use super::Failure;
use super::context::Context;
use super::looking::{print, print_json};
use crate::kind::{AnyKind, Role};
use crate::kinds;
use crate::model::Effect;
use crate::runbook::catalog::Late;

pub fn kinds(context: &Context) -> Result<(), Failure> {
    if context.json {
        let entries: Vec<Value> = kinds::all().map(entry).collect();
        return print_json(&entries);
    }
    print(table())
}

fn table() -> String {
    let line = |[name, role, effect, summary]: [&str; 4]| format!("{name:23} {role:9} {effect:14} {summary}\n");
    let kinds = kinds::all().map(|kind| [kind.name(), role(kind.role()), effect_word(effect(kind)), summary(kind)]);
    [["KIND", "ROLE", "EFFECT", "WHAT IT DOES"]].into_iter().chain(kinds).map(line).collect()
}

fn entry(kind: &dyn AnyKind) -> Value {
    json!({"name": kind.name(), "role": role(kind.role()), "effect": effect(kind), "summary": summary(kind)})
}

/// The first paragraph of the page.
pub fn summary(kind: &dyn AnyKind) -> &'static str {
    kind.page().lines().next().unwrap_or_default()
}

/// Of a step that says nothing else.
pub fn effect(kind: &dyn AnyKind) -> Effect {
    kind.effect(&Late { value: &json!({}) })
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Step => "step",
        Role::Probe => "probe",
        Role::Intrinsic => "intrinsic",
    }
}

pub fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::KeyedCreate => "keyed_create",
        Effect::ConvergentSet => "convergent_set",
        Effect::Opaque => "opaque",
        Effect::Human => "human",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::KINDS;

    #[test]
    fn every_kind_has_its_line_and_lines_are_short() {
        let table = table();
        for kind in KINDS {
            assert!(table.lines().any(|line| line.starts_with(kind.name())), "{}", kind.name());
        }
        assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
        assert_eq!(entry(KINDS[0])["effect"], "opaque");
    }
}
