//! How far long work on a bucket is, on disk beside the run's other files.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::kind::{Op, ReadCx, kept};
use crate::model::Fault;

const NAME: &str = "objects";

/// From the start where nothing was written yet.
pub fn read<T: DeserializeOwned + Default, A, B>(cx: &ReadCx, op: &Op<A, B>) -> Result<T, Fault> {
    let kept: Option<T> = kept::read(cx, op, NAME).map_err(|error| unkept().caused_by(&error))?;
    Ok(kept.unwrap_or_default())
}

/// Survives a power cut once this returned.
pub fn write<T: Serialize, A, B>(cx: &ReadCx, op: &Op<A, B>, progress: &T) -> Result<(), Fault> {
    kept::write(cx, op, NAME, progress).map_err(|error| unkept().caused_by(&error))
}

/// A write of how far the work is now.
pub type Write = Box<dyn FnOnce() -> Result<(), Fault> + Send>;

/// As [`write`], to be made on a thread of its own.
pub fn later<T: Serialize, A, B>(cx: &ReadCx, op: &Op<A, B>, progress: &T) -> Result<Write, Fault> {
    let write = kept::later(cx, op, NAME, progress).map_err(|error| unkept().caused_by(&error))?;
    Ok(Box::new(|| write().map_err(|error| unkept().caused_by(&error))))
}

pub(super) fn unkept() -> Fault {
    Fault::new("RG2911", "how far the work is cannot be kept in the run's folder")
        .hint("make room or make it writable; the step goes on from where it was")
}
