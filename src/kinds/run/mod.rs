//! `run`: a command or a script, under the supervisor.
//!
//! Exit code 0 is success. After a crash its result is taken, or it is watched again; dead without result it is run again
//! only where the runbook says that this is harmless (`effect`), else `probe` or a person decides.

mod output;
mod params;
mod probe;
mod remove;
mod secret;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde_json::{Value, json};

pub use params::Params;
use params::{EffectParam, OutputKind};

use crate::kind::{Found, Kind, Next, Op, Outputs, ReadCx, Rehearsal, Scratch, Undone, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::clock;
use crate::provider::process::{self, Ended, Fate, Job, JobFiles, Outcome, Program, Sealing};
use crate::runbook::catalog::{Complaint, InPlace, Known, Late, OutputType, Shape};

pub struct Run;

type RunOp = Op<Params, Value>;

impl Kind for Run {
    const NAME: &'static str = "run";
    const PAGE: &'static str = include_str!("page.md");
    const PREPARES: bool = false;
    type Params = Params;
    type Prior = Value;

    fn example() -> &'static str {
        "\
id: count
uses: run
needs: []
with:
  script: |
    echo \"files=$(ls | wc -l)\" >> \"$REGROW_OUTPUT\"
  outputs: { files: { type: integer } }
  effect: read
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let given = |name: &str| !matches!(with.get(&[name]), Known::Absent);
        let complaint = |path: &str, message: &str, help: &str| Complaint {
            path: vec![path.into()],
            code: "RG0507",
            message: message.into(),
            help: Some(help.into()),
        };
        match (given("command"), given("script")) {
            (true, true) => {
                vec![complaint("script", "`run` takes `command` or `script`, not both", "leave one of them out")]
            }
            (false, false) => vec![Complaint {
                path: Vec::new(),
                code: "RG0507",
                message: "`run` needs a `command` or a `script`".into(),
                help: Some("write `command: [program, argument]`, or `run: |` with a script".into()),
            }],
            _ => Vec::new(),
        }
    }

    fn effect(&self, with: &Late<'_>) -> Effect {
        match with.get(&["effect"]) {
            Known::Known(Value::String(word)) if word == "read" => Effect::Read,
            Known::Known(Value::String(word)) if word == "convergent" => Effect::ConvergentSet,
            _ => Effect::Opaque,
        }
    }

    fn drill(&self, _: &Late<'_>, _: &Scratch<'_>) -> Rehearsal {
        Rehearsal::LeftOut("what its command does is known to its author alone")
    }

    /// What a command replaces is known to its author alone.
    fn in_place(&self, with: &Late<'_>) -> InPlace {
        match self.effect(with) {
            Effect::Read => InPlace::No,
            _ => InPlace::CannotTell,
        }
    }

    fn outputs(&self, with: &Late<'_>) -> Shape {
        let mut shape = BTreeMap::from([("exit_code".to_string(), OutputType::Integer)]);
        if let Known::Known(Value::Object(declared)) = with.get(&["outputs"]) {
            shape.extend(declared.iter().map(|(name, spec)| (name.clone(), output_type(spec))));
        }
        Shape::Closed(shape)
    }

    async fn find(&self, cx: &ReadCx, op: &RunOp) -> Result<Found, Fault> {
        let evidence = match process::fate(&op.id, &JobFiles::of(&cx.work, op), op.boot == clock::boot())? {
            Fate::Supervised | Fate::Orphaned(_) => return Ok(Found::Running),
            Fate::NeverBegan => return Ok(Found::Absent),
            Fate::Ended(outcome) => {
                return Ok(match ended(cx, op, *outcome) {
                    Ok(next) => Found::Done(next),
                    Err(fault) => Found::Failed(fault),
                });
            }
            Fate::Lost => "it began and is gone; its supervisor left no result",
        };
        match op.params.effect {
            EffectParam::Read | EffectParam::Convergent => Ok(Found::Absent),
            EffectParam::Opaque => probe::ask(cx, op, evidence).await,
        }
    }

    async fn start(&self, cx: &WriteCx, op: &RunOp) -> Result<(), Fault> {
        secret::can_be_kept(cx, op)?;
        let argv = match (&op.params.command, &op.params.script) {
            (Some(command), _) => command.clone(),
            (None, Some(script)) => vec!["/bin/sh".into(), "-euc".into(), script.clone()],
            (None, None) => return Err(Fault::new("RG0507", "`run` needs a `command` or a `script`")),
        };
        let files = JobFiles::of(&cx.work, op);
        process::start(cx, &op.id, &files, &job(cx, op, argv, &files)).await
    }

    async fn watch(&self, cx: &ReadCx, op: &RunOp) -> Result<Next, Fault> {
        ended(cx, op, process::watch(&op.id, &JobFiles::of(&cx.work, op)).await?)
    }

    async fn undo(&self, cx: &WriteCx, op: &RunOp, undo: &Value, _: &Outputs) -> Result<Undone, Fault> {
        let argv: Vec<String> = serde_json::from_value(undo.clone())
            .map_err(|_| Fault::new("RG2014", "`undo` of `run` is a list: the program and its arguments"))?;
        let (files, same_boot) = (JobFiles::of(&cx.work, op), op.boot == clock::boot());
        let job = job(cx, op, argv.clone(), &files);
        let outcome = process::once(cx, &op.id, &files, same_boot, &job).await.map_err(|fault| match fault.retry {
            RetryClass::Unknown => fault.hint("look whether it was taken back before `regrow undo` does it again"),
            _ => fault,
        })?;
        succeeded(&outcome, op)?;
        Ok(vec![format!("ran `{}`", argv.join(" "))].into())
    }

    async fn remove(&self, cx: &WriteCx, entry: &LedgerEntry, with: &Value) -> Result<(), Fault> {
        remove::remove(cx, entry, with).await
    }
}

