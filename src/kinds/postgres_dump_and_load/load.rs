//! Loads the copy beside the live tables: structure, rows, indexes, keys, and the proof that the rows are the source's.
//!
//! One transaction makes the schema, its marker and all empty tables. Then each table is loaded on its own, biggest first:
//! its rows, then its indexes side by side, then the constraints that take those over. A table that one stream fills is
//! truncated in the transaction that fills it, which lets COPY freeze the rows
//! (<https://www.postgresql.org/docs/current/sql-copy.html>, FREEZE): nobody has to visit them again.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::ddl;
use super::marker::{self, Phase};
use super::params::{Compare, Mode, Params};
use super::plan::{Member, Proof, State, Unit};
use super::site::{Site, fingerprint};
use super::survey;
use crate::kind::WriteCx;
use crate::model::Fault;
use crate::provider::postgres::catalog::Table;
use crate::provider::postgres::{Name, Progress, ReadSession, RowSum, Session, WriteSession, quote, stream};

/// A table below this is not worth a second stream.
const SPLIT_FROM: i64 = 128 << 20;

/// What all parts of one load share.
pub struct Load {
    pub cx: WriteCx,
    pub site: Site,
    pub progress: Progress,
    /// The moment of the source that all streams see.
    snapshot: String,
    binary: bool,
    modern: bool,
    compare: Compare,
    mode: Mode,
    /// So many streams and builds at once.
    pub slots: Semaphore,
    sums: Semaphore,
    pub memory: String,
}

/// Where the rows of one table come from.
struct Source {
    table: Table,
}

/// One table or partition to be filled.
#[derive(Clone)]
struct Part {
    member: Member,
    source: Table,
    binary: bool,
    /// Where its rows can be added up while they stream.
    sum: Option<RowSum>,
}

/// What went through one stream, or through several together.
#[derive(Clone, Copy)]
struct Sent {
    rows: u64,
    sum: Option<i128>,
}

impl Sent {
    /// Of streams side by side.
    async fn all(
        streams: impl Iterator<Item = impl Future<Output = Result<Self, Fault>> + Send + 'static>,
    ) -> Result<Self, Fault> {
        let mut running: JoinSet<_> = streams.collect();
        let mut all = Self { rows: 0, sum: Some(0) };
        while let Some(sent) = running.join_next().await {
            let sent = sent.map_err(broke)??;
            all.rows += sent.rows;
            all.sum = all.sum.zip(sent.sum).map(|(a, b)| a + b);
        }
        Ok(all)
    }

    fn proof(self) -> Proof {
        Proof { rows: self.rows, checksum: self.sum.map(|sum| sum.to_string()) }
    }
}

/// Makes and fills the scratch tables. `begun` is told of the progress that others may watch.
pub async fn load(
    cx: &WriteCx,
    site: &Site,
    params: &Params,
    lead: &WriteSession,
    begun: impl FnOnce(Arc<Load>, u64),
) -> Result<State, Fault> {
    // Holds the snapshot for the others, and the tables against changes of their shape.
    let keeper = site.read_source(cx).await?;
    keeper.begin_snapshot(None).await?;
    let mut units = survey::units(params, &site.prior.tables, &keeper, lead).await?;
    let held: Vec<String> = site.prior.tables.iter().map(Name::sql).collect();
    keeper.query(&format!("lock table {} in access share mode", held.join(", ")), &[]).await?;
    let snapshot: String = keeper.query_one("select pg_export_snapshot()", &[]).await?.get(0);
    make(site, params, lead, &units).await?;
    let load = Arc::new(Load {
        cx: cx.clone(),
        site: site.clone(),
        progress: Progress::default(),
        snapshot,
        binary: keeper.major() == lead.major(),
        modern: keeper.major() >= 14,
        compare: params.compare,
        mode: params.mode,
        slots: Semaphore::new(site.jobs),
        sums: Semaphore::new(site.jobs),
        memory: memory(lead, site.jobs).await?,
    });
    fill(&load, &keeper, &mut units, begun).await?;
    let bytes = load.progress.bytes.load(Ordering::Relaxed);
    let state = State { units, bytes, ..State::default() };
    lead.run(&format!("set synchronous_commit = on; {}", marker::set(&site.scratch, Phase::Loaded, &state)?)).await?;
    Ok(state)
}

