//! What an operation keeps for whoever goes on with it: a file beside the run's others, and on disk before what it tells of is done.
//! Not of one attempt: a later one reads what an earlier one kept.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::context::ReadCx;
use super::op::Op;
use crate::journal::store::replace_private;
use crate::model::OpId;

/// None where nothing was kept under that name.
pub fn read<T: DeserializeOwned, P, Q>(cx: &ReadCx, op: &Op<P, Q>, name: &str) -> io::Result<Option<T>> {
    read_of(cx, &op.id, name)
}

/// As [`read`], where only the name of the operation is known.
pub fn read_of<T: DeserializeOwned>(cx: &ReadCx, op: &OpId, name: &str) -> io::Result<Option<T>> {
    match fs::read(path(cx, op, name)) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Survives a power cut once this returned.
pub fn write<T: Serialize, P, Q>(cx: &ReadCx, op: &Op<P, Q>, name: &str, what: &T) -> io::Result<()> {
    later(cx, op, name, what)?()
}

/// The write of how it is now, to be made on a thread of its own. Never two of one name at once.
pub fn later<T: Serialize, P, Q>(
    cx: &ReadCx,
    op: &Op<P, Q>,
    name: &str,
    what: &T,
) -> io::Result<impl FnOnce() -> io::Result<()> + Send + 'static + use<T, P, Q>> {
    let (path, text) = (path(cx, &op.id, name), serde_json::to_vec(what)?);
    Ok(move || replace_private(&path, &text))
}

fn path(cx: &ReadCx, op: &OpId, name: &str) -> PathBuf {
    cx.work.join(format!("{}.{name}", op.file_name()))
}
