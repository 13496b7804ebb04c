//! The outputs of a module, typed as they are.

use serde_json::Value;

use crate::kind::Outputs;

/// What may be put out, and the names of what may not.
#[derive(Debug, Default)]
pub struct Taken {
    pub outputs: Outputs,
    /// Sensitive: sealed outputs are not in this version, and in the journal they would be in clear.
    pub withheld: Vec<String>,
}

/// Reads `output -json`.
pub fn taken(all: &Value) -> Taken {
    let mut taken = Taken::default();
    for (name, output) in all.as_object().into_iter().flatten() {
        if output["sensitive"] == true {
            taken.withheld.push(name.clone());
        } else {
            taken.outputs.insert(name.clone(), output["value"].clone());
        }
    }
    taken
}

impl Taken {
    /// For the log.
    pub fn words(&self) -> Option<String> {
        let names: Vec<String> = self.withheld.iter().map(|name| format!("`{name}`")).collect();
        (!names.is_empty()).then(|| format!("sensitive, and so not put out: {}", names.join(", ")))
    }
}