/// Schema, marker and empty tables, all or nothing; what an earlier attempt left goes with the same transaction.
async fn make(site: &Site, params: &Params, lead: &WriteSession, units: &[Unit]) -> Result<(), Fault> {
    let scratch = &site.scratch;
    let mut all = vec![
        format!("drop schema if exists {} cascade", quote(&scratch.schema())),
        marker::create(scratch, &fingerprint(params, &site.prior)),
    ];
    for unit in units {
        for member in &unit.members {
            let place = scratch.table_place(member.number);
            all.extend(ddl::create(&member.table, &place, scratch, member.number, !unit.exists));
            if let (Some(parent), Some(bound)) = (member.parent, &member.table.bound) {
                let parent = scratch.table_place(unit.members[parent].number);
                all.push(format!("alter table only {} attach partition {} {bound}", parent.sql(), place.sql()));
            }
        }
    }
    let begin = "set client_min_messages = warning; begin";
    let outcome = lead.run(&format!("{begin}; {}; commit", all.join("; "))).await;
    if outcome.is_err() {
        // The connection may be what failed; then the server rolls back by itself.
        let _ = lead.run("rollback").await;
    }
    outcome.map_err(|fault| explain(fault, "the scratch tables cannot be made"))
}

pub fn explain(fault: Fault, what: &str) -> Fault {
    if fault.code != "RG2106" {
        return fault;
    }
    Fault { code: "RG2214".to_owned(), message: what.to_owned(), ..fault }
}

/// A quarter of what the server's cache hints at, shared by the builds; never below its own setting.
async fn memory(lead: &WriteSession, jobs: usize) -> Result<String, Fault> {
    let sql = "select greatest(
        (select setting::bigint from pg_settings where name = 'maintenance_work_mem'),
        least(1048576, (select setting::bigint * 8 / 4 from pg_settings where name = 'effective_cache_size') / $1))";
    let jobs = i64::try_from(jobs).unwrap_or(1);
    let kilobytes: i64 = lead.query_one(sql, &[&jobs]).await?.get(0);
    Ok(format!("{kilobytes}kB"))
}

async fn fill(
    load: &Arc<Load>,
    keeper: &ReadSession,
    units: &mut [Unit],
    begun: impl FnOnce(Arc<Load>, u64),
) -> Result<(), Fault> {
    let mut order: Vec<usize> = (0..units.len()).collect();
    let mut sources = Vec::new();
    for unit in units.iter() {
        sources.push(source_of(keeper, unit).await?);
    }
    let expected = sources.iter().flatten().flatten().map(|it| it.table.estimate).sum::<i64>();
    begun(load.clone(), u64::try_from(expected).unwrap_or(0));
    let size = |at: &usize| sources[*at].iter().flatten().map(|it| it.table.bytes).sum::<i64>();
    order.sort_by_key(|at| std::cmp::Reverse(size(at)));
    let mut running = JoinSet::new();
    let mut sources: Vec<Option<_>> = sources.into_iter().map(Some).collect();
    for at in order {
        let (load, unit) = (load.clone(), units[at].clone());
        let sources = sources[at].take().unwrap_or_default();
        running.spawn(async move { (at, Box::pin(load.unit(unit, sources)).await) });
    }
    while let Some(joined) = running.join_next().await {
        let (at, outcome) = joined.map_err(|error| Fault::new("RG2214", "a stream broke down").caused_by(&error))?;
        // The first failure ends the others: the set drops them, which closes their connections.
        units[at].proof = outcome?;
    }
    Ok(())
}

