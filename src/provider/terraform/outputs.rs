//! The outputs of a module, typed as they are.

use serde_json::Value;

use crate::kind::Outputs;
use crate::model::Fault;

/// What may be put out, and the names of what may not.
#[derive(Debug, Default)]
pub struct Taken {
    pub outputs: Outputs,
    /// Sensitive ones that cannot be sealed: in the journal they would be in clear.
    pub withheld: Vec<(String, Fault)>,
}

/// Reads `output -json`. `seal` makes of a name and its value what records may hold.
pub fn taken(all: &Value, seal: impl Fn(&str, &Value) -> Result<Value, Fault>) -> Taken {
    let mut taken = Taken::default();
    for (name, output) in all.as_object().into_iter().flatten() {
        let value = &output["value"];
        match if output["sensitive"] == true { seal(name, value) } else { Ok(value.clone()) } {
            Ok(value) => {
                taken.outputs.insert(name.clone(), value);
            }
            Err(why) => taken.withheld.push((name.clone(), why)),
        }
    }
    taken
}

impl Taken {
    /// For the log.
    pub fn words(&self) -> Option<String> {
        let names: Vec<String> =
            self.withheld.iter().map(|(name, why)| format!("`{name}` ({})", why.message)).collect();
        (!names.is_empty()).then(|| format!("sensitive, and so not put out: {}", names.join(", ")))
    }
}
