//! How times, lengths and values are written for people, everywhere alike.

use jiff::Timestamp;
use serde_json::{Map, Value};

pub use crate::model::amount::{count, grouped};
use crate::model::sealed;

pub use crate::model::time::{span, stamp};

/// [`stamp`] as one word, for the start of a line.
pub fn stamp_word(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `14:05:00Z`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

pub fn span_seconds(seconds: i64) -> String {
    match seconds {
        0 => "0s".into(),
        // Tenths would say more than is known.
        1..=9 => format!("{seconds}s"),
        _ => span(seconds.unsigned_abs() * 1000),
    }
}

/// Milliseconds from `earlier` to `later`, never below zero.
pub fn between(earlier: Timestamp, later: Timestamp) -> u64 {
    u64::try_from(later.duration_since(earlier).as_millis()).unwrap_or(0)
}

/// A value on one line: text as it is, everything else as JSON.
pub fn value(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value on one line of at most `most` characters.
pub fn short(value: &Value, most: usize) -> String {
    let text = super::clean::word(&self::value(&with_placeholders(value)));
    if text.chars().count() <= most {
        return text;
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The outputs that fit a line: plain values first, three of them.
pub fn key_outputs(outputs: &Map<String, Value>) -> String {
    let plain = outputs.iter().filter(|(_, value)| !value.is_object() && !value.is_array() && !value.is_null());
    let all: Vec<String> = plain.map(|(name, value)| format!("{name}={}", short(value, 48))).collect();
    let shown = all.iter().take(3).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > 3 { format!("{shown}, …") } else { shown }
}

/// Values as a person reads them: where a secret goes, the template that names it stands.
pub fn with_placeholders(value: &Value) -> Value {
    match value {
        Value::Object(_) if sealed::read(value).is_some() => "(secret)".into(),
        Value::Object(map) if map.contains_key("$secret") => map["$secret"].clone(),
        Value::Object(map) => map.iter().map(|(name, value)| (name.clone(), with_placeholders(value))).collect(),
        Value::Array(list) => list.iter().map(with_placeholders).collect(),
        other => other.clone(),
    }
}

/// Outputs as a person reads them.
pub fn shown(outputs: &Map<String, Value>) -> Map<String, Value> {
    outputs.iter().map(|(name, value)| (name.clone(), with_placeholders(value))).collect()
}

/// One word of a command line, quoted where a shell would tear it apart.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// The first of these, and how many more there are.
pub fn named(all: &[String], most: usize, between: &str) -> String {
    let more = if all.len() > most { format!(" and {} more", all.len() - most) } else { String::new() };
    format!("{}{more}", all[..all.len().min(most)].join(between))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_in_two_units() {
        let cases =
            [(0, "0ms"), (340, "340ms"), (4200, "4.2s"), (42_000, "42s"), (192_000, "3m12s"), (3_900_000, "1h05m")];
        for (millis, text) in cases {
            assert_eq!(span(millis), text);
        }
        assert_eq!(span(183_600_000), "2d03h");
    }

    #[test]
    fn a_secret_stands_as_its_template_and_a_word_is_quoted() {
        let inputs = serde_json::json!({"url": "x", "password": {"$secret": "{{ secrets.p }}"}});
        assert_eq!(with_placeholders(&inputs), serde_json::json!({"url": "x", "password": "{{ secrets.p }}"}));
        let output = sealed::placeholder("c2VhbGVk", "token.key");
        assert_eq!(short(&serde_json::json!([output]), 40), r#"["(secret)"]"#);
        assert_eq!(shell_word("db/load:orders"), "db/load:orders");
        assert_eq!(shell_word("load:a b"), "'load:a b'");
    }
}
