//! What a run asked a cluster to make, noted in the run's folder before it is asked.
//!
//! An object carries the name of the operation that made it, and another run may have the same name: on another machine, or
//! with its state in another folder. What has our mark and no note is that run's: taken up it would count as done what was
//! never asked for, and a clean-up would take it away.

use super::object::is_ours;
use crate::kind::{Op, ReadCx, kept};
use crate::model::{Fault, OpId};
use serde_json::Value;

const NOTE: &str = "asked";

/// On disk once this returned.
pub fn ask<P, Q>(cx: &ReadCx, op: &Op<P, Q>) -> Result<(), Fault> {
    kept::write(cx, op, NOTE, &true).map_err(|error| unkept().caused_by(&error))
}

pub fn was_asked(cx: &ReadCx, op: &OpId) -> Result<bool, Fault> {
    let noted: Option<bool> = kept::read_of(cx, op, NOTE).map_err(|error| unkept().caused_by(&error))?;
    Ok(noted.is_some())
}

/// Whether that operation of this very run made it.
pub fn is_made_by(cx: &ReadCx, object: &Value, op: &OpId) -> Result<bool, Fault> {
    Ok(is_ours(object, op.as_str()) && was_asked(cx, op)?)
}

fn unkept() -> Fault {
    Fault::new("RG3020", "what the cluster is asked for cannot be kept in the run's folder")
        .hint("make room or make it writable, then `regrow retry STEP`")
}
