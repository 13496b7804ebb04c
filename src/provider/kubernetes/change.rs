//! What differs between two forms of an object: for a machine to take back, and in words.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::OPERATION;
use crate::provider::mask::Masker;

/// Of a value that is shown.
const LONGEST: usize = 60;
/// Of an object; a person reads them at four in the morning.
const LINES: usize = 12;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// For people: `spec.list[1]`.
    pub path: String,
    /// The same as a JSON pointer: `/spec/list/1`.
    pub pointer: String,
    /// Absent where there was nothing; a null is nothing, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

/// One line a field that differs: `spec.replicas: 3 → 5`. What a secret holds is not shown.
pub fn differences(before: &Value, after: &Value, masker: &Masker) -> Vec<String> {
    told(&changes(before, after), after["kind"] == "Secret", masker)
}

/// The same of changes that are known.
pub fn told(changes: &[Change], hidden: bool, masker: &Masker) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().take(LINES).map(|change| change.told(hidden, masker)).collect();
    let more = changes.len().saturating_sub(LINES);
    lines.extend((more > 0).then(|| format!("and {more} more fields")));
    lines
}

/// The fields that a manifest can say and that differ, each as deep as it goes.
pub fn changes(before: &Value, after: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    let place = At { path: String::new(), pointer: String::new() };
    compare(place, Some(&relevant(before)), Some(&relevant(after)), &mut found);
    found
}

/// What a manifest can say: not what the server keeps for itself, nor which operation wrote it.
fn relevant(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(map) = object.as_object_mut() {
        map.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|key, _| matches!(key.as_str(), "labels" | "annotations" | "finalizers" | "ownerReferences"));
        // Each by itself: a server leaves an empty map out.
        for key in ["labels", "annotations"] {
            metadata.entry(key).or_insert_with(|| json!({}));
        }
        if let Some(annotations) = metadata["annotations"].as_object_mut() {
            annotations.remove(OPERATION);
        }
    }
    object
}

struct At {
    path: String,
    pointer: String,
}

impl At {
    fn key(&self, key: &str) -> At {
        let dot = if self.path.is_empty() { "" } else { "." };
        let escaped = key.replace('~', "~0").replace('/', "~1");
        At { path: format!("{}{dot}{key}", self.path), pointer: format!("{}/{escaped}", self.pointer) }
    }

    fn item(&self, at: usize) -> At {
        At { path: format!("{}[{at}]", self.path), pointer: format!("{}/{at}", self.pointer) }
    }
}

fn compare(at: At, before: Option<&Value>, after: Option<&Value>, found: &mut Vec<Change>) {
    let there = |value: Option<&'_ Value>| value.filter(|value| !value.is_null()).cloned();
    match (before, after) {
        (before, after) if there(before) == there(after) => {}
        (Some(Value::Object(one)), Some(Value::Object(other))) => maps(&at, one, other, found),
        // Of lists that became longer or shorter nobody can tell which item is which.
        (Some(Value::Array(one)), Some(Value::Array(other))) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                compare(at.item(index), Some(one), Some(other), found);
            }
        }
        (before, after) => {
            let At { path, pointer } = at;
            found.push(Change { path, pointer, before: there(before), after: there(after) });
        }
    }
}

fn maps(at: &At, one: &Map<String, Value>, other: &Map<String, Value>, found: &mut Vec<Change>) {
    let new = other.keys().filter(|key| !one.contains_key(*key));
    for key in one.keys().chain(new) {
        compare(at.key(key), one.get(key), other.get(key), found);
    }
}

/// The JSON merge patch that makes the one of the other.
pub fn merge_between(now: &Value, then: &Value) -> Value {
    let (Value::Object(one), Value::Object(other)) = (now, then) else { return then.clone() };
    let mut patch = Map::new();
    for key in one.keys().filter(|key| !other.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in other.iter().filter(|(key, value)| one.get(*key) != Some(*value)) {
        let inner = one.get(key).map_or_else(|| value.clone(), |old| merge_between(old, value));
        patch.insert(key.clone(), inner);
    }
    Value::Object(patch)
}

/// What stands at a JSON pointer; a null is nothing.
pub fn at<'a>(object: &'a Value, pointer: &str) -> Option<&'a Value> {
    object.pointer(pointer).filter(|value| !value.is_null())
}

