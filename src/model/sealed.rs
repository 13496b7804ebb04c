//! What stands in a record for a value that was born secret: its cipher text, and whose output it is.
//!
//! The key lies beside the journal, locked with a key of the operator (`provider::seal`), and goes when the run ends. So the
//! value is there exactly where the record is, and is gone from every copy of the journal at once.

use serde_json::{Value, json};

/// The key of such a placeholder.
pub const SEALED: &str = "$sealed";
/// Beside it: `token.key`, for output `key` of step `token`.
const OF: &str = "of";

pub fn placeholder(text: &str, of: &str) -> Value {
    json!({ SEALED: text, OF: of })
}

/// The cipher text and whose it is, if the value is such a placeholder and nothing else.
pub fn read(value: &Value) -> Option<(&str, &str)> {
    let map = value.as_object().filter(|map| map.len() == 2)?;
    Some((map.get(SEALED)?.as_str()?, map.get(OF)?.as_str()?))
}

/// Calls `visit` with every one in `value`.
pub fn each<'a>(value: &'a Value, visit: &mut dyn FnMut(&'a str, &'a str)) {
    match (read(value), value) {
        (Some((text, of)), _) => visit(text, of),
        (None, Value::Object(map)) => map.values().for_each(|inner| each(inner, visit)),
        (None, Value::Array(list)) => list.iter().for_each(|inner| each(inner, visit)),
        _ => {}
    }
}
