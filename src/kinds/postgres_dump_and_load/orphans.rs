//! Foreign keys that could not be validated after a swap, found before it: rows that would point at nothing.

use std::collections::BTreeMap;

use super::params::{NewerRows, Params};
use super::plan::Unit;
use super::scratch::Scratch;
use crate::model::Fault;
use crate::provider::postgres::catalog::ForeignKey;
use crate::provider::postgres::{Name, Session, quote};

/// Looks at every key that the swap is going to make anew.
pub async fn refuse(session: &Session, scratch: &Scratch, params: &Params, units: &[Unit]) -> Result<(), Fault> {
    let copies: BTreeMap<Name, Name> = units
        .iter()
        .flat_map(|unit| &unit.members)
        .map(|member| (member.table.place(), scratch.table_place(member.number)))
        .collect();
    let mut found = Vec::new();
    for member in units.iter().flat_map(|unit| &unit.members) {
        let copy = scratch.table_place(member.number);
        for key in member.table.foreign_keys.iter().filter(|key| key.validated) {
            let to = copies.get(&key.to()).cloned().unwrap_or_else(|| key.to());
            // A row that is only in live and kept may be what is pointed at.
            let also = copies.contains_key(&key.to()) && params.newer_rows == NewerRows::Keep;
            let live = also.then(|| key.to());
            found.extend(said(key, count(session, key, &copy, &to, live.as_ref()).await?));
        }
        let outside = |key: &&ForeignKey| key.validated && !copies.contains_key(&key.from());
        if params.newer_rows != NewerRows::Keep {
            for key in member.table.inbound.iter().filter(outside) {
                found.extend(said(key, count(session, key, &key.from(), &copy, None).await?));
            }
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let mut fault = Fault::new("RG2215", format!("after the swap rows would point at nothing: {}; nothing was changed", found.join("; ")))
        .hint("carry the other tables in the same step, keep what is only in live with `newer_rows: keep`, or use `mode: merge`");
    fault.causes = found;
    Err(fault)
}

fn said(key: &ForeignKey, count: u64) -> Option<String> {
    (count > 0).then(|| format!("{count} rows of `{}` by `{}` to `{}`", key.from(), key.name, key.to()))
}

async fn count(session: &Session, key: &ForeignKey, from: &Name, to: &Name, also: Option<&Name>) -> Result<u64, Fault> {
    let join: Vec<String> = key
        .columns
        .iter()
        .zip(&key.to_columns)
        .map(|(from, to)| format!("f.{} = t.{}", quote(from), quote(to)))
        .collect();
    let known: Vec<String> = key.columns.iter().map(|it| format!("f.{} is not null", quote(it))).collect();
    let missing = |to: &Name| format!("not exists (select from {} t where {})", to.sql(), join.join(" and "));
    let mut wanted = vec![known.join(" and "), missing(to)];
    wanted.extend(also.map(missing));
    let sql = format!("select count(*) from {} f where {}", from.sql(), wanted.join(" and "));
    let count: i64 = session.query_one(&sql, &[]).await?.get(0);
    Ok(u64::try_from(count).unwrap_or(0))
}
