//! Values without room to grow. The journal's reader makes objects with room for entries that never come; ten thousand steps
//! hold two of them each for as long as the run lasts, and four fifths of that would be room.

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

/// A copy of `value` that takes no more than it needs.
pub fn value(value: &Value) -> Value {
    match value {
        Value::Object(entries) => Value::Object(map(entries)),
        Value::Array(items) => Value::Array(items.iter().map(self::value).collect()),
        plain => plain.clone(),
    }
}

pub fn map(entries: &Map<String, Value>) -> Map<String, Value> {
    let mut copy = Map::with_capacity(entries.len());
    copy.extend(entries.iter().map(|(name, entry)| (name.clone(), value(entry))));
    copy
}

pub fn read_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer).map(|read| value(&read))
}

pub fn read_map<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Map<String, Value>>, D::Error> {
    Option::<Map<String, Value>>::deserialize(deserializer).map(|read| read.as_ref().map(map))
}