fn output_type(spec: &Value) -> OutputType {
    if spec["secret"] == true {
        return OutputType::Secret;
    }
    match serde_json::from_value(spec.get("type").cloned().unwrap_or_default()).unwrap_or_default() {
        OutputKind::String => OutputType::Text,
        OutputKind::Integer => OutputType::Integer,
        OutputKind::Number => OutputType::Number,
        OutputKind::Boolean => OutputType::Boolean,
        OutputKind::Timestamp => OutputType::Timestamp,
        OutputKind::List => OutputType::List,
        OutputKind::Map => OutputType::Map,
    }
}

fn job(cx: &WriteCx, op: &RunOp, argv: Vec<String>, files: &JobFiles) -> Job {
    Job {
        program: Program::Command(argv),
        dir: dir(cx, op),
        env: process::environment(cx, op, own_env(op)),
        stdin: op.params.stdin.as_ref().map(|text| text.expose().to_string()),
        secrets: cx.secrets.iter().map(|secret| secret.expose().to_string()).collect(),
        seal: cx.seal.as_ref().filter(|_| op.params.outputs.values().any(|it| it.secret)).map(|seal| Sealing {
            run: op.run.clone(),
            step: op.step.clone(),
            key: seal.expose(),
        }),
        timeout_ms: op.timeout_ms,
        files: files.base().to_path_buf(),
    }
}

fn dir(cx: &ReadCx, op: &RunOp) -> PathBuf {
    op.params.dir.as_ref().map_or_else(|| cx.base.clone(), |dir| cx.path(dir))
}

fn own_env(op: &RunOp) -> impl Iterator<Item = (String, String)> {
    op.params.env.iter().map(|(name, value)| (name.clone(), value.expose().to_string()))
}

/// `name`: of the output, where it can be told.
fn leaked(name: Option<&str>) -> Fault {
    let what = name.map_or_else(|| "an output".into(), |name| format!("output `{name}`"));
    Fault::new("RG2012", format!("{what} holds a secret"))
        .hint("outputs are written down; leave the secret out, or say `secret: true` of the output")
}

/// Makes a result of what the supervisor left.
fn ended(cx: &ReadCx, op: &RunOp, outcome: Outcome) -> Result<Next, Fault> {
    succeeded(&outcome, op)?;
    let text = match &outcome.sealed {
        Some(all) => secret::unsealed(cx, all)?,
        None if outcome.leaked => return Err(leaked(output::masked(&outcome.output))),
        None => outcome.output,
    };
    let mut outputs = secret::taken(cx, op, &text)?;
    outputs.insert("exit_code".into(), json!(0));
    Ok(Next::Done(outputs))
}

fn succeeded(outcome: &Outcome, op: &RunOp) -> Result<(), Fault> {
    match &outcome.ended {
        Ended::Exit(0) => Ok(()),
        Ended::TimedOut => Err(failed(process::TIMED_OUT, process::out_of_time(op.timeout_ms), &outcome.tail)),
        other => Err(failed("RG2011", other.to_string(), &outcome.tail)),
    }
}

/// The text ends with what the command wrote to stderr last: `repair` matches on it.
fn failed(code: &str, how: String, tail: &str) -> Fault {
    let mut fault = Fault::new(code, format!("the command {how}"));
    if !tail.trim().is_empty() {
        fault.causes.push(tail.trim_end().to_string());
    }
    fault
}
