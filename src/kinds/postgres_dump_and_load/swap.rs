//! The copy takes the place of the live table, in one transaction.
//!
//! Writers wait from the last count to the commit, readers only for the renames. Keys come back unproven and are proven
//! after the commit, so that the lock does not last as long as the largest table.

use super::compare::{by_key, lonely, only_in_live, refuse_newer};
use super::lock;
use super::marker::{self, Phase};
use super::merge;
use super::moves;
use super::orphans;
use super::params::{NewerRows, OnConflict, Params};
use super::plan::{State, Unit};
use super::site::Site;
use super::survey;
use crate::kind::WorkCx;
use crate::model::{Fault, RetryClass};
use crate::provider::postgres::catalog::{Grant, Table, bonds, find, read};
use crate::provider::postgres::{Name, WriteSession};

/// Swaps and leaves the marker at [`Phase::Swapped`]; the state is what the marker then holds.
pub async fn swap(
    cx: &WorkCx,
    site: &Site,
    params: &Params,
    lead: &WriteSession,
    loaded: &State,
) -> Result<State, Fault> {
    orphans::refuse(lead, &site.scratch, params, &loaded.units).await?;
    let say = |line: &str| cx.say(line);
    lock::transaction(cx, site, lead, say, &Exchange { site, params, loaded }).await
}

struct Exchange<'a> {
    site: &'a Site,
    params: &'a Params,
    loaded: &'a State,
}

impl lock::Locked for Exchange<'_> {
    type Out = State;

    async fn run(&self, session: &WriteSession) -> Result<State, Fault> {
        exchange(self.site, self.params, session, self.loaded.clone()).await
    }
}

async fn exchange(site: &Site, params: &Params, session: &WriteSession, mut state: State) -> Result<State, Fault> {
    let live: Vec<String> = state.units.iter().filter(|unit| unit.exists).map(|unit| unit.name.sql()).collect();
    if !live.is_empty() {
        // Against writes, not against reads: the counting may take a while.
        session.run(&format!("lock table {} in share row exclusive mode", live.join(", "))).await?;
    }
    newest(site, params, session, &mut state.units).await?;
    if !live.is_empty() {
        session.run(&format!("lock table {} in access exclusive mode", live.join(", "))).await?;
    }
    let units = as_they_are(session, &state.units).await?;
    let given = given(site, session, &units).await?;
    let moves = moves::swap(&site.scratch, &moves::pairs(&units, &given));
    for statement in &moves.forward {
        session.run(statement).await?;
    }
    state.kept = moves.kept;
    state.back = moves.back;
    state.validate = moves.validate;
    state.validate_back = moves.validate_back;
    session.run(&format!("{}; commit", marker::set(&site.scratch, Phase::Swapped, &state)?)).await?;
    Ok(state)
}

/// Fault of a live table that has moved on since its counts were shown, in a way that would lose more than was shown.
pub const MOVED_ON: &str = "RG2223";

/// Counts again under the lock what the swap would leave behind: more than was shown is not taken.
async fn nothing_unseen(session: &WriteSession, params: &Params, unit: &mut Unit, copy: &Name) -> Result<(), Fault> {
    let shown = unit.counts.clone();
    let Some(key) = unit.key().map(<[String]>::to_vec) else { return Ok(()) };
    if params.newer_rows == NewerRows::Drop {
        unit.counts.only_in_live = Some(only_in_live(session, &unit.name, copy, &key).await?);
    }
    if params.on_conflict() == OnConflict::TakeBackup && shown.differ.is_some() {
        let now = by_key(session, unit.root(), &unit.name, copy, &key).await?;
        unit.counts.differ = now.differ;
    }
    let more = |shown: Option<u64>, now: Option<u64>| shown.zip(now).is_some_and(|(shown, now)| now > shown);
    if more(shown.only_in_live, unit.counts.only_in_live) || more(shown.differ, unit.counts.differ) {
        let what = format!("`{}` has been written to since it was compared; nothing was changed", unit.name);
        return Err(Fault::new(MOVED_ON, what)
            .retry(RetryClass::Later)
            .hint("stop who writes to it, or keep what they write: `newer_rows: keep`, `on_conflict: keep_live`"));
    }
    Ok(())
}

/// What has come into the live tables since they were compared: counted, and kept where that was said. The same for rows
/// that differ.
async fn newest(site: &Site, params: &Params, session: &WriteSession, units: &mut [Unit]) -> Result<(), Fault> {
    for unit in units.iter_mut().filter(|unit| unit.exists) {
        let Some(key) = unit.key().map(<[String]>::to_vec) else { continue };
        let copy = site.scratch.table_place(unit.members[0].number);
        nothing_unseen(session, params, unit, &copy).await?;
        match params.newer_rows {
            NewerRows::Drop => {}
            NewerRows::Refuse => {
                let count = only_in_live(session, &unit.name, &copy, &key).await?;
                unit.counts.only_in_live = Some(count);
            }
            NewerRows::Keep => {
                let columns = unit.root().copied_list();
                let sql = format!(
                    "insert into {} ({columns}) overriding system value select {columns} from {} l where {}",
                    copy.sql(),
                    unit.name.sql(),
                    lonely(&copy, &key)
                );
                let kept = session.execute(&sql, &[]).await.map_err(|fault| cannot_keep(&unit.name, fault))?;
                unit.counts.only_in_live = Some(kept);
            }
        }
        if params.on_conflict() == OnConflict::KeepLive
            && let Some(sql) = merge::overwrite(unit.root(), &copy, &unit.name)
        {
            session.execute(&sql, &[]).await.map_err(|fault| cannot_keep(&unit.name, fault))?;
        }
    }
    refuse_newer(params, units)
}

