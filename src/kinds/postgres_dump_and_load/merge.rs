//! Rows of the copy go into the live tables: parents first, in one transaction. Nothing is taken out of them.

use std::collections::BTreeSet;

use super::lock;
use super::marker::{self, Phase};
use super::moves;
use super::params::{OnConflict, Params};
use super::plan::{Merged, State, Unit};
use super::site::Site;
use crate::kind::WorkCx;
use crate::model::Fault;
use crate::provider::postgres::catalog::Table;
use crate::provider::postgres::{Name, WriteSession, quote};

pub async fn merge(
    cx: &WorkCx,
    site: &Site,
    params: &Params,
    lead: &WriteSession,
    loaded: &State,
) -> Result<State, Fault> {
    let say = |line: &str| cx.say(line);
    lock::transaction(cx, site, lead, say, &Merge { site, params, loaded }).await
}

struct Merge<'a> {
    site: &'a Site,
    params: &'a Params,
    loaded: &'a State,
}

impl lock::Locked for Merge<'_> {
    type Out = State;

    async fn run(&self, session: &WriteSession) -> Result<State, Fault> {
        let mut state = self.loaded.clone();
        // Keys that may wait do wait: tables that point at one another have no order.
        session.run("set constraints all deferred").await?;
        for at in parents_first(&state.units) {
            let unit = &state.units[at];
            let merged = one(self.site, self.params, session, unit).await;
            state.units[at].merged = Some(merged.map_err(|fault| does_not_fit(&unit.name, fault))?);
        }
        session.run(&format!("{}; commit", marker::set(&self.site.scratch, Phase::Swapped, &state)?)).await?;
        Ok(state)
    }
}

/// After the commit: the staging tables are not needed any more. May be repeated.
pub async fn finish(site: &Site, lead: &WriteSession, state: &State) -> Result<(), Fault> {
    for unit in &state.units {
        let table = site.scratch.table_place(unit.members[0].number);
        lead.run(&format!("drop table if exists {} cascade", table.sql())).await?;
    }
    lead.run(&format!("set synchronous_commit = on; {}", marker::set(&site.scratch, Phase::Done, state)?)).await
}

async fn one(site: &Site, params: &Params, session: &WriteSession, unit: &Unit) -> Result<Merged, Fault> {
    let table = unit.root();
    let staged = site.scratch.table_place(unit.members[0].number);
    let columns = table.copied_list();
    let insert = format!(
        "insert into {} ({columns}) overriding system value select {columns} from {} on conflict do nothing",
        unit.name.sql(),
        staged.sql()
    );
    let inserted = session.execute(&insert, &[]).await?;
    let mut updated = 0;
    if params.on_conflict() == OnConflict::TakeBackup
        && let Some(sql) = overwrite(table, &unit.name, &staged)
    {
        updated = session.execute(&sql, &[]).await?;
    }
    for statement in moves::raise(table, &unit.members[0].lasts) {
        session.run(&statement).await?;
    }
    Ok(Merged { inserted, updated, skipped: unit.proof.rows.saturating_sub(inserted + updated) })
}

/// Gives the rows of one table the values of the other where they differ under the same key. A column that only the server
/// may number stays as it is.
pub fn overwrite(table: &Table, into: &Name, from: &Name) -> Option<String> {
    let key = table.key()?;
    let free: Vec<String> = table
        .copied()
        .filter(|column| !key.contains(&column.name) && column.identity != "a")
        .map(|column| quote(&column.name))
        .collect();
    if free.is_empty() {
        return None;
    }
    let row = |alias: &str| free.iter().map(|it| format!("{alias}.{it}")).collect::<Vec<_>>().join(", ");
    let sets: Vec<String> = free.iter().map(|it| format!("{it} = s.{it}")).collect();
    let same: Vec<String> = key.iter().map(|it| format!("l.{0} = s.{0}", quote(it))).collect();
    Some(format!(
        "update {} l set {} from {} s where {} and record_image_ne(row({}), row({}))",
        into.sql(),
        sets.join(", "),
        from.sql(),
        same.join(" and "),
        row("l"),
        row("s")
    ))
}

fn does_not_fit(name: &Name, fault: Fault) -> Fault {
    if !fault.causes.first().is_some_and(|cause| cause.contains(" 23")) {
        return fault;
    }
    Fault {
        code: "RG2218".to_owned(),
        message: format!("rows of the copy do not fit into `{name}`; nothing was changed"),
        ..fault
    }
    .hint("carry the tables they point at in the same step")
}

/// What is pointed at comes before what points; a ring comes in the order it was written.
fn parents_first(units: &[Unit]) -> Vec<usize> {
    let mut order = Vec::new();
    let mut placed: BTreeSet<Name> = BTreeSet::new();
    let names: BTreeSet<Name> = units.iter().map(|unit| unit.name.clone()).collect();
    let ready = |unit: &Unit, placed: &BTreeSet<Name>| {
        let mut to = unit.members.iter().flat_map(|it| &it.table.foreign_keys).map(|key| key.to());
        to.all(|to| to == unit.name || !names.contains(&to) || placed.contains(&to))
    };
    while order.len() < units.len() {
        let open = || (0..units.len()).filter(|at| !placed.contains(&units[*at].name));
        let next = open().find(|at| ready(&units[*at], &placed)).or_else(|| open().next());
        let Some(next) = next else { break };
        placed.insert(units[next].name.clone());
        order.push(next);
    }
    order
}
