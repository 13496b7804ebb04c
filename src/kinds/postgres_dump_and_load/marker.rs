//! The marker on the target: a row in our scratch schema that says how far this operation is. The row that says `swapped`
//! is written by the very transaction that swaps, so whoever reads it knows. It stays, alone in its schema, until the
//! ledger is cleaned up.

use serde::{Deserialize, Serialize};

use super::plan::State;
use super::scratch::Scratch;
use crate::model::Fault;
use crate::provider::postgres::{Session, literal, quote};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Loading,
    /// All rows, indexes and keys are there and proven.
    Loaded,
    /// What changes the live tables is committed.
    Swapped,
    /// What follows the commit is done too.
    Done,
    TakenBack,
}

#[derive(Debug)]
pub struct Marker {
    pub phase: Phase,
    pub fingerprint: String,
    pub state: State,
}

pub enum Seen {
    Nothing,
    Ours(Box<Marker>),
    /// A schema of this name that we did not make.
    Foreign,
}

pub async fn look(session: &Session, scratch: &Scratch) -> Result<Seen, Fault> {
    let place = scratch.marker();
    let sql = "select to_regclass($1) is not null, to_regnamespace($2) is not null";
    let row = session.query_one(sql, &[&place.sql(), &quote(&place.schema)]).await?;
    match (row.get::<_, bool>(0), row.get::<_, bool>(1)) {
        (_, false) => return Ok(Seen::Nothing),
        (false, true) => return Ok(Seen::Foreign),
        (true, true) => {}
    }
    let sql = format!("select jsonb_build_array(phase, fingerprint, state) from {} where op = $1", place.sql());
    let rows: Vec<(Phase, String, State)> = session.read(&sql, &[&scratch.op]).await?;
    Ok(rows.into_iter().next().map_or(Seen::Foreign, |(phase, fingerprint, state)| {
        Seen::Ours(Box::new(Marker { phase, fingerprint, state }))
    }))
}

/// Makes schema and marker; part of the transaction that makes the tables.
pub fn create(scratch: &Scratch, fingerprint: &str) -> String {
    let place = scratch.marker().sql();
    format!(
        "create schema {}; create table {place} (op text primary key, phase text not null, fingerprint text not null, \
         state jsonb not null, at timestamptz not null default now()); \
         insert into {place} values ({}, 'loading', {}, '{{\"units\": [], \"bytes\": 0}}')",
        quote(&scratch.schema()),
        literal(&scratch.op),
        literal(fingerprint),
    )
}

/// Says how far it is.
pub fn set(scratch: &Scratch, phase: Phase, state: &State) -> Result<String, Fault> {
    let bad = |error: serde_json::Error| Fault::new("RG2299", "the marker cannot be written").caused_by(&error);
    let phase = serde_json::to_value(phase).map_err(bad)?;
    let state = serde_json::to_string(state).map_err(bad)?;
    Ok(format!(
        "update {} set phase = {}, state = {}, at = now() where op = {}",
        scratch.marker().sql(),
        literal(phase.as_str().unwrap_or_default()),
        literal(&state),
        literal(&scratch.op)
    ))
}

pub fn foreign(scratch: &Scratch) -> Fault {
    Fault::new("RG2213", format!("a schema `{}` that is not of this operation is in the way", scratch.schema()))
        .hint("look at it; if nobody needs it, drop it and retry")
}
