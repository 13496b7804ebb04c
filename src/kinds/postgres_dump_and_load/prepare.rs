//! Looks at both servers, takes down which they are, and refuses what could not be carried.

use futures_util::future::{try_join, try_join3};
use serde_json::Value;

use super::params::{Mode, Params};
use super::plan::{Prior, Unit};
use super::scratch::Scratch;
use super::site::endpoints;
use super::survey;
use super::undo::Thing;
use crate::kind::{Made, Op, Prepared, ReadCx};
use crate::model::Fault;
use crate::provider::postgres::{Identity, Name, ReadSession, Session, quote};

pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    let (from, to) = endpoints(op);
    // In a drill the target will be a copy of the source, and is not there yet.
    let to = if op.params.template.is_some() { from.clone() } else { to };
    // What is asked of both is asked at once: nothing of the load has begun meanwhile.
    let (source, target) = try_join(ReadSession::open(cx, &from), ReadSession::open(cx, &to)).await?;
    let asked = try_join3(Identity::read(&source), Identity::read(&target), survey::names(&op.params, &source)).await?;
    let mut prior = Prior { source: asked.0, target: asked.1, tables: asked.2 };
    let copied = op.params.template.as_ref().and_then(|_| op.params.target.database());
    prior.target.database = copied.unwrap_or(prior.target.database);
    if prior.source == prior.target {
        return Err(Fault::new("RG2217", format!("source and target are the same: {}", prior.source))
            .hint("restore the backup as a server of its own, and name that as `source`"));
    }
    let mut changes = vec![format!("from {}", prior.source), format!("into {}", prior.target)];
    changes.extend(versions(&source, &target).await?);
    let units = survey::units(&op.params, &prior.tables, &source, &target).await?;
    types(&target, &units).await?;
    privileges(&source, &target, &op.params, &units).await?;
    let scratch = Scratch::of(&op.id);
    changes.extend(words(&op.params, &scratch, &units));
    changes.push(super::disk::check(&source, &target, &op.params.target, &units).await?);
    let creates = creates(op, &prior, &scratch);
    Ok(Prepared::new(prior, changes).creating(creates))
}

/// Versions, encodings and collations.
async fn versions(source: &Session, target: &Session) -> Result<Option<String>, Fault> {
    if target.major() < source.major() {
        return Err(Fault::new(
            "RG2206",
            format!("the target runs PostgreSQL {}, older than the source's {}", target.major(), source.major()),
        )
        .hint("load into a server of the same or a newer major version"));
    }
    let sql = "select pg_encoding_to_char(encoding), datcollate::text, datctype::text from pg_database where datname = current_database()";
    let (theirs, ours) = try_join(source.query_one(sql, &[]), target.query_one(sql, &[])).await?;
    let text = |row: &tokio_postgres::Row, at: usize| row.get::<_, String>(at);
    if text(&ours, 0) != text(&theirs, 0) && text(&ours, 0) != "UTF8" {
        return Err(Fault::new(
            "RG2207",
            format!(
                "the source holds {} and the target {}, which cannot hold all of it",
                text(&theirs, 0),
                text(&ours, 0)
            ),
        )
        .hint("load into a database in UTF8"));
    }
    let differ = (text(&ours, 1), text(&ours, 2)) != (text(&theirs, 1), text(&theirs, 2));
    Ok(differ.then(|| {
        format!("text sorts as `{}` on the source and as `{}` on the target", text(&theirs, 1), text(&ours, 1))
    }))
}

/// Tables that the target does not have need their types, and roles, there.
async fn types(target: &Session, units: &[Unit]) -> Result<(), Fault> {
    let new: Vec<_> = units.iter().filter(|unit| !unit.exists).flat_map(|unit| &unit.members).collect();
    let kinds: Vec<&str> = new.iter().flat_map(|it| &it.table.columns).map(|it| it.kind.as_str()).collect();
    let roles: Vec<&str> = new
        .iter()
        .flat_map(|it| it.table.grants.iter().filter_map(|it| it.grantee.as_deref()).chain([it.table.owner.as_str()]))
        .collect();
    let schemas: Vec<&str> = new.iter().map(|it| it.table.schema.as_str()).collect();
    let sql = "select to_jsonb('type ' || t) from unnest($1::text[]) t where to_regtype(t) is null
               union select to_jsonb('role ' || r) from unnest($2::text[]) r where not exists (select from pg_roles where rolname = r)
               union select to_jsonb('schema ' || s) from unnest($3::text[]) s where not exists (select from pg_namespace where nspname = s)
               order by 1";
    let missing: Vec<String> = target.read(sql, &[&kinds, &roles, &schemas]).await?;
    if missing.is_empty() {
        return Ok(());
    }
    Err(Fault::new("RG2207", format!("the target lacks what the tables need: {}", missing.join(", ")))
        .hint("make it there first: `create extension`, `create type`, `create role`, `create schema`"))
}