/// For each member that holds rows, the source's table of the same name and bound; nothing where the partitions differ,
/// and all rows come through the root.
async fn source_of(keeper: &ReadSession, unit: &Unit) -> Result<Vec<Option<Source>>, Fault> {
    let tree = survey::tree(keeper, &unit.name).await?.unwrap_or_default();
    let same = |member: &Member| {
        tree.iter().find(|it| {
            it.kind == member.table.kind && it.bound == member.table.bound && (it.place() == member.table.place())
        })
    };
    let paired: Vec<Option<&Table>> = unit.members.iter().map(same).collect();
    if tree.len() == paired.len() && paired.iter().all(Option::is_some) {
        return Ok(paired.into_iter().map(|it| it.map(|it| Source { table: it.clone() })).collect());
    }
    let root = tree.into_iter().next().map(|table| Source { table });
    let mut all: Vec<Option<Source>> = unit.members.iter().map(|_| None).collect();
    all[0] = root;
    Ok(all)
}

impl Load {
    /// One table with its partitions, from rows to keys.
    async fn unit(self: Arc<Self>, unit: Unit, sources: Vec<Option<Source>>) -> Result<Proof, Fault> {
        let parts = self.parts(&unit, sources);
        let checked = self.compare == Compare::Checksum;
        let in_flight = checked && parts.iter().all(|part| part.sum.is_some());
        // A set of one: dropping it ends the task, and with it the session.
        let (mut theirs, mut ours) = (JoinSet::new(), JoinSet::new());
        if checked && !in_flight {
            theirs.spawn(self.clone().sum(unit.clone(), Side::Source));
        }
        let sent = Sent::all(parts.into_iter().map(|part| self.clone().rows(part))).await?;
        if checked {
            ours.spawn(self.clone().sum(unit.clone(), Side::Copy));
        }
        if self.mode != Mode::Merge {
            self.clone().indexes(&unit).await?;
        }
        let Some(ours) = ours.join_next().await else {
            // Both servers have counted the rows of each COPY.
            return Ok(Proof { rows: sent.rows, checksum: None });
        };
        let ours = ours.map_err(broke)??;
        if in_flight && sent.proof() == ours {
            return Ok(ours);
        }
        let theirs = match theirs.join_next().await {
            Some(theirs) => theirs.map_err(broke)??,
            // What was sent spares a reading of the source only where it agrees.
            None => self.sum(unit.clone(), Side::Source).await?,
        };
        if theirs == ours { Ok(ours) } else { Err(not_the_same(&unit, &theirs, &ours)) }
    }

    /// What is to be copied, table by table.
    fn parts(&self, unit: &Unit, sources: Vec<Option<Source>>) -> Vec<Part> {
        let through_root = sources.len() > 1 && sources.iter().skip(1).all(Option::is_none);
        let mut parts = Vec::new();
        for (member, source) in unit.members.iter().zip(sources) {
            let Some(Source { table: source }) = source else { continue };
            if member.table.is_partitioned() && !through_root {
                continue;
            }
            let binary = self.binary && source.columns.iter().chain(&member.table.columns).all(|column| column.plain);
            let summed = binary && self.compare == Compare::Checksum;
            let sum = if summed { RowSum::of(unit.root(), &source, &member.table) } else { None };
            parts.push(Part { member: member.clone(), source, binary, sum });
        }
        parts
    }

    /// Fills one table. One stream freezes; several share a big one by ranges of pages.
    async fn rows(self: Arc<Self>, part: Part) -> Result<Sent, Fault> {
        let source = &part.source;
        let streams = if self.site.jobs > 2 && source.bytes > SPLIT_FROM && !source.is_partitioned() {
            i64::try_from(self.site.jobs).unwrap_or(1).min(source.bytes / (SPLIT_FROM / 2))
        } else {
            1
        };
        if streams == 1 {
            let freeze = !source.is_partitioned();
            return self.one(part, None, freeze).await;
        }
        let step = source.pages / streams + 1;
        Sent::all((0..streams).map(|at| {
            // The last range is open: the table may have grown since its size was read.
            let range = (at * step, (at + 1 < streams).then_some((at + 1) * step));
            let (load, part) = (self.clone(), part.clone());
            async move { load.one(part, Some(range), false).await }
        }))
        .await
    }

