//! Whether the copies fit, where that can be told: a server on this machine says where its data lies.

use super::plan::Unit;
use super::scratch::Scratch;
use crate::model::{Fault, RetryClass};
use crate::provider::postgres::{Connection, Session, WriteSession, quote};

/// One line for the plan, or the refusal.
pub async fn check(source: &Session, target: &Session, to: &Connection, units: &[Unit]) -> Result<String, Fault> {
    let needed = needed(source, units).await?;
    let Some(free) = free(target, to).await? else {
        return Ok(format!("needs about {} of disk on the target; how much is free there is unknown", size(needed)));
    };
    if free < needed {
        let message =
            format!("the copies need about {} of disk on the target, where {} are free", size(needed), size(free));
        return Err(Fault::new("RG2208", message).hint("make room, or carry fewer tables at once"));
    }
    Ok(format!("needs about {} of disk on the target, where {} are free", size(needed), size(free)))
}

/// A full disk hurts whoever is live first: what was loaded so far goes at once, and a retry loads anew.
pub async fn give_back(lead: &WriteSession, scratch: &Scratch, fault: Fault) -> Fault {
    if !fault.causes.first().is_some_and(|cause| cause.contains(" 53100:")) {
        return fault;
    }
    let dropped = lead.run(&format!("drop schema if exists {} cascade", quote(&scratch.schema()))).await;
    let then = match dropped {
        Ok(()) => "what was loaded so far is taken away".to_owned(),
        Err(_) => format!("what was loaded so far is still in `{}`", scratch.schema()),
    };
    Fault { code: "RG2208".to_owned(), message: format!("the target's disk is full; {then}"), ..fault }
        .retry(RetryClass::Never)
        .hint("make room, then retry; the live tables were not touched")
}

/// Rows and indexes of the source, and the rows once more for the write-ahead log.
async fn needed(source: &Session, units: &[Unit]) -> Result<u64, Fault> {
    let names: Vec<String> = units.iter().map(|unit| unit.name.sql()).collect();
    let sql = "select coalesce(sum(2 * pg_table_size(p.relid) + pg_indexes_size(p.relid)), 0)::bigint
               from unnest($1::text[]) n, lateral (select n::regclass as relid
                   union select relid from pg_partition_tree(n::regclass)) p";
    let bytes: i64 = source.query_one(sql, &[&names]).await?.get(0);
    Ok(u64::try_from(bytes).unwrap_or(0))
}

async fn free(target: &Session, to: &Connection) -> Result<Option<u64>, Fault> {
    if !to.is_here() {
        return Ok(None);
    }
    // Hidden from users without `pg_read_all_settings`.
    let rows = target.query("select setting from pg_settings where name = 'data_directory'", &[]).await?;
    let Some(folder) = rows.first().and_then(|row| row.get::<_, Option<String>>(0)) else { return Ok(None) };
    let room = rustix::fs::statvfs(folder.as_str()).ok();
    Ok(room.map(|room| room.f_bavail.saturating_mul(room.f_frsize)))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} kB", bytes.div_ceil(1024)),
        1_048_576..1_073_741_824 => format!("{} MB", bytes >> 20),
        _ => format!("{:.1} GB", f64::from(u32::try_from(bytes >> 20).unwrap_or(u32::MAX)) / 1024.0),
    }
}