/// Leave to read there and to swap here, asked before it is needed.
async fn privileges(source: &Session, target: &Session, params: &Params, units: &[Unit]) -> Result<(), Fault> {
    let names: Vec<String> = units.iter().map(|unit| unit.name.sql()).collect();
    let sql = "select to_jsonb('to read ' || t::regclass || ' on the source') from unnest($1::text[]) t where not has_table_privilege(t, 'SELECT')
               union select to_jsonb('to read all rows of ' || t::regclass || ' on the source, which its policies hide')
                   from unnest($1::text[]) t where row_security_active(t)
               union select to_jsonb('to read sequence ' || c.oid::regclass || ' on the source')
                   from unnest($1::text[]) t join pg_depend d on d.refobjid = t::regclass and d.classid = 'pg_class'::regclass
                   join pg_class c on c.oid = d.objid
                   where case when c.relkind = 'S' then not has_sequence_privilege(c.oid, 'USAGE, SELECT') end";
    let mut lacking: Vec<String> = source.read(sql, &[&names]).await?;
    let mut owners: Vec<&str> = Vec::new();
    for table in units.iter().filter(|unit| unit.exists).flat_map(|unit| unit.members.iter().map(|it| &it.table)) {
        owners.push(&table.owner);
    }
    let schemas: Vec<&str> = units.iter().map(|unit| unit.name.schema.as_str()).collect();
    let sql = "select to_jsonb('to make a schema in ' || quote_ident(current_database())) where not has_database_privilege(current_database(), 'CREATE')
               union select to_jsonb('to act as ' || quote_ident(r) || ', who owns a table') from unnest($1::text[]) r where not pg_has_role(r, 'USAGE')
               union select to_jsonb('to make tables in schema ' || quote_ident(s)) from unnest($2::text[]) s where not has_schema_privilege(s, 'CREATE')
               union select to_jsonb('to point at ' || t::regclass) from unnest($3::text[]) t where not has_table_privilege(t, 'REFERENCES')
               union select to_jsonb('to change keys of ' || c.oid::regclass) from unnest($4::text[]) t join pg_class c on c.oid = t::regclass
                   where not pg_has_role(c.relowner, 'USAGE')";
    let (parents, children) = if params.mode == Mode::Merge { Default::default() } else { neighbours(units) };
    let here: Vec<String> = target.read(sql, &[&owners, &schemas, &parents, &children]).await?;
    lacking.extend(here.into_iter().map(|it| format!("{it} on the target")));
    if lacking.is_empty() {
        return Ok(());
    }
    lacking.sort();
    Err(Fault::new("RG2205", format!("the user may not do what is needed: {}", lacking.join("; ")))
        .hint("grant it, or connect as the owner of the tables"))
}

/// What the keys of live tables point at, and who points at them: a swap makes those keys anew.
fn neighbours(units: &[Unit]) -> (Vec<String>, Vec<String>) {
    let live = || units.iter().filter(|unit| unit.exists).flat_map(|unit| unit.members.iter().map(|it| &it.table));
    (
        live().flat_map(|table| table.foreign_keys.iter().map(|key| key.to().sql())).collect(),
        live().flat_map(|table| table.inbound.iter().map(|key| key.from().sql())).collect(),
    )
}

/// What is going to happen, one fact a line.
fn words(params: &Params, scratch: &Scratch, units: &[Unit]) -> Vec<String> {
    let mut lines = vec![format!("a scratch schema `{}` is made on the target", scratch.schema())];
    for unit in units {
        let rows = said_rows(unit);
        lines.push(match (params.mode, unit.exists) {
            (Mode::Merge, _) => {
                format!("rows of `{}` are put into the live table, which has {rows}", unit.name)
            }
            (_, true) => format!(
                "a copy takes the place of `{}`, which has {rows} and is kept as `{}`",
                unit.name,
                old(scratch, unit)
            ),
            (_, false) => format!("`{}` is made, for {rows}", unit.name),
        });
    }
    lines
}

/// The server's own estimate, of which there is none before the first `analyze`.
fn said_rows(unit: &Unit) -> String {
    match unit.leaves().map(|it| it.table.estimate).sum::<i64>() {
        0 if unit.leaves().any(|it| it.table.pages > 0) => "rows that are not counted yet".to_owned(),
        rows => format!("about {rows} rows now"),
    }
}

/// What a swap calls the table that it keeps.
pub fn old(scratch: &Scratch, unit: &Unit) -> Name {
    Name::new(&unit.name.schema, scratch.old(&unit.name.name))
}

/// What the loading makes; what the swap keeps is known to the ledger when the swap begins. In a drill all of it goes with the
/// server, which is in the ledger.
fn creates(op: &Op<Params, ()>, prior: &Prior, scratch: &Scratch) -> Vec<Made> {
    if op.params.template.is_some() {
        return Vec::new();
    }
    vec![made(op, prior, "postgres schema", scratch.schema(), None)]
}

/// The live tables that a swap keeps under another name.
pub fn kept(op: &Op<Params, Prior>, scratch: &Scratch, units: &[Unit]) -> Vec<Made> {
    let keeps = op.params.mode == Mode::Swap && op.params.template.is_none();
    let swapped = units.iter().filter(|unit| unit.exists && keeps).map(|unit| old(scratch, unit));
    swapped.map(|old| made(op, &op.prior, "postgres table", old.to_string(), Some(old))).collect()
}

fn made<P>(op: &Op<Params, P>, prior: &Prior, kind: &str, id: String, table: Option<Name>) -> Made {
    let scratch = table.is_none();
    let (database, target) = (op.params.database.clone(), prior.target.clone());
    let drop = match &table {
        Some(table) => format!("drop table {}", table.sql()),
        None => format!("drop schema {} cascade", quote(&id)),
    };
    let remove = op.params.target.psql(&target.database, &drop);
    let thing = Thing { op: op.id.clone(), database, target, table, remove };
    Made { kind: kind.to_owned(), id, scratch, details: serde_json::to_value(thing).unwrap_or(Value::Null) }
}
