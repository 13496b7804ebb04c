//! A load in a drill: into a copy of the restored database, made beside it on the very server that the drill restored. All of
//! it goes with that server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::Url;

use super::params::Params;
use super::plan::Prior;
use super::site::Site;
use crate::kind::{Op, ReadCx, Rehearsal, Scratch, WriteCx};
use crate::model::Fault;
use crate::provider::postgres::{Connection, Endpoint, Identity, ReadSession, Session, WriteSession, quote};
use crate::runbook::catalog::{Known, Late};

/// How long others may keep the database busy that is copied.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longest name of a database, in bytes.
const LONGEST: usize = 63;

/// Only where the source is a server of this drill: any other one is production's.
pub fn beside(with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
    if with.has(&["template"]) {
        return Rehearsal::Beside(with.value.clone());
    }
    let source = [with.get(&["source"]), with.get(&["source", "url"])];
    if source.contains(&Known::Unknown) {
        return Rehearsal::Beside(foreseen(with));
    }
    moved(with, scratch).map_or(Rehearsal::Planned, Rehearsal::Beside)
}

/// Where the source will be shows only once it stands. For who reads a plan: what an earlier step puts out is a server of the drill,
/// or that step is not done, and then this one is not either.
fn foreseen(with: &Late<'_>) -> Value {
    let mut fields = with.value.as_object().cloned().unwrap_or_default();
    fields.insert("target".into(), "a copy of the restored database, beside it".into());
    fields.into()
}

fn moved(with: &Late<'_>, scratch: &Scratch<'_>) -> Option<Value> {
    let mut fields = with.value.as_object()?.clone();
    let url = with.text(&["source", "url"]).or_else(|| with.text(&["source"]))?;
    let source = Connection::new(url).ok()?;
    let place = source.place();
    let is_of = |folder: &str| place.strip_prefix(folder).is_some_and(|rest| rest.starts_with(".regrow"));
    if !scratch.ledger.iter().any(|entry| entry.kind == "postgres server" && is_of(&entry.id)) {
        return None;
    }
    let target = with.text(&["target", "url"]).or_else(|| with.text(&["target"]));
    let of_target = || Connection::new(target?).ok()?.database();
    let template = with.text(&["database"]).map(str::to_owned).or_else(|| source.database()).or_else(of_target)?;
    let mut copy = format!("drill_{}_{template}", scratch.run);
    while copy.len() > LONGEST {
        copy.pop();
    }
    let to = |database: &str| {
        let mut url = Url::parse(url).ok()?;
        url.set_path(database);
        Some(json!({ "url": url.as_str() }))
    };
    fields.remove("database");
    fields.insert("source".into(), to(&template)?);
    fields.insert("target".into(), to(&copy)?);
    fields.insert("template".into(), template.into());
    Some(fields.into())
}

/// Makes the copy that is loaded into, once for all loads of a drill from that database.
pub async fn make(cx: &WriteCx, params: &Params, site: &Site) -> Result<(), Fault> {
    let Some(template) = &params.template else { return Ok(()) };
    let copy = &site.prior.target.database;
    let session = WriteSession::open(cx, &around(&site.target), &identity(&site.prior.target)).await?;
    let began = Instant::now();
    while !is_there(&session, copy).await? {
        let made = session.run(&format!("create database {} template {}", quote(copy), quote(template))).await;
        match made {
            // Somebody reads the database, or another load has just made the copy.
            Err(_) if began.elapsed() < PATIENCE => tokio::time::sleep(Duration::from_millis(200)).await,
            made => return made,
        }
    }
    Ok(())
}

/// Takes away what the load is going to make. Only while there is nothing of the operation on the target: later it would be
/// what was loaded.
pub async fn make_room(op: &Op<Params, Prior>, target: &WriteSession) -> Result<(), Fault> {
    if !op.params.makes_room() {
        return Ok(());
    }
    let tables: Vec<String> = op.prior.tables.iter().map(|table| table.sql()).collect();
    target.run(&format!("drop table if exists {} cascade", tables.join(", "))).await
}

/// Whether there can be anything of the operation on the target.
pub async fn has_target(cx: &ReadCx, params: &Params, site: &Site) -> Result<bool, Fault> {
    if params.template.is_none() {
        return Ok(true);
    }
    let session = ReadSession::open(cx, &around(&site.target)).await?;
    is_there(&session, &site.prior.target.database).await
}

async fn is_there(session: &Session, database: &str) -> Result<bool, Fault> {
    let sql = "select exists (select from pg_database where datname = $1)";
    Ok(session.query_one(sql, &[&database]).await?.get(0))
}

/// A database of the same server that is always there.
fn around(target: &Endpoint) -> Endpoint {
    Endpoint { database: Some("postgres".into()), ..target.clone() }
}

fn identity(target: &Identity) -> Identity {
    Identity { database: "postgres".into(), ..target.clone() }
}
