//! `command`: a probe that runs a program which only reads. Its exit code is what `expect` looks at; it never fails by itself.

use std::collections::BTreeMap;
use std::process::Stdio;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Kind, Next, Op, Outputs, ReadCx, Role};
use crate::model::secret::Secret;
use crate::model::{Effect, Fault};
use crate::provider::process;
use crate::runbook::catalog::{Late, OutputType, Shape};

pub struct Command;

/// What of its output is kept.
const CAP: usize = 16 * 1024;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The program and its arguments. No shell is in between.
    command: Vec<String>,
    /// Environment, beside `PATH`, `HOME`, `LANG`, `TZ` and what regrow says of the run.
    #[serde(default)]
    env: BTreeMap<String, Secret>,
    /// Where it runs; the folder of the runbook unless said.
    #[serde(default)]
    dir: Option<String>,
}

impl Kind for Command {
    const NAME: &'static str = "command";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    type Params = Params;
    type Prior = Value;

    fn example() -> &'static str {
        "id: site-answers\nuses: command\nneeds: []\nwith:\n  command: [test, -e, /etc/hosts]\n"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("exit_code").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        match outputs.get("exit_code") {
            Some(code) if *code != 0 => Some(Fault::new("RG2011", format!("the command ended with exit code {code}"))),
            _ => None,
        }
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("exit_code", OutputType::Integer), ("stdout", OutputType::Text)])
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, Value>) -> Result<Next, Fault> {
        let Some((program, arguments)) = op.params.command.split_first() else {
            return Err(Fault::new("RG2014", "the command is empty"));
        };
        let own = op.params.env.iter().map(|(name, value)| (name.clone(), value.expose().to_string()));
        let mut output = tokio::process::Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(process::environment(cx, op, own))
            .current_dir(op.params.dir.as_ref().map_or_else(|| cx.base.clone(), |dir| cx.path(dir)))
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|e| Fault::new("RG2011", format!("cannot start `{program}`")).caused_by(&e))?;
        let masker = cx.masker();
        masker.cut(&mut output.stdout, CAP);
        let stdout = masker.mask(String::from_utf8_lossy(&output.stdout).trim_end());
        // Ended by a signal: 128 and its number, as shells say it.
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status).unwrap_or(0);
        let code = output.status.code().unwrap_or(128 + signal);
        Ok(Next::Done(Outputs::from_iter([
            ("exit_code".to_string(), json!(code)),
            ("stdout".to_string(), json!(stdout)),
        ])))
    }
}
