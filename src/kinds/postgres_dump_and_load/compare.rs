//! Live table against copy, by key, inside the target: rows only in live, only in the copy, and differing.

use super::load::sum;
use super::params::{Compare, NewerRows, Params};
use super::plan::{Counts, Proof, State, Unit};
use super::scratch::Scratch;
use super::site::Site;
use crate::kind::ReadCx;
use crate::model::Fault;
use crate::provider::postgres::catalog::Table;
use crate::provider::postgres::{Name, Session, quote};

/// Fills in the counts of every table that the target has.
pub async fn compare(cx: &ReadCx, site: &Site, params: &Params, state: &mut State) -> Result<(), Fault> {
    let session = site.read_target(cx).await?;
    // One moment for all tables.
    session.begin_snapshot(None).await?;
    for unit in &mut state.units {
        unit.counts = counts(&session, &site.scratch, params, unit).await?;
    }
    Ok(())
}

async fn counts(session: &Session, scratch: &Scratch, params: &Params, unit: &Unit) -> Result<Counts, Fault> {
    if !unit.exists {
        return Ok(Counts { only_in_live: Some(0), only_in_copy: Some(unit.proof.rows), differ: Some(0) });
    }
    let copy = scratch.table_place(unit.members[0].number);
    match (params.compare, unit.key()) {
        (Compare::Checksum, Some(key)) => {
            let live = sum(session, &unit.name, unit.root(), session.major() >= 14).await?;
            if live == unit.proof || same_as(session, unit, &copy, &live).await? {
                return Ok(Counts { only_in_live: Some(0), only_in_copy: Some(0), differ: Some(0) });
            }
            by_key(session, unit.root(), &unit.name, &copy, key).await
        }
        (Compare::Rows, Some(key)) => {
            let only_in_live = only_in_live(session, &unit.name, &copy, key).await?;
            let live: i64 = session.query_one(&format!("select count(*) from {}", unit.name.sql()), &[]).await?.get(0);
            let both = u64::try_from(live).unwrap_or(0).saturating_sub(only_in_live);
            let only_in_copy = unit.proof.rows.saturating_sub(both);
            Ok(Counts { only_in_live: Some(only_in_live), only_in_copy: Some(only_in_copy), differ: None })
        }
        (Compare::None, Some(key)) if params.newer_rows != NewerRows::Drop => {
            let only_in_live = only_in_live(session, &unit.name, &copy, key).await?;
            Ok(Counts { only_in_live: Some(only_in_live), ..Counts::default() })
        }
        _ => Ok(Counts::default()),
    }
}

/// The source may be older than the hash that the target knows: then the copy is summed once more.
async fn same_as(session: &Session, unit: &Unit, copy: &Name, live: &Proof) -> Result<bool, Fault> {
    if live.rows != unit.proof.rows {
        return Ok(false);
    }
    Ok(sum(session, copy, unit.root(), session.major() >= 14).await? == *live)
}

pub async fn by_key(
    session: &Session,
    table: &Table,
    live: &Name,
    copy: &Name,
    key: &[String],
) -> Result<Counts, Fault> {
    let row = |alias: &str| {
        let columns: Vec<String> = table.columns.iter().map(|it| format!("{alias}.{}", quote(&it.name))).collect();
        format!("row({})", columns.join(", "))
    };
    let first = quote(&key[0]);
    // This compares the stored bytes: it needs no equality of the type, and sees what that would overlook (1.0 and 1.00).
    let sql = format!(
        "select count(*) filter (where c.{first} is null), count(*) filter (where l.{first} is null),
                count(*) filter (where l.{first} is not null and c.{first} is not null and record_image_ne({}, {}))
         from {} l full join {} c on {}",
        row("l"),
        row("c"),
        live.sql(),
        copy.sql(),
        matches(key)
    );
    let row = session.query_one(&sql, &[]).await?;
    let count = |at: usize| u64::try_from(row.get::<_, i64>(at)).ok();
    Ok(Counts { only_in_live: count(0), only_in_copy: count(1), differ: count(2) })
}

fn matches(key: &[String]) -> String {
    key.iter().map(|it| format!("l.{0} = c.{0}", quote(it))).collect::<Vec<_>>().join(" and ")
}

