//! What all kinds of Terraform take, and what is wrong with it before anything runs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Deserialize;
use serde_json::Value;

use super::module::Binary;
use crate::model::secret::Secret;
use crate::runbook::catalog::{Complaint, Known, Late};

/// Values of the module's variables. They may be secrets: they go by the environment and are never written down.
#[derive(Clone, Default, Deserialize)]
#[serde(transparent)]
pub struct Vars(pub BTreeMap<String, Value>);

impl JsonSchema for Vars {
    fn schema_name() -> Cow<'static, str> {
        "Vars".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": "object", "additionalProperties": {"x-regrow-secret": true}})
    }
}

impl Vars {
    /// As Terraform reads them from its environment: text as it is, everything else as an expression.
    pub fn environment(&self) -> impl Iterator<Item = (String, String)> {
        self.0.iter().map(|(name, value)| {
            let text = match value {
                Value::String(text) => text.clone(),
                // JSON is an expression of theirs too, once nothing in it reads as a template.
                other => other.to_string().replace("${", "$${").replace("%{", "%%{"),
            };
            (format!("TF_VAR_{name}"), text)
        })
    }
}

/// Which module it is, and how its state and its providers are reached.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Reach {
    /// Folder of the module.
    pub dir: String,
    /// Which program is called.
    #[serde(default)]
    pub binary: Binary,
    /// The workspace of the state; the default one unless said.
    #[serde(default)]
    pub workspace: Option<String>,
    /// What the module's backend block leaves open. No secrets: the backends take those from `env`.
    #[serde(default)]
    pub backend_config: BTreeMap<String, String>,
    /// Folder with the providers, as `terraform providers mirror` makes it, so that no registry is asked; the folder
    /// `terraform-mirror` beside the runbook, where there is one, unless said.
    #[serde(default)]
    pub mirror: Option<String>,
    /// What providers and backend take from the environment: credentials, regions, endpoints.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
}

/// What a plan of the module is made of.
#[derive(Clone, Deserialize, JsonSchema)]
pub struct Planning {
    /// Values of the module's variables. Secrets are taken: they go by the environment.
    #[serde(default)]
    pub vars: Vars,
    /// Files with values of variables.
    #[serde(default)]
    pub var_files: Vec<String>,
    /// Only these addresses and what they need.
    #[serde(default)]
    pub targets: Vec<String>,
    /// How many things at once; 10 unless said.
    #[serde(default)]
    pub parallelism: Option<u32>,
}

/// Names of the environment that change what Terraform does behind the runbook's back, or print secrets.
const OURS: [&str; 6] = ["TF_CLI_ARGS", "TF_LOG", "TF_DATA_DIR", "TF_CLI_CONFIG_FILE", "TF_WORKSPACE", "TF_VAR_"];

/// What a module is about, as far as the text of a step says it.
pub fn described(with: &Late<'_>) -> Option<String> {
    with.text(&["dir"]).map(|dir| format!("what the module {dir} describes"))
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let complaint = |path: &[&str], message: String, help: &str| Complaint {
        path: path.iter().map(|part| (*part).to_owned()).collect(),
        code: "RG2713",
        message,
        help: Some(help.to_owned()),
    };
    let mut found = Vec::new();
    if let Known::Known(Value::Object(env)) = with.get(&["env"]) {
        let taken = env.keys().filter(|name| OURS.iter().any(|ours| name.starts_with(ours)));
        found.extend(taken.map(|name| {
            let help =
                "variables of the module go into `vars`, the workspace into `workspace`; the rest is regrow's own";
            complaint(&["env", name], format!("`{name}` is not taken from `env`"), help)
        }));
    }
    if let Known::Known(Value::Number(number)) = with.get(&["parallelism"])
        && number.as_u64() == Some(0)
    {
        found.push(complaint(&["parallelism"], "`parallelism` is at least 1".into(), "leave it out for 10"));
    }
    if let Known::Known(Value::Object(vars)) = with.get(&["vars"]) {
        let odd = vars.keys().filter(|name| name.is_empty() || name.contains(['=', '\0', ' ']));
        found.extend(odd.map(|name| {
            complaint(
                &["vars", name],
                format!("`{name}` is no name of a variable"),
                "write the name as the module does",
            )
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_reaches_the_module_as_it_was() {
        let vars: Vars =
            serde_json::from_value(json!({"a": "${x}", "b": {"k": "${x} %{y}"}, "c": 3, "d": [true]})).unwrap();
        let env: BTreeMap<_, _> = vars.environment().collect();
        assert_eq!(env["TF_VAR_a"], "${x}");
        assert_eq!(env["TF_VAR_b"], r#"{"k":"$${x} %%{y}"}"#);
        assert_eq!((env["TF_VAR_c"].as_str(), env["TF_VAR_d"].as_str()), ("3", "[true]"));
    }

    #[test]
    fn what_would_act_behind_the_runbooks_back_is_refused() {
        let with = json!({"dir": "infra", "env": {"TF_LOG": "trace", "AWS_REGION": "x"}, "parallelism": 0});
        let paths: Vec<_> = check(&Late { value: &with }).into_iter().map(|it| it.path.join(".")).collect();
        assert_eq!(paths, ["env.TF_LOG", "parallelism"]);
    }
}
