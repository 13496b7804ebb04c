//! What `run` takes.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::model::secret::Secret;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The program and its arguments. No shell is in between.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// A script for `/bin/sh -eu`. It takes values by `env`, never by templates.
    #[serde(default)]
    pub script: Option<String>,
    /// Environment of the command, beside `PATH`, `HOME`, `LANG`, `TZ` and what regrow says of the run.
    #[serde(default)]
    pub env: BTreeMap<String, Secret>,
    /// Where it runs; the folder of the runbook unless said.
    #[serde(default)]
    pub dir: Option<String>,
    /// What it puts out, by name: written as `name=value` to `$REGROW_OUTPUT`. Other names are not taken.
    #[serde(default)]
    pub outputs: IndexMap<String, OutputSpec>,
    /// What it does to the world. `opaque` is never run again by itself after a crash.
    #[serde(default)]
    pub effect: EffectParam,
    /// Tells after a crash what became of it: exit code 0 done, 1 not done, 2 still running. Where it is done, the outputs are
    /// written to `$REGROW_OUTPUT` as the command would have.
    #[serde(default)]
    pub probe: Option<Vec<String>>,
    /// What it reads.
    #[serde(default)]
    pub stdin: Option<Secret>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EffectParam {
    /// Changes nothing: run again after a crash.
    Read,
    /// Doing it twice gives the same: run again after a crash.
    Convergent,
    /// Anything else: after a crash without result, `probe` or a person decides.
    #[default]
    Opaque,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    #[serde(default, rename = "type")]
    pub kind: OutputKind,
    /// Never shown: sealed until the run ends, and taken only by fields that take secrets.
    #[serde(default)]
    pub secret: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputKind {
    #[default]
    String,
    Integer,
    Number,
    Boolean,
    Timestamp,
    /// As JSON.
    List,
    /// As JSON.
    Map,
}