/// Where a row of `l` has no partner in the copy.
pub fn lonely(copy: &Name, key: &[String]) -> String {
    format!("not exists (select from {} c where {})", copy.sql(), matches(key))
}

pub async fn only_in_live(session: &Session, live: &Name, copy: &Name, key: &[String]) -> Result<u64, Fault> {
    let sql = format!("select count(*) from {} l where {}", live.sql(), lonely(copy, key));
    let count: i64 = session.query_one(&sql, &[]).await?.get(0);
    Ok(u64::try_from(count).unwrap_or(0))
}

/// Stops where rows are only in live and nobody said what becomes of them.
pub fn refuse_newer(params: &Params, units: &[Unit]) -> Result<(), Fault> {
    if params.newer_rows != NewerRows::Refuse {
        return Ok(());
    }
    let found: Vec<String> = units
        .iter()
        .filter_map(|unit| unit.counts.only_in_live.filter(|count| *count > 0).map(|count| (unit, count)))
        .map(|(unit, count)| {
            let counts = &unit.counts;
            let more = match (counts.only_in_copy, counts.differ) {
                (Some(copy), Some(differ)) => format!(" ({copy} only in the copy, {differ} differ)"),
                _ => String::new(),
            };
            format!("`{}` has {count} rows that the copy does not have{more}", unit.name)
        })
        .collect();
    if found.is_empty() {
        return Ok(());
    }
    let mut fault = Fault::new("RG2210", format!("{}; nothing was changed", found.join("; "))).hint(
        "say what becomes of them: `newer_rows: keep` puts them into the copy before it takes the place, `newer_rows: drop` \
         leaves them in the old table only",
    );
    fault.causes = found;
    Err(fault)
}

/// What an approval is shown, one fact a line.
pub fn shown(params: &Params, state: &State, old: impl Fn(&Unit) -> Name) -> Vec<String> {
    let mut lines = Vec::new();
    for unit in &state.units {
        if !unit.exists {
            lines.push(format!("`{}` is not there; {} rows come back with it", unit.name, unit.proof.rows));
            continue;
        }
        let said = |count: Option<u64>| count.map_or_else(|| "not compared".to_owned(), |count| count.to_string());
        let counts = &unit.counts;
        lines.push(format!(
            "`{}`: {} rows in the copy; only in live {}, only in the copy {}, differing {}",
            unit.name,
            unit.proof.rows,
            said(counts.only_in_live),
            said(counts.only_in_copy),
            said(counts.differ)
        ));
        lines.push(match (params.newer_rows, counts.only_in_live) {
            (NewerRows::Refuse, _) => "rows only in live: none may appear before the swap, or it is refused".to_owned(),
            (NewerRows::Keep, _) => "rows only in live are kept, those that still arrive too".to_owned(),
            (NewerRows::Drop, _) => format!("rows only in live stay in `{}` only", old(unit)),
        });
        if counts.differ != Some(0) {
            lines.push(match params.on_conflict() {
                super::params::OnConflict::KeepLive => "where a row differs, the live one stays".to_owned(),
                super::params::OnConflict::TakeBackup => "where a row differs, the copy's takes the place".to_owned(),
            });
        }
        lines.push(format!("the live table is kept as `{}`", old(unit)));
    }
    lines
}

pub fn shown_merge(params: &Params, state: &State) -> Vec<String> {
    let mut lines = Vec::new();
    for unit in &state.units {
        let said = |count: Option<u64>| count.map_or_else(|| "not compared".to_owned(), |count| count.to_string());
        lines.push(format!(
            "`{}`: {} rows in the copy; only in live {}, only in the copy {}, differing {}",
            unit.name,
            unit.proof.rows,
            said(unit.counts.only_in_live),
            said(unit.counts.only_in_copy),
            said(unit.counts.differ)
        ));
    }
    lines.push("rows only in the copy are put into the live tables, rows only in live stay".to_owned());
    lines.push(match params.on_conflict() {
        super::params::OnConflict::KeepLive => "where a row differs, the live one stays".to_owned(),
        super::params::OnConflict::TakeBackup => "where a row differs, it gets the values of the copy".to_owned(),
    });
    lines
}
