//! What an apply changes, in words.

use serde_json::{Map, Value};

/// Of a value that is shown.
const LONGEST: usize = 60;
/// Of an object; a person reads them at four in the morning.
const LINES: usize = 12;

/// One line a field that differs: `spec.replicas: 3 → 5`. What a secret holds is not shown.
pub fn differences(before: &Value, after: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let hidden = after["kind"] == "Secret";
    compare("", &relevant(before), &relevant(after), hidden, &mut lines);
    let more = lines.len().saturating_sub(LINES);
    lines.truncate(LINES);
    lines.extend((more > 0).then(|| format!("and {more} more fields")));
    lines
}

/// What a manifest can say: not what the server keeps for itself.
fn relevant(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, _| matches!(key.as_str(), "labels" | "annotations" | "finalizers" | "ownerReferences"));
    }
    object
}

fn compare(path: &str, before: &Value, after: &Value, hidden: bool, lines: &mut Vec<String>) {
    if before == after {
        return;
    }
    if let (Value::Object(one), Value::Object(other)) = (before, after) {
        return maps(path, one, other, hidden, lines);
    }
    if let (Value::Array(one), Value::Array(other)) = (before, after)
        && one.len() == other.len()
    {
        for (at, (one, other)) in one.iter().zip(other).enumerate() {
            compare(&format!("{path}[{at}]"), one, other, hidden, lines);
        }
        return;
    }
    let told = if hidden { "changes".to_owned() } else { format!("{} → {}", shown(before), shown(after)) };
    lines.push(format!("{path}: {told}"));
}

fn maps(path: &str, one: &Map<String, Value>, other: &Map<String, Value>, hidden: bool, lines: &mut Vec<String>) {
    let new = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(new) {
        let inner = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let at = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
        compare(&inner, &at(one), &at(other), hidden, lines);
    }
}

fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_manifest_can_say_is_compared() {
        let before = json!({"metadata": {"resourceVersion": "1", "labels": {"a": "1"}}, "spec": {"replicas": 3, "list": [1, 2]}, "status": {"x": 1}});
        let after = json!({"metadata": {"resourceVersion": "2", "labels": {"a": "1", "b": "2"}}, "spec": {"replicas": 5, "list": [1, 3]}, "status": {"x": 2}});
        let lines = ["metadata.labels.b: nothing → 2", "spec.replicas: 3 → 5", "spec.list[1]: 2 → 3"];
        assert_eq!(differences(&before, &after), lines);
        assert_eq!(differences(&before, &before), [""; 0]);
    }

    #[test]
    fn what_a_secret_holds_is_not_shown() {
        let secret = |value: &str| json!({"kind": "Secret", "data": {"password": value}});
        assert_eq!(differences(&secret("b2xk"), &secret("bmV3")), ["data.password: changes"]);
    }

    #[test]
    fn much_is_cut() {
        let long = json!({"data": {"a": "x".repeat(100)}});
        assert!(differences(&json!({}), &long)[0].chars().count() < 120);
        let many: Map<String, Value> = (0..40).map(|n| (format!("k{n}"), json!(n))).collect();
        let lines = differences(&json!({"data": {}}), &json!({"data": many}));
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (13, "and 28 more fields"));
    }
}