fn cannot_keep(name: &Name, fault: Fault) -> Fault {
    if !fault.causes.first().is_some_and(|cause| cause.contains(" 23")) {
        return fault;
    }
    Fault {
        code: "RG2218".to_owned(),
        message: format!("rows only in live do not fit into the copy of `{name}`"),
        ..fault
    }
    .hint("change them in the live table, or leave them behind with `newer_rows: drop`")
}

/// The live tables as they are now, under the lock. Their shape must be the one that was loaded; what else has changed
/// since (a grant, a trigger) is carried as it is now.
async fn as_they_are(session: &WriteSession, loaded: &[Unit]) -> Result<Vec<Unit>, Fault> {
    let mut units = loaded.to_vec();
    let mut oids = Vec::new();
    for unit in &mut units {
        if !unit.exists {
            if find(session, &unit.name).await?.is_some() {
                return Err(changed(&unit.name, "it exists by now"));
            }
            continue;
        }
        let tree = survey::tree(session, &unit.name).await?.unwrap_or_default();
        if tree.len() != unit.members.len() {
            return Err(changed(&unit.name, "it is gone, or has other partitions"));
        }
        for member in &mut unit.members {
            let Some(now) = tree.iter().find(|table| table.oid == member.table.oid) else {
                return Err(changed(&unit.name, "it was made anew"));
            };
            same_shape(&member.table, now)?;
            oids.push(now.oid);
            member.table = now.clone();
        }
    }
    let bound = bonds(session, &oids).await?;
    if bound.is_empty() { Ok(units) } else { Err(survey::cannot_carry(&bound)) }
}

fn same_shape(loaded: &Table, now: &Table) -> Result<(), Fault> {
    let columns = |table: &Table| -> Vec<_> {
        let each = table.columns.iter();
        each.map(|it| (it.name.clone(), it.kind.clone(), it.not_null, it.default.clone(), it.identity.clone()))
            .collect()
    };
    let indexes = |table: &Table| -> Vec<_> {
        let mut all: Vec<_> = table.indexes.iter().map(|it| (it.oid, it.name.clone(), it.using.clone())).collect();
        all.sort();
        all
    };
    let checks = |table: &Table| -> Vec<_> {
        table.checks.iter().map(|it| (it.name.clone(), it.definition.clone(), it.validated)).collect()
    };
    let statistics = |table: &Table| -> Vec<_> { table.statistics.iter().map(|it| it.definition.clone()).collect() };
    if columns(loaded) != columns(now) {
        return Err(changed(&now.place(), "its columns"));
    }
    if indexes(loaded) != indexes(now) {
        return Err(changed(&now.place(), "its indexes"));
    }
    if checks(loaded) != checks(now) || statistics(loaded) != statistics(now) {
        return Err(changed(&now.place(), "its constraints"));
    }
    Ok(())
}

fn changed(name: &Name, what: &str) -> Fault {
    Fault::new("RG2220", format!("`{name}` changed since its copy was made: {what}; nothing was changed by us"))
        .hint("rerun the step: it loads the copy anew, like the table as it is now")
}

/// What each copy was granted by itself when it was made, in the order of the members.
async fn given(site: &Site, session: &WriteSession, units: &[Unit]) -> Result<Vec<Vec<Grant>>, Fault> {
    let mut all = Vec::new();
    for member in units.iter().flat_map(|unit| &unit.members) {
        let place = site.scratch.table_place(member.number);
        let gone =
            || Fault::new("RG2220", format!("the copy of `{}` is gone", member.table.place())).hint("rerun the step");
        let (oid, _) = find(session, &place).await?.ok_or_else(gone)?;
        let table = read(session, &[oid]).await?.pop().ok_or_else(gone)?;
        all.push(table.grants);
    }
    Ok(all)
}

/// After the commit: proves the keys, and marks the operation as done. May be repeated.
pub async fn finish(cx: &WorkCx, site: &Site, lead: &WriteSession, state: &State) -> Result<(), Fault> {
    validate(cx, site, &state.validate).await?;
    lead.run(&format!("set synchronous_commit = on; {}", marker::set(&site.scratch, Phase::Done, state)?)).await
}

pub async fn validate(cx: &crate::kind::WriteCx, site: &Site, statements: &[String]) -> Result<(), Fault> {
    if statements.is_empty() {
        return Ok(());
    }
    let session = site.write_target(cx).await?;
    for statement in statements {
        session.run(statement).await.map_err(|fault| {
            if !fault.causes.first().is_some_and(|cause| cause.contains(" 23503:")) {
                return fault;
            }
            Fault {
                code: "RG2215".to_owned(),
                message: "the swap is done, and rows point at nothing".to_owned(),
                ..fault
            }
            .hint("put right the rows that the constraint names, then retry to prove it; or undo with `swap_back`")
        })?;
    }
    Ok(())
}