    async fn one(&self, part: Part, range: Option<(i64, Option<i64>)>, freeze: bool) -> Result<Sent, Fault> {
        let Part { member, source, binary, mut sum } = part;
        let _slot = self.slots.acquire().await;
        let place = self.site.scratch.table_place(member.number);
        let columns = member.table.copied_list();
        let format = if binary { "format binary" } else { "format text" };
        let out = match range {
            None if source.is_partitioned() => {
                format!("copy (select {columns} from {}) to stdout ({format})", source.place().sql())
            }
            None => format!("copy {} ({columns}) to stdout ({format})", source.place().sql()),
            Some((from, to)) => {
                let end = to.map(|to| format!(" and ctid < '({to},0)'::tid")).unwrap_or_default();
                let rows =
                    format!("select {columns} from only {} where ctid >= '({from},0)'::tid{end}", source.place().sql());
                format!("copy ({rows}) to stdout ({format})")
            }
        };
        let frozen = if freeze { ", freeze" } else { "" };
        let into = format!("copy {} ({columns}) from stdin ({format}{frozen})", place.sql());
        let from = self.site.read_source(&self.cx).await?;
        from.begin_snapshot(Some(&self.snapshot)).await?;
        let to = self.site.write_target(&self.cx).await?;
        to.run("set synchronous_commit = off").await?;
        let (mut from, mut to) = (from.into_wire().await?, to.into_wire().await?);
        let begin = if freeze { format!("begin; truncate only {}", place.sql()) } else { "begin".to_owned() };
        to.run(&begin).await?;
        let rows = stream(&mut from, &out, &mut to, &into, &self.progress, sum.as_mut())
            .await
            .map_err(|fault| explain(fault, &format!("the rows of `{}` cannot be loaded", member.table.place())))?;
        to.run("commit").await?;
        Ok(Sent { rows, sum: sum.and_then(|sum| sum.sum()) })
    }

    /// Rows and their sum, as a server works them out: of the source in the same moment as the rows and while they stream,
    /// since the target is the slower side; of the copy beside the index builds.
    async fn sum(self: Arc<Self>, unit: Unit, side: Side) -> Result<Proof, Fault> {
        let _slot = self.sums.acquire().await;
        let (session, place) = match side {
            Side::Source => {
                let session = self.site.read_source(&self.cx).await?;
                session.begin_snapshot(Some(&self.snapshot)).await?;
                (session, unit.name.clone())
            }
            Side::Copy => {
                (self.site.read_target(&self.cx).await?, self.site.scratch.table_place(unit.members[0].number))
            }
        };
        sum(&session, &place, unit.root(), self.modern).await
    }
}

#[derive(Clone, Copy)]
enum Side {
    Source,
    Copy,
}

/// How many rows a table has, and what their hashes add up to.
pub async fn sum(session: &Session, place: &Name, table: &Table, modern: bool) -> Result<Proof, Fault> {
    let sql =
        format!("select count(*), coalesce(sum({}), 0)::text from {} t", table.row_hash("t", modern), place.sql());
    let row = session.query_one(&sql, &[]).await?;
    let rows: i64 = row.get(0);
    Ok(Proof { rows: u64::try_from(rows).unwrap_or(0), checksum: Some(row.get(1)) })
}

fn not_the_same(unit: &Unit, theirs: &Proof, ours: &Proof) -> Fault {
    let content = if theirs.rows == ours.rows { ", with other content" } else { "" };
    let message = format!(
        "the copy of `{}` is not what the source has: {} rows there, {} here{content}",
        unit.name, theirs.rows, ours.rows
    );
    Fault::new("RG2212", message).hint("retry loads it again; should it happen twice, compare the two tables by hand")
}

pub fn broke(error: tokio::task::JoinError) -> Fault {
    Fault::new("RG2214", "a stream broke down").caused_by(&error)
}
