//! What a saved plan would do, in words without values.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What happens to one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Create,
    Update,
    Replace,
    Delete,
    /// It leaves the state and stays in the world.
    Forget,
    /// It is taken into the state.
    Import,
}

impl Action {
    /// Something that is there now would be gone.
    pub fn destroys(self) -> bool {
        matches!(self, Action::Replace | Action::Delete)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Action::Create => "create",
            Action::Update => "update",
            Action::Replace => "replace",
            Action::Delete => "delete",
            Action::Forget => "forget",
            Action::Import => "import",
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    pub address: String,
    pub action: Action,
    /// A part of an earlier try was left behind, and Terraform wants to make it anew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tainted: bool,
    /// Which attributes change, by name.
    #[serde(skip)]
    pub attributes: Vec<String>,
}

impl Change {
    fn read(value: &Value) -> Option<Self> {
        let change = &value["change"];
        let actions: Vec<&str> = change["actions"].as_array()?.iter().filter_map(Value::as_str).collect();
        let action = match actions.as_slice() {
            ["no-op"] if change.get("importing").is_some() => Action::Import,
            ["no-op" | "read"] => return None,
            ["create"] => Action::Create,
            ["update"] => Action::Update,
            ["delete"] => Action::Delete,
            ["forget"] => Action::Forget,
            // Both orders of a replace, and what a later version may join: the one that takes something away counts.
            _ => Action::Replace,
        };
        let mut address = value["address"].as_str()?.to_owned();
        if let Some(deposed) = value["deposed"].as_str() {
            address = format!("{address} (deposed {deposed})");
        }
        let tainted = value["action_reason"] == "replace_because_tainted";
        Some(Self { address, action, tainted, attributes: differing(change) })
    }

    pub fn words(&self) -> String {
        let mut words = format!("{} {}", self.action, self.address);
        if self.tainted {
            words += ", which an earlier try left half made";
        } else if matches!(self.action, Action::Update | Action::Replace) && !self.attributes.is_empty() {
            words = format!("{words} ({})", self.attributes.join(", "));
        }
        words
    }

    /// Whether `approved` covers it.
    pub fn is_among(&self, approved: &[Change]) -> bool {
        !self.tainted && approved.iter().any(|other| (&other.address, other.action) == (&self.address, self.action))
    }
}

/// Names only: values may be secret.
fn differing(change: &Value) -> Vec<String> {
    let (Value::Object(before), Value::Object(after)) = (&change["before"], &change["after"]) else {
        return Vec::new();
    };
    let unknown = |name: &String| change["after_unknown"].get(name).is_some_and(|value| *value != Value::Bool(false));
    let names = before.keys().chain(after.keys().filter(|name| !before.contains_key(*name)));
    names.filter(|name| before.get(*name) != after.get(*name) && !unknown(name)).cloned().collect()
}

/// What `show -json` of a saved plan says.
#[derive(Debug)]
pub struct Plan {
    pub changes: Vec<Change>,
    pub outputs: Vec<String>,
    /// The variables that the module has.
    pub variables: Vec<String>,
    pub terraform_version: String,
}

impl Plan {
    pub fn read(plan: &Value) -> Self {
        let changes = plan["resource_changes"].as_array().into_iter().flatten().filter_map(Change::read).collect();
        let moved = |value: &Value| value["actions"].as_array().is_some_and(|actions| *actions != ["no-op"]);
        let outputs = plan["output_changes"].as_object().into_iter().flatten();
        let variables = plan["configuration"]["root_module"]["variables"].as_object().into_iter().flatten();
        Self {
            changes,
            outputs: outputs.filter(|(_, value)| moved(value)).map(|(name, _)| name.clone()).collect(),
            variables: variables.map(|(name, _)| name.clone()).collect(),
            terraform_version: plan["terraform_version"].as_str().unwrap_or_default().to_owned(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.outputs.is_empty()
    }

    /// One fact a line.
    pub fn words(&self) -> Vec<String> {
        let mut words: Vec<String> = self.changes.iter().map(Change::words).collect();
        words.extend(self.outputs.iter().map(|name| format!("output {name} changes")));
        words
    }

    pub fn sums(&self) -> String {
        let count = |action| self.changes.iter().filter(|change| change.action == action).count();
        let all = [Action::Create, Action::Update, Action::Replace, Action::Delete, Action::Forget, Action::Import];
        let parts: Vec<String> = all
            .into_iter()
            .filter(|action| count(*action) > 0)
            .map(|action| format!("{} to {action}", count(action)))
            .collect();
        if parts.is_empty() { "nothing but outputs changes".into() } else { parts.join(", ") }
    }
}

/// Whether one of the patterns allows that this address goes: `*` stands for any text, `?` for one character.
pub fn is_allowed(address: &str, patterns: &[String]) -> bool {
    patterns.iter().any(|pattern| {
        let text = regex::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        regex::Regex::new(&format!("^{text}$")).is_ok_and(|pattern| pattern.is_match(address))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_plan_is_told_by_address_and_never_by_value() {
        let plan = json!({"resource_changes": [
            {"address": "a", "change": {"actions": ["create"], "before": null, "after": {"pw": "hush"}}},
            {"address": "b", "change": {"actions": ["update"], "before": {"x": 1, "y": 2}, "after": {"x": 3, "y": 2}}},
            {"address": "c", "action_reason": "replace_because_tainted", "change": {"actions": ["delete", "create"]}},
            {"address": "d", "change": {"actions": ["no-op"]}},
            {"address": "data.e", "change": {"actions": ["read"]}},
            {"address": "f", "change": {"actions": ["create", "delete"], "before": {"k": 1}, "after": {"k": 2}}}],
            "output_changes": {"o": {"actions": ["create"]}, "p": {"actions": ["no-op"]}}});
        let plan = Plan::read(&plan);
        assert_eq!(
            plan.words(),
            [
                "create a",
                "update b (x)",
                "replace c, which an earlier try left half made",
                "replace f (k)",
                "output o changes"
            ]
        );
        assert_eq!(plan.sums(), "1 to create, 1 to update, 2 to replace");
    }

    #[test]
    fn only_what_was_approved_in_the_same_way_is_covered() {
        let change =
            |address: &str, action, tainted| Change { address: address.into(), action, tainted, attributes: vec![] };
        let approved = [change("a", Action::Create, false), change("b", Action::Replace, false)];
        assert!(change("a", Action::Create, false).is_among(&approved));
        assert!(!change("a", Action::Update, false).is_among(&approved));
        assert!(!change("b", Action::Replace, true).is_among(&approved));
        assert!(!change("z", Action::Create, false).is_among(&approved));
    }

    #[test]
    fn a_pattern_means_whole_addresses() {
        let allows = |pattern: &str, address: &str| is_allowed(address, &[pattern.to_owned()]);
        assert!(allows("aws_instance.web[0]", "aws_instance.web[0]"));
        assert!(allows("module.db.*", "module.db.aws_x.y[\"k\"]"));
        assert!(!allows("aws_instance.web", "aws_instance.web[0]"));
        assert!(!allows("web", "aws_instance.web"));
        assert!(!allows("", "aws_instance.web"));
    }
}
