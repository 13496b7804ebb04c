//! Outputs of which some are secret: those are sealed before anybody else sees them, and the log forgets them.

use serde_json::Value;

use super::{RunOp, leaked, output};
use crate::kind::{Outputs, ReadCx};
use crate::model::secret::Secret;
use crate::model::{Fault, sealed};
use crate::provider::mask::{self, Masker};
use crate::provider::process::{self, JobFiles};

/// Before anything is done of which the outcome could not be written down.
pub fn can_be_kept(cx: &ReadCx, op: &RunOp) -> Result<(), Fault> {
    match op.params.outputs.iter().find(|(_, spec)| spec.secret) {
        Some((name, _)) if cx.seal.is_none() => Err(cx.unsealable(&op.step, name)),
        _ => Ok(()),
    }
}

/// What a command wrote to `REGROW_OUTPUT`, from a result that holds it sealed.
pub fn unsealed(cx: &ReadCx, all: &Value) -> Result<String, Fault> {
    let opened = sealed::read(all).and_then(|(text, of)| cx.seal.as_ref()?.open(text, of));
    opened.as_ref().and_then(Value::as_str).map(str::to_owned).ok_or_else(|| {
        Fault::new("RG2032", "what the command put out is sealed, and the key is gone").hint(
            "put the key back and retry; or say the outputs by hand: `regrow done STEP --because TEXT --secret-output NAME`",
        )
    })
}

/// The outputs as records may hold them.
pub fn taken(cx: &ReadCx, op: &RunOp, text: &str) -> Result<Outputs, Fault> {
    let mut outputs = output::parse(text, &op.params.outputs, &cx.masker())?;
    let is_secret = |name: &str| op.params.outputs.get(name).is_some_and(|spec| spec.secret);
    let born: Vec<Secret> =
        outputs.iter().filter(|(name, _)| is_secret(name)).flat_map(|(_, value)| mask::texts(value)).collect();
    if !born.is_empty() {
        forget(cx, op, &born)?;
    }
    let masker = Masker::new(cx.secrets.iter().chain(&born));
    for (name, value) in &mut outputs {
        if is_secret(name) {
            *value = cx.seal(&op.step, name, value)?;
        } else if masker.finds(value.to_string().as_bytes()) {
            return Err(leaked(Some(name)));
        }
    }
    Ok(outputs)
}

/// A command may have printed what nobody knew to be secret then.
fn forget(cx: &ReadCx, op: &RunOp, born: &[Secret]) -> Result<(), Fault> {
    let log = JobFiles::of(&cx.work, op).log();
    process::mask_again(&log, &Masker::new(born))
        .map_err(|error| Fault::new("RG2001", "a secret cannot be taken out of the log").caused_by(&error))
}
