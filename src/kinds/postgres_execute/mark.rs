//! Which transactions this operation sent a COMMIT for: on disk before it is sent, so that no crash leaves one that nobody
//! can ask PostgreSQL about.

use serde::{Deserialize, Serialize};

use crate::kind::{Op, ReadCx, kept};
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

const NAME: &str = "transaction";

/// The newest; every earlier one was asked about before it was begun.
pub fn read<A, B>(cx: &ReadCx, op: &Op<A, B>) -> Result<Option<Mark>, Fault> {
    kept::read(cx, op, NAME).map_err(|error| unkept().caused_by(&error))
}

/// Survives a power cut once this returned.
pub fn write<A, B>(cx: &ReadCx, op: &Op<A, B>, mark: &Mark) -> Result<(), Fault> {
    kept::write(cx, op, NAME, mark).map_err(|error| unkept().caused_by(&error))
}

fn unkept() -> Fault {
    Fault::new("RG2306", "the number of the transaction cannot be kept in the run's folder")
        .hint("make room or make it writable; nothing was committed")
}
