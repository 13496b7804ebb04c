//! What is carried, as it is written down: before the first change in the journal, afterwards in the marker on the target.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::provider::postgres::catalog::Table;
use crate::provider::postgres::{Identity, Name};

/// What `prepare` took. Every later session is held against the two identities.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub source: Identity,
    pub target: Identity,
    pub tables: Vec<Name>,
}

/// One table of the runbook with all its partitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Unit {
    pub name: Name,
    /// Whether the target has it already.
    pub exists: bool,
    /// The table first, then its partitions.
    pub members: Vec<Member>,
    pub proof: Proof,
    pub counts: Counts,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
}

/// What a merge did with the rows of the copy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    pub inserted: u64,
    pub updated: u64,
    /// Left as they are in the live table.
    pub skipped: u64,
}

/// One table or partition.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Member {
    /// Number of its table in the scratch schema.
    pub number: usize,
    /// As it is on the target; on the source, where the target has none.
    pub table: Table,
    /// Place in `members` of what it is a partition of.
    pub parent: Option<usize>,
    /// The last numbers that the source took from the sequences of the columns.
    #[serde(default)]
    pub lasts: BTreeMap<String, i64>,
}

/// What the copy was held against its source with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    pub rows: u64,
    /// Sum of all row hashes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<String>,
}

/// Live table against copy. Absent: not counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub only_in_live: Option<u64>,
    pub only_in_copy: Option<u64>,
    pub differ: Option<u64>,
}

impl Unit {
    pub fn root(&self) -> &Table {
        &self.members[0].table
    }

    /// The partitions that hold rows, or the table itself.
    pub fn leaves(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| !member.table.is_partitioned())
    }

    pub fn key(&self) -> Option<&[String]> {
        self.root().key()
    }
}

/// Everything of one operation, as the marker keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub units: Vec<Unit>,
    pub bytes: u64,
    /// The old tables.
    #[serde(default)]
    pub kept: Vec<Name>,
    /// What takes the swap back, statement by statement.
    #[serde(default)]
    pub back: Vec<String>,
    /// Constraints to be validated, in the words of the statement.
    #[serde(default)]
    pub validate: Vec<String>,
    /// The same, after it was taken back.
    #[serde(default)]
    pub validate_back: Vec<String>,
}

impl State {
    pub fn outputs(&self) -> Map<String, Value> {
        let tables: Vec<Value> = self.units.iter().map(table_output).collect();
        let rows: u64 = self.units.iter().map(|unit| unit.proof.rows).sum();
        let kept: Vec<String> = self.kept.iter().map(Name::to_string).collect();
        let kept_as = if kept.is_empty() { Value::Null } else { json!(kept.join(", ")) };
        Map::from_iter([
            ("tables".to_owned(), Value::Array(tables)),
            ("rows".to_owned(), json!(rows)),
            ("bytes".to_owned(), json!(self.bytes)),
            ("kept_as".to_owned(), kept_as),
        ])
    }
}

fn table_output(unit: &Unit) -> Value {
    let mut table = json!({
        "name": unit.name,
        "rows": unit.proof.rows,
        "checksum": unit.proof.checksum,
        "only_in_live": unit.counts.only_in_live,
        "only_in_copy": unit.counts.only_in_copy,
        "differ": unit.counts.differ,
    });
    if let (Some(merged), Some(table)) = (unit.merged, table.as_object_mut()) {
        table.insert("inserted".to_owned(), json!(merged.inserted));
        table.insert("updated".to_owned(), json!(merged.updated));
        table.insert("skipped".to_owned(), json!(merged.skipped));
    }
    table
}
