//! Where secrets may stand in the fields of a kind, for those that only the run knows to be secret.

use serde_json::Value;

use crate::model::secret::TAKES_SECRET;
use crate::runbook::template::holds_secret;

/// The first field that holds a secret and would show it, as a path.
pub fn misplaced(with: &Value, schema: &Value) -> Option<String> {
    let fields = with.as_object().into_iter().flatten();
    let shown = |(name, value): &(&String, &Value)| !takes(value, of_field(schema, name, schema), schema);
    fields.filter(|(_, value)| holds_secret(value)).find(shown).map(|(name, _)| name.clone())
}

fn takes(value: &Value, schema: &Value, root: &Value) -> bool {
    if !holds_secret(value) || schema[TAKES_SECRET] == true {
        return true;
    }
    let target = resolved(schema, root);
    if !std::ptr::eq(target, schema) {
        return takes(value, target, root);
    }
    let branches = ["anyOf", "oneOf", "allOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
    if branches.into_iter().any(|branch| takes(value, branch, root)) {
        return true;
    }
    match value {
        // The placeholder itself.
        Value::Object(map) if map.keys().any(|key| key.starts_with('$')) => false,
        Value::Object(map) => map.iter().all(|(key, inner)| takes(inner, of_field(schema, key, root), root)),
        Value::Array(items) => items.iter().all(|item| takes(item, &schema["items"], root)),
        _ => true,
    }
}

/// What a schema refers to, or itself.
pub fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|path| root.pointer(path.trim_start_matches('#')));
    target.unwrap_or(schema)
}

/// The schema of a field.
pub fn of_field<'a>(schema: &'a Value, name: &str, root: &'a Value) -> &'a Value {
    let schema = resolved(schema, root);
    let own = &schema["properties"][name];
    if own.is_null() { &schema["additionalProperties"] } else { own }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::secret::Secret;

    #[derive(schemars::JsonSchema)]
    #[expect(dead_code, reason = "only its schema is wanted")]
    struct Fields {
        command: Option<Vec<String>>,
        env: std::collections::BTreeMap<String, Secret>,
        stdin: Option<Secret>,
        dir: Option<String>,
    }

    #[test]
    fn a_secret_is_taken_where_the_fields_say_so() {
        let schema = schemars::schema_for!(Fields).to_value();
        let secret = json!({ "$sealed": "c2VhbGVk", "of": "a.b" });
        for (with, wrong) in [
            (json!({ "env": { "A": secret }, "stdin": secret }), None),
            (json!({ "env": { "A": { "$secret": "x{{ steps.a.outputs.b }}" } } }), None),
            (json!({ "env": { "A": "x" }, "command": ["echo", secret] }), Some("command")),
            (json!({ "dir": secret }), Some("dir")),
        ] {
            assert_eq!(misplaced(&with, &schema).as_deref(), wrong, "{with}");
        }
    }
}
