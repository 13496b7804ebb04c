//! Secret outputs at the command line: values that somebody gives are read from stdin, or asked for without an echo, and never
//! stand among the arguments.

use std::io::{self, BufRead};

use dialoguer::Password;
use serde_json::{Map, Value};

use super::context::Context;
use super::failure::ARGUMENT;
use super::looking::talk;
use super::{Failure, resume};
use crate::journal::store::RunDir;
use crate::journal::{Folder, recover};
use crate::kind::ReadCx;
use crate::model::record::Mode;
use crate::model::secret::Secret;
use crate::model::{Address, Fault};
use crate::plan::Plan;
use crate::provider::seal::Seal;
use crate::runbook::ast::Rpo;
use crate::view::clean;

/// With the values of `names`, each `STEP.NAME`.
pub fn with_given(context: &Context, names: &[String]) -> Result<Context, Failure> {
    for name in names {
        if !name.rsplit_once('.').is_some_and(|(step, output)| step.parse::<Address>().is_ok() && !output.is_empty()) {
            let why = format!("`--secret-output {name}` does not name an output of a step");
            return Err(Failure::usage(ARGUMENT, why).hint("write --secret-output STEP.NAME; the value comes on stdin"));
        }
    }
    let given = names.iter().cloned().zip(values(context, names)?).collect();
    Ok(Context { given, ..context.clone() })
}

/// Before anything is delivered: an answer is kept as it was given, and one that is refused as well.
pub fn refuse_in_clear(
    context: &Context,
    dir: &RunDir,
    step: &Address,
    outputs: &Map<String, Value>,
) -> Result<(), Failure> {
    if outputs.is_empty() {
        return Ok(());
    }
    let state = recover(&Folder::new(&dir.path))?.state;
    let plan = resume::grown(context, dir, &state)?;
    let Some(node) = plan.find(step) else { return Ok(()) };
    let shape = plan.puts_out(node);
    match outputs.keys().find(|name| shape.is_secret(name)) {
        Some(name) => {
            Err(Failure::usage(ARGUMENT, format!("output `{name}` of `{step}` is secret; nothing was recorded"))
                .hint(format!("say --secret-output {name}: its value is asked for, or read from stdin")))
        }
        None => Ok(()),
    }
}

/// Outputs of a step as records may hold them.
pub fn outputs(
    context: &Context,
    dir: &RunDir,
    step: &Address,
    names: &[String],
) -> Result<Map<String, Value>, Failure> {
    let seal = Some(Seal::take(&dir.path, &dir.id())?);
    let cx = ReadCx {
        base: dir.path.clone(),
        work: dir.work(),
        mode: Mode::Real,
        secrets: [].into(),
        seal,
        rpo: Rpo::Unsaid,
    };
    let values = values(context, names)?;
    let sealed = names
        .iter()
        .zip(values)
        .map(|(name, value)| Ok((name.clone(), cx.seal(step, name, &Value::String(value.expose().to_owned()))?)));
    Ok(sealed.collect::<Result<_, Fault>>()?)
}

fn values(context: &Context, names: &[String]) -> Result<Vec<Secret>, Failure> {
    let mut lines = io::stdin().lock().lines();
    let mut value = |name: &String| {
        let read = match context.interactive {
            true => Password::new()
                .with_prompt(clean::word(&format!("{name} (not shown)")))
                .interact()
                .map_err(|error| error.to_string()),
            false => lines
                .next()
                .ok_or_else(|| "stdin has no line for it".to_owned())
                .and_then(|line| line.map_err(|e| e.to_string())),
        };
        read.map(Secret::new)
            .map_err(|why| Failure::usage(ARGUMENT, format!("the value of `{name}` cannot be read: {why}")))
    };
    names.iter().map(&mut value).collect()
}

/// The seal of a run that is about to be executed; made before anything is begun whose output would need it.
pub fn of_run(context: &Context, dir: &RunDir, plan: &Plan, errand: bool) -> Result<Option<Seal>, Failure> {
    let take = || Seal::take(&dir.path, &dir.id());
    let puts_out_secrets = |node: usize| plan.puts_out(node).has_secrets();
    let seal = match Seal::find(&dir.path, &dir.id()) {
        Ok(None) if errand => Ok(None),
        Ok(None) if (0..plan.len()).any(puts_out_secrets) => return Ok(Some(take()?)),
        Ok(None) if plan.kinds.iter().any(|kind| kind.seals()) => take().map(Some),
        // Whoever gives the values has no key any more.
        Err(_) if !context.given.is_empty() => Seal::anew(&dir.path, &dir.id()).map(Some),
        found => found,
    };
    Ok(seal.unwrap_or_else(|fault| {
        talk(format_args!("note: {fault}"));
        talk("  steps that need a secret output will fail, and new ones cannot be kept; nothing else is concerned");
        fault.hint.iter().for_each(|hint| talk(format_args!("  hint: {hint}")));
        None
    }))
}
