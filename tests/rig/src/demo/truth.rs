//! What the platform held at a moment, row by row, and what shape the table had; and whether it is so again.
//!
//! A count and a sum could agree by chance or by two faults; a hash a row names the row that is wrong. What must be there
//! at the end is the truth of the moment, overlaid with every write that was confirmed later.

use std::collections::HashMap;

use anyhow::{Context, Result};
use tokio_postgres::Client;

use super::platform::Table;
use super::writer::Memory;

/// How many wrong rows are named; a thousand say no more than ten.
const NAMED: usize = 10;

type Rows = HashMap<i64, i64>;

/// Everything as of one moment.
pub struct Truth {
    /// RFC 3339, to the microsecond: the resolution of PostgreSQL's commit times.
    pub as_of: String,
    tables: HashMap<Table, Rows>,
    shape: String,
}

impl Truth {
    /// The caller holds the writer's gate, so nothing is written between the rows and the moment.
    pub async fn take(client: &Client) -> Result<Truth> {
        let mut tables = HashMap::new();
        for table in Table::ALL {
            tables.insert(table, rows(client, table).await?);
        }
        let shape = shape(client).await?;
        let moment = "select to_char(clock_timestamp() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
        let as_of = client.query_one(moment, &[]).await?.get(0);
        Ok(Truth { as_of, tables, shape })
    }

    pub fn count(&self, table: Table) -> usize {
        self.tables.get(&table).map_or(0, Rows::len)
    }

    pub fn checksum(&self, table: Table) -> String {
        self.tables.get(&table).map_or_else(String::new, checksum)
    }

    /// Compares what is there now with what must be there. The writer must be at rest.
    pub async fn verify(&self, client: &Client, memory: &Memory) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        for table in Table::ALL {
            let is = rows(client, table).await?;
            self.compare(table, &is, memory, &mut verdict);
        }
        let shape = shape(client).await?;
        if shape != self.shape {
            verdict.problems.push(format!("the table's shape changed\n--- before\n{}\n--- now\n{shape}", self.shape));
        }
        verdict.problems.extend(memory.refused.iter().map(|refused| format!("a write was refused: {refused}")));
        Ok(verdict)
    }

    fn compare(&self, table: Table, is: &Rows, memory: &Memory, verdict: &mut Verdict) {
        let mut must = self.tables.get(&table).cloned().unwrap_or_default();
        let back = must.keys().filter(|id| is.contains_key(id)).count();
        verdict.back.insert(table, back);
        for ((_, id), hash) in memory.later.iter().filter(|((of, _), _)| *of == table) {
            must.insert(*id, *hash);
            let survived = is.get(id) == Some(hash);
            let count = verdict.later.entry(table).or_default();
            count.survived += usize::from(survived);
            count.total += 1;
        }
        let mut wrong: Vec<(i64, &str)> = Vec::new();
        wrong.extend(must.iter().filter_map(|(id, hash)| match is.get(id) {
            None => Some((*id, "is missing")),
            Some(other) if other != hash => Some((*id, "is not what it was")),
            Some(_) => None,
        }));
        wrong.extend(is.keys().filter(|id| !must.contains_key(id)).map(|id| (*id, "was never written")));
        wrong.sort_unstable();
        let name = table.name();
        verdict.problems.extend(wrong.iter().take(NAMED).map(|(id, what)| format!("{name}: row {id} {what}")));
        if wrong.len() > NAMED {
            verdict.problems.push(format!("{name}: {} more rows are wrong", wrong.len() - NAMED));
        }
        verdict.rows.insert(table, (is.len(), checksum(is)));
    }
}

/// Rows written after the damage, and how many of them hold what was written last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Later {
    pub survived: usize,
    pub total: usize,
}

/// What was found. Without problems everything is as it must be.
#[derive(Debug, Default)]
#[must_use = "a verdict nobody looks at proves nothing"]
pub struct Verdict {
    pub later: HashMap<Table, Later>,
    /// Rows of the truth that are there, whatever they hold now.
    pub back: HashMap<Table, usize>,
    /// Count and checksum of each table now.
    pub rows: HashMap<Table, (usize, String)>,
    pub problems: Vec<String>,
}

async fn rows(client: &Client, table: Table) -> Result<Rows> {
    let name = table.name();
    let rows = client
        .query(&format!("select t.id, hashtextextended(t::text, 0) from {name} t"), &[])
        .await
        .with_context(|| format!("cannot read {name}"))?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// Independent of the order of the rows.
fn checksum(rows: &Rows) -> String {
    format!("{:016x}", rows.values().fold(0_i64, |sum, hash| sum.wrapping_add(*hash)))
}

/// Owner, columns, constraints and indexes of the table that is lost, as text that a person can compare.
async fn shape(client: &Client) -> Result<String> {
    let sql = "
        select 'owner ' || tableowner from pg_tables where schemaname = 'public' and tablename = 'enrolments'
        union all select format('column %s %s %s %s %s', attnum, attname, format_type(atttypid, atttypmod), attnotnull, attidentity)
            from pg_attribute where attrelid = 'public.enrolments'::regclass and attnum > 0 and not attisdropped
        union all select format('constraint %s %s%s', conname, pg_get_constraintdef(oid), case when convalidated then '' else ' NOT VALID' end)
            from pg_constraint where conrelid = 'public.enrolments'::regclass
        union all select 'index ' || indexdef from pg_indexes where schemaname = 'public' and tablename = 'enrolments'
        order by 1";
    let rows = client.query(sql, &[]).await.context("cannot read the shape of the table")?;
    Ok(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join("\n"))
}
