//! Which transactions this operation sent a COMMIT for: on disk before it is sent, so that no crash leaves one that nobody
//! can ask PostgreSQL about.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::journal::store::replace_private;
use crate::kind::{Op, ReadCx};
use crate::model::Fault;

/// One transaction that was about to be committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its full number, which never comes again in this cluster.
    pub transaction: String,
    /// The server process that it ran in.
    pub process: i32,
    pub rows_affected: u64,
    /// What a person was told, because nobody else can decide: the next attempt is their word that it did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<String>,
}

/// The newest; every earlier one was asked about before it was begun.
pub fn read<A, B>(cx: &ReadCx, op: &Op<A, B>) -> Result<Option<Mark>, Fault> {
    match fs::read(path(cx, op)) {
        Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| unkept().caused_by(&error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unkept().caused_by(&error)),
    }
}

/// Survives a power cut once this returned.
pub fn write<A, B>(cx: &ReadCx, op: &Op<A, B>, mark: &Mark) -> Result<(), Fault> {
    let text = serde_json::to_vec(mark).map_err(|error| unkept().caused_by(&error))?;
    replace_private(&path(cx, op), &text).map_err(|error| unkept().caused_by(&error))
}

/// Not of one attempt: a later one asks first what became of an earlier one.
fn path<A, B>(cx: &ReadCx, op: &Op<A, B>) -> PathBuf {
    cx.work.join(format!("{}.transaction", op.id.as_str().replace('/', "+")))
}

fn unkept() -> Fault {
    Fault::new("RG2306", "the number of the transaction cannot be kept in the run's folder")
        .hint("make room or make it writable; nothing was committed")
}
