//! What a state says of itself.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub lineage: String,
    pub serial: u64,
    /// It holds values that its module calls sensitive.
    pub is_sensitive: bool,
}

impl State {
    /// None: there is no state yet.
    pub fn read(text: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(text).ok()?;
        let lineage = value["lineage"].as_str().filter(|lineage| !lineage.is_empty())?.to_owned();
        let serial = value["serial"].as_u64()?;
        let outputs = value["outputs"].as_object().into_iter().flatten();
        let resources = value["resources"].as_array().into_iter().flatten();
        let instances = resources.flat_map(|it| it["instances"].as_array().into_iter().flatten());
        let marked = |it: &Value| it["sensitive_attributes"].as_array().is_some_and(|list| !list.is_empty());
        let is_sensitive =
            outputs.into_iter().any(|(_, it)| it["sensitive"] == true) || instances.into_iter().any(marked);
        Some(Self { lineage, serial, is_sensitive })
    }

    /// Whether it is what `other` became.
    pub fn follows(&self, other: Option<&State>) -> bool {
        other.is_none_or(|other| other.lineage == self.lineage && self.serial > other.serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_follows_one_of_its_own_lineage_only() {
        let state = |lineage: &str, serial: u64| {
            State::read(&format!(r#"{{"version":4,"serial":{serial},"lineage":"{lineage}"}}"#)).unwrap()
        };
        assert!(state("a", 2).follows(Some(&state("a", 1))));
        assert!(state("a", 2).follows(None));
        assert!(!state("a", 1).follows(Some(&state("a", 1))));
        assert!(!state("b", 2).follows(Some(&state("a", 1))));
        assert_eq!(State::read(""), None);
    }

    #[test]
    fn what_is_sensitive_is_seen() {
        let read = |text: &str| State::read(text).unwrap().is_sensitive;
        assert!(read(r#"{"serial":1,"lineage":"a","outputs":{"p":{"value":"x","sensitive":true}}}"#));
        assert!(read(r#"{"serial":1,"lineage":"a","resources":[{"instances":[{"sensitive_attributes":[[]]}]}]}"#));
        assert!(!read(r#"{"serial":1,"lineage":"a","resources":[{"instances":[{"sensitive_attributes":[]}]}]}"#));
    }
}
