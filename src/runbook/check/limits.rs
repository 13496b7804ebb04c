//! The form of a text and the range of a number, as a schema asks for them.

use serde_json::Value;

use super::schema::{At, Flaw};
use crate::runbook::tree::Tree;
use crate::runbook::{codes, duration};

pub fn text_flaws(text: &str, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
    let rule = |name: &str| schema.get(name).and_then(Value::as_str);
    if let Some(pattern) = rule("pattern")
        && !regex::Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
    {
        let message = format!("{} does not have the form asked for: `{text}`", at.name());
        return vec![at.flaw(tree, codes::BAD_FORMAT, message, format!("it has to match `{pattern}`"))];
    }
    if schema.get("minLength").and_then(Value::as_u64).is_some_and(|least| (text.chars().count() as u64) < least) {
        return vec![at.flaw(tree, codes::BAD_FORMAT, format!("{} is too short", at.name()), None)];
    }
    match rule("format") {
        Some("duration") => match duration::parse(text) {
            Ok(_) => Vec::new(),
            Err(message) => vec![at.flaw(tree, codes::BAD_DURATION, message, duration::DURATION_HELP.to_string())],
        },
        Some("date-time") => match duration::parse_timestamp(text) {
            Ok(_) => Vec::new(),
            Err(message) => vec![at.flaw(tree, codes::BAD_TIMESTAMP, message, duration::TIMESTAMP_HELP.to_string())],
        },
        _ => Vec::new(),
    }
}

pub fn number_flaws(number: f64, tree: &Tree, schema: &Value, at: &At<'_>) -> Vec<Flaw> {
    let limit = |name: &str| schema.get(name).and_then(Value::as_f64);
    let (least, most) = (limit("minimum"), limit("maximum"));
    if least.is_none_or(|least| number >= least) && most.is_none_or(|most| number <= most) {
        return Vec::new();
    }
    let range = match (least, most) {
        (Some(least), Some(most)) => format!("from {least} to {most}"),
        (Some(least), None) => format!("at least {least}"),
        (None, Some(most)) => format!("at most {most}"),
        (None, None) => String::new(),
    };
    vec![at.flaw(tree, codes::OUT_OF_RANGE, format!("{} has to be {range}, not {number}", at.name()), None)]
}
