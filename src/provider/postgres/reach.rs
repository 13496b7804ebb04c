//! Whether servers that a step names let us in, where the rest of its fields shows only in the run.

use serde_json::Value;

use super::{Connection, Endpoint, ReadSession, application_name};
use crate::kind::{Op, ReadCx};
use crate::model::Fault;
use crate::runbook::catalog::{Known, Late};

/// Opens a session on each of the connections that are known, and gives the fields that name them. Where no database is known it
/// is not asked: which one it has to let us into shows only in the run.
pub async fn reach(cx: &ReadCx, op: &Op<Value, ()>, fields: &[&'static str]) -> Result<Vec<&'static str>, Fault> {
    let with = Late { value: &op.params };
    if with.get(&["database"]) == Known::Unknown {
        return Ok(Vec::new());
    }
    let mut reached = Vec::new();
    for field in fields {
        let Some(connection) = known(&with, field)? else { continue };
        let database = with.text(&["database"]).map(str::to_owned);
        if database.is_none() && connection.database().is_none() {
            continue;
        }
        let to = Endpoint { connection, database, application: application_name(&op.id) };
        ReadSession::open(cx, &to).await?;
        reached.push(*field);
    }
    Ok(reached)
}

fn known(with: &Late<'_>, field: &str) -> Result<Option<Connection>, Fault> {
    let Known::Known(said) = with.get(&[field]) else { return Ok(None) };
    let mut parts = said.as_object().into_iter().flatten();
    if parts.any(|(name, _)| with.get(&[field, name]) == Known::Unknown) {
        return Ok(None);
    }
    let wrong = |error: serde_json::Error| Fault::new("RG2101", format!("`{field}` names no server: {error}"));
    serde_json::from_value(said.clone()).map(Some).map_err(wrong)
}
