//! A table, read whole.

use serde::{Deserialize, Serialize};

use super::parts::{Check, Column, ForeignKey, Grant, Index, Policy, Publication, Sequence, Statistics, Trigger, list};
use crate::model::Fault;
use crate::provider::postgres::{Name, Session};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    /// `r` ordinary, `p` partitioned.
    pub kind: String,
    pub unlogged: bool,
    pub owner: String,
    pub tablespace: Option<String>,
    pub access_method: Option<String>,
    pub options: Vec<String>,
    pub toast_options: Vec<String>,
    pub partition_key: Option<String>,
    /// The table it is a partition of.
    pub parent: Option<u32>,
    /// `FOR VALUES …`.
    pub bound: Option<String>,
    pub comment: Option<String>,
    pub row_security: bool,
    pub force_row_security: bool,
    /// `d` primary key, `n` nothing, `f` full row, `i` an index.
    pub replica_identity: String,
    pub pages: i64,
    /// Rows, as the planner believes.
    pub estimate: i64,
    pub bytes: i64,
    pub index_bytes: i64,
    pub grants: Vec<Grant>,
    pub columns: Vec<Column>,
    pub indexes: Vec<Index>,
    pub checks: Vec<Check>,
    /// From this table.
    pub foreign_keys: Vec<ForeignKey>,
    /// To this table.
    pub inbound: Vec<ForeignKey>,
    pub triggers: Vec<Trigger>,
    pub policies: Vec<Policy>,
    pub publications: Vec<Publication>,
    pub statistics: Vec<Statistics>,
    pub sequences: Vec<Sequence>,
}

impl Table {
    pub fn place(&self) -> Name {
        Name::new(&self.schema, &self.name)
    }

    pub fn is_partitioned(&self) -> bool {
        self.kind == "p"
    }

    /// What COPY writes: a generated column makes itself.
    pub fn copied(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| column.generated.is_empty())
    }

    pub fn copied_list(&self) -> String {
        list(&self.copied().map(|column| column.name.clone()).collect::<Vec<_>>())
    }

    /// Columns that tell every row apart: the primary key, else a unique index without nulls.
    pub fn key(&self) -> Option<&[String]> {
        self.indexes.iter().find_map(|index| index.key.as_deref())
    }
}

const TABLE: &str = include_str!("table.sql");
const FOREIGN_KEY: &str = include_str!("foreign_key.sql");
const BONDS: &str = include_str!("bonds.sql");

/// Everything about these tables.
pub async fn read(session: &Session, oids: &[u32]) -> Result<Vec<Table>, Fault> {
    let since =
        |major: i32, there: &'static str, before: &'static str| if session.major() >= major { there } else { before };
    let sql = TABLE
        .replace("{foreign_key}", FOREIGN_KEY)
        .replace("{compression}", since(14, "nullif(a.attcompression::text, '')", "null::text"))
        .replace("{own_trigger}", since(13, "and t.tgparentid = 0", ""))
        .replace("{publication_where}", since(15, "pg_get_expr(r.prqual, r.prrelid)", "null::text"))
        .replace(
            "{publication_columns}",
            since(
                15,
                "(select jsonb_agg(a.attname order by u.at) from unnest(r.prattrs::int2[]) with ordinality u(num, at) \
                 join pg_attribute a on a.attrelid = c.oid and a.attnum = u.num)",
                "null::jsonb",
            ),
        );
    session.read(&sql, &[&oids]).await
}

/// What stands under a name: its number and its `relkind`.
pub async fn find(session: &Session, name: &Name) -> Result<Option<(u32, String)>, Fault> {
    let sql = "select c.oid, c.relkind::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where n.nspname = $1 and c.relname = $2";
    let rows = session.query(sql, &[&name.schema, &name.name]).await?;
    Ok(rows.first().map(|row| (row.get(0), row.get(1))))
}

/// A table and, where it is partitioned, all beneath it, parents first.
pub async fn members(session: &Session, root: u32) -> Result<Vec<u32>, Fault> {
    let sql = "with recursive tree(oid, level) as (
                   select $1::oid, 0
                   union all select i.inhrelid, level + 1 from pg_inherits i join tree on tree.oid = i.inhparent
                   join pg_class c on c.oid = i.inhrelid where c.relispartition)
               select tree.oid from tree join pg_class c on c.oid = tree.oid order by level, c.relname";
    Ok(session.query(sql, &[&root]).await?.iter().map(|row| row.get(0)).collect())
}

/// Ordinary tables and roots of partitioned ones, in these schemas or, for none, in all that are not the system's.
pub async fn tables_of(session: &Session, schemas: &[String]) -> Result<Vec<Name>, Fault> {
    let sql = r"select n.nspname::text, c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
               where c.relkind in ('r', 'p') and not c.relispartition and c.relpersistence <> 't'
               and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid
                   and d.deptype = 'e')
               and case when $1::text[] = '{}' then n.nspname !~ '^(pg_|information_schema$|regrow_[0-9a-f]{8}$)'
                   and c.relname !~ '__old_[0-9a-f]{8}$' else n.nspname = any($1) end
               order by 1, 2";
    let rows = session.query(sql, &[&schemas]).await?;
    Ok(rows.iter().map(|row| Name::new(row.get::<_, String>(0), row.get::<_, String>(1))).collect())
}

/// What would stay with the old table after a swap, in words.
pub async fn bonds(session: &Session, oids: &[u32]) -> Result<Vec<String>, Fault> {
    session.read(BONDS, &[&oids]).await
}
