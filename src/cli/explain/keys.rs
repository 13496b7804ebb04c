//! Keys of the language, from the tables the reader reads by.

use indexmap::IndexSet;
use serde_json::{Value, json};

use crate::runbook::keys::{Form, HOLD_STEP, Key, Keys, PARAM, PART, PROOF, REPAIR_STEP, SECRET, STEP, TOP};

pub struct Found {
    key: &'static Key,
    of: &'static str,
}

pub fn find(name: &str) -> Option<Found> {
    let inside = |keys: &'static Keys| keys.known.iter().map(|key| Found { key, of: keys.of });
    tables().into_iter().flat_map(inside).find(|found| found.key.name == name)
}

/// Each once: those of a step first, then those of the file, then what lies in them.
pub fn names() -> impl Iterator<Item = &'static str> {
    tables().into_iter().flat_map(Keys::names).collect::<IndexSet<&str>>().into_iter()
}

/// Every mapping of the language, the outer before the inner.
fn tables() -> Vec<&'static Keys> {
    let mut found: Vec<&'static Keys> = vec![&STEP, &TOP, &PART];
    let mut at = 0;
    while let Some(table) = found.get(at) {
        for inner in table.known.iter().filter_map(|key| keys(&key.form)) {
            if !found.iter().any(|known| std::ptr::eq(*known, inner)) {
                found.push(inner);
            }
        }
        at += 1;
    }
    found
}

impl Found {
    pub fn text(&self) -> String {
        let Key { name, about, .. } = self.key;
        let required = if self.key.required { ", required" } else { "" };
        let mut text = format!("{name}: a key of {}{required}\n\n{about}\n", self.of);
        if let Some(keys) = keys(&self.key.form) {
            text.push_str(&format!("\nKeys of {}:\n\n", keys.of));
            text.extend(keys.known.iter().map(|key| {
                let required = if key.required { " (required)" } else { "" };
                format!("  {}{required}: {}\n", key.name, key.about)
            }));
        }
        text
    }

    pub fn json(&self) -> Value {
        let inner = keys(&self.key.form).into_iter().flat_map(|keys| keys.known);
        let inner = inner.map(|key| json!({"name": key.name, "required": key.required, "description": key.about}));
        json!({
            "key": self.key.name,
            "of": self.of,
            "required": self.key.required,
            "description": self.key.about,
            "fields": inner.collect::<Vec<_>>(),
        })
    }
}

/// The mapping that may stand behind a key, also in a list or under names.
fn keys(form: &Form) -> Option<&'static Keys> {
    match form {
        Form::Fields(keys) | Form::File(keys) => Some(keys),
        Form::Step => Some(&STEP),
        Form::HoldStep => Some(&HOLD_STEP),
        Form::RepairStep => Some(&REPAIR_STEP),
        Form::Proof => Some(&PROOF),
        Form::Param => Some(&PARAM),
        Form::Secret => Some(&SECRET),
        Form::Named(inner) | Form::Map(inner) | Form::List(inner) | Form::Filled(inner) | Form::OneOrList(inner) => {
            keys(inner)
        }
        Form::Either(forms) => forms.iter().find_map(keys),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_the_keys_behind_it() {
        let text = find("retry").unwrap().text();
        assert!(text.starts_with("retry: a key of a step\n") && text.contains("\n  backoff: "), "{text}");
        assert!(find("needs").unwrap().text().contains("\n  step (required): "));
        assert!(find("params").unwrap().text().contains("\n  pattern: "));
        for inner in ["escalate_after", "within", "stable_for", "expect", "minimum", "attempts", "because"] {
            assert!(find(inner).is_some(), "{inner}");
        }
        assert!(find("no").is_none());
    }
}
