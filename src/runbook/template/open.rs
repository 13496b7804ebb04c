//! The placeholder of a secret, and the one way from it to the real text.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Template;
use super::eval::{Cx, Scope};
use crate::model::sealed::{self, SEALED};
use crate::model::{Fault, secret::Secret};
use crate::runbook::codes;

/// The key of a placeholder.
pub const SECRET: &str = "$secret";

/// Beside it where the template stands in an included file: the address of the include.
const PLACE: &str = "in";

/// Secrets at hand: by name for `secrets.NAME`, by [`sealed_name`] for sealed outputs, which are JSON.
pub type Secrets = BTreeMap<String, Secret>;

/// Placeholders that lead to placeholders; a variable may hold one, and that is all.
const MAX_DEPTH: usize = 8;

pub(super) fn placeholder(text: &str, place: Option<&str>) -> Value {
    match place {
        Some(place) => json!({ SECRET: text, PLACE: place }),
        None => json!({ SECRET: text }),
    }
}

/// The sealed value in which a path goes on, and where it goes.
pub(super) fn sealed_above<'p>(scope: &dyn Scope, path: &'p [&'p str]) -> Option<(Value, &'p [&'p str])> {
    let above = (1..path.len()).rev().find_map(|end| Some((scope.get(&path[..end])?, &path[end..])));
    above.filter(|(value, _)| sealed::read(value).is_some())
}

/// Whether a placeholder is in the value.
pub fn holds_secret(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key(SECRET) || map.contains_key(SEALED) || map.values().any(holds_secret),
        Value::Array(list) => list.iter().any(holds_secret),
        _ => false,
    }
}

/// Replaces every placeholder in `value` by the real text. The result must not be written down.
pub fn open(value: &Value, scope: &dyn Scope, secrets: &Secrets) -> Result<Value, Fault> {
    open_at(value, scope, secrets, 0)
}

fn open_at(value: &Value, scope: &dyn Scope, secrets: &Secrets, depth: usize) -> Result<Value, Fault> {
    if let Some((text, of)) = sealed::read(value) {
        return unseal(text, of, secrets);
    }
    match value {
        Value::Object(map) => match map.get(SECRET).or_else(|| map.get(SEALED)) {
            Some(Value::String(text)) if map.keys().all(|key| key == SECRET || key == PLACE) => {
                let there = scope.at(map.get(PLACE).and_then(Value::as_str));
                reveal(text, there.as_deref().unwrap_or(scope), secrets, depth)
            }
            Some(_) => Err(Fault::new(
                codes::RESERVED_KEY,
                format!("a value holds the key `{SECRET}` or `{SEALED}`, which belong to regrow"),
            )),
            None => {
                let pairs = map.iter().map(|(key, inner)| Ok((key.clone(), open_at(inner, scope, secrets, depth)?)));
                Ok(Value::Object(pairs.collect::<Result<Map<_, _>, Fault>>()?))
            }
        },
        Value::Array(list) => list.iter().map(|inner| open_at(inner, scope, secrets, depth)).collect(),
        other => Ok(other.clone()),
    }
}

fn reveal(text: &str, scope: &dyn Scope, secrets: &Secrets, depth: usize) -> Result<Value, Fault> {
    if depth >= MAX_DEPTH {
        return Err(Fault::new(
            codes::SECRET_MISSING,
            format!("`{text}` leads from one secret to the next without an end"),
        ));
    }
    let template = Template::compile(text, None)
        .map_err(|flaw| Fault::new(codes::SECRET_MISSING, format!("`{text}` cannot be opened: {}", flaw.message)))?;
    for reference in template.references() {
        let dotted = reference.dotted();
        if reference.root() == "secrets" && !secrets.contains_key(dotted.trim_start_matches("secrets.")) {
            return Err(Fault::new(codes::SECRET_MISSING, format!("the secret `{dotted}` is not at hand")));
        }
    }
    template.compute(&mut Cx::opening(&Opened { scope, secrets, depth }))
}

/// Sealed values at hand are named by their cipher texts.
pub fn sealed_name(text: &str) -> String {
    format!("{SEALED} {text}")
}

fn unseal(text: &str, of: &str, secrets: &Secrets) -> Result<Value, Fault> {
    let value = secrets.get(&sealed_name(text)).and_then(|secret| serde_json::from_str(secret.expose()).ok());
    value.ok_or_else(|| {
        Fault::new("RG2033", format!("the secret output `{of}` cannot be read: its key is gone")).hint(format!(
            "put the key back, or give the value on stdin: `regrow retry STEP`, then `regrow resume --secret-output {of}`"
        ))
    })
}

/// A scope in which secrets have their values.
struct Opened<'a> {
    scope: &'a dyn Scope,
    secrets: &'a Secrets,
    depth: usize,
}

impl Scope for Opened<'_> {
    fn get(&self, path: &[&str]) -> Option<Value> {
        if let ["secrets", name] = path {
            return self.secrets.get(*name).map(|secret| Value::String(secret.expose().to_string()));
        }
        let Some(value) = self.scope.get(path) else {
            // Inside of what is sealed as a whole.
            let (whole, rest) = sealed_above(self.scope, path)?;
            let opened = open_at(&whole, self.scope, self.secrets, self.depth + 1).ok()?;
            return super::dig(&opened, rest).cloned();
        };
        if !holds_secret(&value) {
            return Some(value);
        }
        // A fault inside becomes "has no value" here; the references were checked before.
        open_at(&value, self.scope, self.secrets, self.depth + 1).ok()
    }
}
