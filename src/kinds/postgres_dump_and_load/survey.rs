//! Looks at both servers and says what is carried, or why it cannot be. Used by `prepare`, before anything is touched, and
//! by the load again, since a table may have changed in between.

use std::collections::BTreeMap;

use futures_util::future::try_join;

use super::params::{Mode, Params};
use super::plan::{Counts, Member, Proof, Unit};
use crate::model::Fault;
use crate::provider::postgres::catalog::{Table, bonds, find, members, read};
use crate::provider::postgres::{Name, Session};

/// The tables a runbook means, by name.
pub async fn names(params: &Params, source: &Session) -> Result<Vec<Name>, Fault> {
    let mut names = match (&params.tables, &params.schemas) {
        (Some(tables), _) => tables.clone(),
        (None, Some(schemas)) => crate::provider::postgres::catalog::tables_of(source, schemas).await?,
        (None, None) if params.everything => crate::provider::postgres::catalog::tables_of(source, &[]).await?,
        // A template that rendered to nothing must not mean everything.
        (None, None) => Vec::new(),
    };
    names.sort();
    names.dedup();
    if names.is_empty() {
        return Err(Fault::new("RG2201", "there is no table to load on the source").hint("check `database`, `schemas`"));
    }
    Ok(names)
}

/// What is carried, whole. `counter` numbers the scratch tables.
pub async fn units(params: &Params, names: &[Name], source: &Session, target: &Session) -> Result<Vec<Unit>, Fault> {
    let mut units = Vec::new();
    let mut number = 0;
    for name in names {
        let (theirs, live) = try_join(tree(source, name), tree(target, name)).await?;
        let live = live.filter(|_| !params.makes_room());
        let theirs = theirs.ok_or_else(|| {
            Fault::new("RG2201", format!("the source has no table `{name}`"))
                .hint("names are taken letter by letter; without a schema it is `public`")
        })?;
        check(params, name, &theirs, live.as_deref())?;
        let exists = live.is_some();
        let lasts = theirs[0].sequences.iter().filter_map(|it| Some((it.column.clone(), it.last?))).collect();
        let mut members = gather(live.unwrap_or(theirs), &mut number);
        members[0].lasts = lasts;
        let (proof, counts) = (Proof::default(), Counts::default());
        units.push(Unit { name: name.clone(), exists, members, proof, counts, merged: None });
    }
    if params.mode == Mode::Swap {
        let live: Vec<u32> = units
            .iter()
            .filter(|unit| unit.exists)
            .flat_map(|unit| unit.members.iter().map(|it| it.table.oid))
            .collect();
        let bound = bonds(target, &live).await?;
        if !bound.is_empty() {
            return Err(cannot_carry(&bound));
        }
    }
    Ok(units)
}

fn gather(tables: Vec<Table>, number: &mut usize) -> Vec<Member> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let mut members = Vec::new();
    for table in tables {
        let parent = table.parent.and_then(|parent| oids.iter().position(|oid| *oid == parent));
        members.push(Member { number: *number, table, parent, lasts: BTreeMap::new() });
        *number += 1;
    }
    members
}

/// A table and its partitions, parents first.
pub async fn tree(session: &Session, name: &Name) -> Result<Option<Vec<Table>>, Fault> {
    let Some((oid, kind)) = find(session, name).await? else { return Ok(None) };
    let what = match kind.as_str() {
        "r" | "p" => None,
        "v" => Some("a view"),
        "m" => Some("a materialized view"),
        "f" => Some("a foreign table"),
        "S" => Some("a sequence"),
        _ => Some("no table"),
    };
    if let Some(what) = what {
        return Err(Fault::new("RG2203", format!("`{name}` is {what}")).hint("only tables are carried"));
    }
    let order = members(session, oid).await?;
    let mut tables = read(session, &order).await?;
    tables.sort_by_key(|table| order.iter().position(|oid| *oid == table.oid));
    if tables.len() != order.len() {
        return Err(Fault::new("RG2203", format!("`{name}` has a foreign table as partition"))
            .hint("detach it, and carry what lies behind it on its own"));
    }
    Ok(Some(tables))
}

pub fn cannot_carry(bound: &[String]) -> Fault {
    let mut fault = Fault::new(
        "RG2203",
        format!("a swap would leave behind what is bound to the old table: {}", bound.join(", ")),
    )
    .hint("drop it before and make it again afterwards, or use `mode: merge`, which leaves the table in its place");
    fault.causes = bound.to_vec();
    fault
}

fn check(params: &Params, name: &Name, theirs: &[Table], live: Option<&[Table]>) -> Result<(), Fault> {
    for (side, tree) in [("source", Some(theirs)), ("target", live)] {
        let Some(root) = tree.and_then(<[Table]>::first) else { continue };
        if root.parent.is_some() && !(side == "source" && params.mode == Mode::Merge) {
            return Err(Fault::new("RG2203", format!("`{name}` is a partition of another table on the {side}"))
                .hint("name the partitioned table, or use `mode: merge`"));
        }
    }
    match (params.mode, live) {
        (Mode::Create, Some(_)) => {
            return Err(Fault::new("RG2216", format!("the target has a table `{name}` already"))
                .hint("use `mode: swap` to put the copy into its place, or `mode: merge` for missing rows"));
        }
        (Mode::Merge, None) => {
            return Err(Fault::new("RG2201", format!("the target has no table `{name}`"))
                .hint("use `mode: create`, or `mode: swap`, which makes what is missing"));
        }
        _ => {}
    }
    let Some(live) = live else { return Ok(()) };
    same_columns(name, &theirs[0], &live[0])?;
    if live[0].key().is_none() && needs_key(params) {
        return Err(Fault::new("RG2204", format!("`{name}` has no key that tells its rows apart"))
            .hint("a primary key, or a unique index on columns that are not null; else `newer_rows: drop` with `compare: none`"));
    }
    Ok(())
}

pub fn needs_key(params: &Params) -> bool {
    use super::params::{Compare, NewerRows};
    params.mode == Mode::Merge || params.compare == Compare::Checksum || params.newer_rows != NewerRows::Drop
}

/// The same names with the same types; their order may differ.
fn same_columns(name: &Name, theirs: &Table, live: &Table) -> Result<(), Fault> {
    let mut wrong = Vec::new();
    for column in &live.columns {
        match theirs.columns.iter().find(|it| it.name == column.name) {
            None => wrong.push(format!("`{}` is only on the target", column.name)),
            Some(other) if other.kind != column.kind => {
                wrong.push(format!(
                    "`{}` is {} on the target and {} on the source",
                    column.name, column.kind, other.kind
                ));
            }
            Some(_) => {}
        }
    }
    let known = |it: &str| live.columns.iter().any(|column| column.name == it);
    wrong.extend(
        theirs.columns.iter().filter(|it| !known(&it.name)).map(|it| format!("`{}` is only on the source", it.name)),
    );
    if wrong.is_empty() {
        return Ok(());
    }
    let mut fault =
        Fault::new("RG2202", format!("`{name}` has other columns on the two servers: {}", wrong.join(", ")))
            .hint("bring one of them to the columns of the other, then try again");
    fault.causes = wrong;
    Err(fault)
}