/// Puts a value at a JSON pointer, or takes away what is there. Maps on the way are made; items of lists have to be there.
pub fn put(object: &mut Value, pointer: &str, value: Option<&Value>) {
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    if !parent.is_empty() && value.is_some() && object.pointer(parent).is_none_or(Value::is_null) {
        put(object, parent, Some(&json!({})));
    }
    match (object.pointer_mut(parent), value) {
        (Some(Value::Object(map)), Some(value)) => {
            map.insert(key, value.clone());
        }
        (Some(Value::Object(map)), None) => {
            map.remove(&key);
        }
        (Some(Value::Array(list)), Some(value)) => {
            if let Some(item) = key.parse().ok().and_then(|index: usize| list.get_mut(index)) {
                *item = value.clone();
            }
        }
        _ => {}
    }
}

impl Change {
    fn told(&self, hidden: bool, masker: &Masker) -> String {
        if hidden {
            return format!("{}: changes", self.path);
        }
        format!("{}: {} → {}", self.path, shown(self.before.as_ref(), masker), shown(self.after.as_ref(), masker))
    }
}

/// A value for people, not too long.
pub fn shown(value: Option<&Value>, masker: &Masker) -> String {
    let text = match value {
        None => "nothing".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", masker.excerpt(&text, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::secret::Secret;

    fn differences(before: &Value, after: &Value) -> Vec<String> {
        super::differences(before, after, &Masker::new([]))
    }

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
        let secret = json!({"data": {"a": format!("{} hush-hush-hush", "x".repeat(50))}});
        let masker = Masker::new([&Secret::new("hush-hush-hush")]);
        assert!(super::differences(&json!({}), &secret, &masker)[0].ends_with("x ***…"));
        let many: Map<String, Value> = (0..40).map(|n| (format!("k{n}"), json!(n))).collect();
        let lines = differences(&json!({"data": {}}), &json!({"data": many}));
        assert_eq!((lines.len(), lines.last().unwrap().as_str()), (13, "and 28 more fields"));
    }
    #[test]
    fn a_change_is_put_on_an_object_and_taken_off_again() {
        let before = json!({"metadata": {"labels": {"a/b": "1"}}, "spec": {"list": [{"x": 1}, {"x": 2}], "more": [1], "old": 1}});
        let after = json!({"metadata": {"annotations": {"n~": "1"}}, "spec": {"list": [{"x": 1}, {"x": 3}], "more": [1, 2], "new": {"y": null}}});
        let mut there = before.clone();
        for change in changes(&before, &after) {
            assert_eq!(at(&there, &change.pointer), change.before.as_ref(), "{}", change.pointer);
            put(&mut there, &change.pointer, change.after.as_ref());
        }
        let then = json!({"metadata": {"annotations": {"n~": "1"}, "labels": {}}, "spec": {"list": [{"x": 1}, {"x": 3}], "more": [1, 2], "new": {"y": null}}});
        assert_eq!(there, then);
        for change in changes(&before, &after) {
            put(&mut there, &change.pointer, change.before.as_ref());
        }
        assert_eq!(changes(&before, &there), []);
    }

    #[test]
    fn a_merge_patch_says_only_what_differs() {
        let now = json!({"a": {"b": 1, "c": 2}, "d": [1, 2], "e": 3, "f": 4});
        let then = json!({"a": {"b": 1, "c": 5, "g": {}}, "d": [1], "f": 4});
        assert_eq!(merge_between(&now, &then), json!({"a": {"c": 5, "g": {}}, "d": [1], "e": null}));
    }
}
