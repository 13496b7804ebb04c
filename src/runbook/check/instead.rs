//! How a value of the wrong type is written, where that is plain to see.

use serde_json::Value;

use crate::runbook::schema::required;
use crate::runbook::tree::{Node, Tree};

/// `wanted` are types in words.
pub fn of_value(tree: &Tree, key: &str, wanted: &[&str]) -> Option<String> {
    let wants = |word: &str| wanted.contains(&word);
    match &tree.node {
        Node::Number(_) | Node::Bool(_) if wants("text") => Some("quote it".to_owned()),
        Node::Text(text) if wants("a whole number") && text.parse::<i64>().is_ok() => {
            Some(format!("without quotes: `{key}: {text}`"))
        }
        Node::Text(text) if wants("true or false") && matches!(text.as_str(), "true" | "false") => {
            Some(format!("without quotes: `{key}: {text}`"))
        }
        Node::Text(text) if wants("a list") && !text.contains(['\n', ',']) => {
            let items: Vec<&str> = if key == "command" { text.split_whitespace().collect() } else { vec![text] };
            Some(format!("write `{key}: [{}]`", items.join(", ")))
        }
        _ => None,
    }
}

/// The same for a mapping: the keys it has to have, else those that it may have.
pub fn of_mapping(tree: &Tree, key: &str, schema: &Value) -> Option<String> {
    let Node::Text(text) = &tree.node else { return None };
    let required = required(schema);
    let known = schema.get("properties").and_then(Value::as_object)?;
    let only = match &required[..] {
        [only] => Some(only.as_str()),
        [] => known.contains_key("type").then_some("type"),
        _ => None,
    };
    if let Some(only) = only {
        return Some(format!("write `{key}: {{ {only}: {text} }}`"));
    }
    let known = known.keys().take(6).map(|key| format!("`{key}`"));
    Some(format!("it is a mapping with keys such as {}", known.collect::<Vec<_>>().join(", ")))
}
