//! `params`: what may be asked of the person who starts a run.

use indexmap::IndexMap;
use serde_json::Value;

use super::fields::Fields;
use super::{scalars, top};
use crate::runbook::ast::{ParamSpec, ParamType};
use crate::runbook::codes;
use crate::runbook::diagnostic::Report;
use crate::runbook::keys;
use crate::runbook::params::fit;
use crate::runbook::tree::{Entry, Name, Node, Tree};

pub fn specs(entry: Entry, report: &mut Report) -> IndexMap<String, ParamSpec> {
    let mut specs = IndexMap::new();
    for param in top::named(entry, "parameters", report) {
        if let Some(spec) = spec(param.value, &param.key, report) {
            specs.insert(param.key.text, spec);
        }
    }
    specs
}

fn spec(tree: Tree, name: &Name, report: &mut Report) -> Option<ParamSpec> {
    let mut fields = Fields::open(tree, Some(name), &keys::PARAM, report)?;
    let kind = match fields.take("type") {
        Some(entry) => scalars::word(&entry.value, &entry.key, ParamType::ALL, report).unwrap_or(ParamType::String),
        None => ParamType::String,
    };
    let mut spec = ParamSpec {
        kind,
        default: None,
        required_if: None,
        choices: Vec::new(),
        pattern: fields.take("pattern").and_then(|entry| pattern(&entry, report)),
        items: fields.take("items").and_then(|entry| items(entry, kind, report)),
        example: None,
        description: fields.take("description").and_then(|entry| scalars::text(&entry, report)),
        span: name.span,
    };
    spec.choices = fields.take("enum").map(|entry| choices(entry, &spec, report)).unwrap_or_default();
    spec.example = fields.take("example").and_then(|entry| fitting(&entry, &spec, report));
    if let Some(entry) = fields.take("required_if") {
        if let Some(default) = fields.key_span("default") {
            let message = format!("`{}` has a `default`, so it is never missing", name.text);
            report.error_help(codes::NOT_ALLOWED, default, message, "take `default` or `required_if` away");
        }
        spec.required_if = scalars::condition(&entry, report).map(Box::new);
    }
    if let Some(entry) = fields.take("default") {
        if is_secret_name(&name.text) {
            let message = format!("the parameter `{}` holds a secret in clear text", name.text);
            let help = format!("declare it under `secrets:`: `{}: {{ from: env, key: NAME }}`", name.text);
            report.error_help(codes::SECRET_IN_CLEAR, scalars::place(&entry.value, Some(&entry.key)), message, help);
        }
        // A default that does not fit still makes the parameter optional.
        spec.default = Some(fitting(&entry, &spec, report).unwrap_or(Value::Null));
    }
    Some(spec)
}

fn pattern(entry: &Entry, report: &mut Report) -> Option<String> {
    let text = scalars::text(entry, report)?;
    if let Err(error) = regex::Regex::new(&text) {
        let why = error.to_string();
        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_string();
        report.error_help(codes::BAD_PATTERN, entry.value.span, format!("`{text}` is no regular expression"), why);
        return None;
    }
    Some(text)
}

fn items(entry: Entry, kind: ParamType, report: &mut Report) -> Option<ParamType> {
    if !matches!(kind, ParamType::List | ParamType::Map) {
        let message = format!("`items` belongs to a list or a map, not to `type: {}`", kind.word());
        let help = "take `items` away, or write `type: list`";
        report.error_help(codes::NOT_ALLOWED, entry.key.span, message, help);
        return None;
    }
    // `items: {type: integer}` is what users of JSON Schema write.
    if matches!(entry.value.node, Node::Map(_)) {
        let mut fields = Fields::open(entry.value, Some(&entry.key), &keys::ITEMS, report)?;
        let inner = fields.require("type", report)?;
        return scalars::word(&inner.value, &inner.key, ParamType::ALL, report);
    }
    scalars::word(&entry.value, &entry.key, ParamType::ALL, report)
}

fn choices(entry: Entry, spec: &ParamSpec, report: &mut Report) -> Vec<Value> {
    let key = entry.key.clone();
    let at = scalars::place(&entry.value, Some(&key));
    let Some(list) = scalars::list(entry, report) else { return Vec::new() };
    if list.is_empty() {
        let help = "list what is allowed: `enum: [one, two]`";
        report.error_help(codes::MISSING_FIELD, at, "`enum` holds no value", help);
    }
    // The values of a list are chosen one by one.
    let of_item = ParamSpec { kind: spec.items.unwrap_or(ParamType::String), ..spec.clone() };
    let spec = if spec.kind == ParamType::List { &of_item } else { spec };
    list.into_iter().filter_map(|value| fitting(&Entry { key: key.clone(), value }, spec, report)).collect()
}

/// The value, if it fits its own parameter.
pub fn fitting(entry: &Entry, spec: &ParamSpec, report: &mut Report) -> Option<Value> {
    let value = value(&entry.value, Some(&entry.key), report)?;
    if spec.kind == ParamType::Timestamp && value == "now" {
        return Some(value);
    }
    match fit(&value, spec) {
        Ok(value) => Some(value),
        Err(misfit) => {
            let at = scalars::place(&entry.value, Some(&entry.key));
            let message = format!("`{}` does not fit the parameter: {}", entry.key.text, misfit.message);
            report.error_help(misfit.code, at, message, misfit.help);
            None
        }
    }
}

/// A tree without templates as a value.
pub fn value(tree: &Tree, key: Option<&Name>, report: &mut Report) -> Option<Value> {
    let mut good = true;
    tree.walk(key, &mut |key, inner| {
        if inner.as_text().is_some_and(|text| text.contains("{{")) {
            scalars::forbidden(inner, key, report);
            good = false;
        }
    });
    good.then(|| tree.written())
}

/// Whether a key names something that must not stand in clear text.
pub fn is_secret_name(name: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "password",
        "passwd",
        "passphrase",
        "secret",
        "token",
        "access_key",
        "secret_key",
        "api_key",
        "apikey",
        "private_key",
        "credential",
        "credentials",
        "pwd",
    ];
    let name = name.to_ascii_lowercase().replace('-', "_");
    ENDINGS.iter().any(|ending| name.ends_with(ending))
}
