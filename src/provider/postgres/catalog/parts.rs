//! The parts of a table, as `table.sql` puts them out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::provider::postgres::{Name, quote};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    pub number: i16,
    pub name: String,
    /// As `format_type` prints it: `character varying(20)`.
    #[serde(rename = "type")]
    pub kind: String,
    pub collation: Option<String>,
    pub not_null: bool,
    /// Also the expression of a generated column.
    pub default: Option<String>,
    /// Empty, `a` (always) or `d` (by default).
    pub identity: String,
    /// Empty, `s` (stored) or `v` (virtual).
    pub generated: String,
    /// Only where it is not the type's own.
    pub storage: Option<String>,
    pub compression: Option<String>,
    pub comment: Option<String>,
    pub statistics: Option<i32>,
    pub options: Vec<String>,
    /// Its binary form means the same on another server of the same major version.
    pub plain: bool,
    /// How it is hashed: by its `value`, as `text` byte by byte, or after a `cast` to text.
    pub hash: String,
    pub grants: Vec<Grant>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// Absent: everybody.
    pub grantee: Option<String>,
    pub privilege: String,
    pub grantable: bool,
}

impl Grant {
    pub fn to(&self) -> String {
        self.grantee.as_deref().map_or_else(|| "public".to_owned(), quote)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Index {
    pub oid: u32,
    pub schema: String,
    pub name: String,
    pub unique: bool,
    pub valid: bool,
    pub clustered: bool,
    pub replica_identity: bool,
    pub partitioned: bool,
    /// The index of the partitioned table that this one is a part of.
    pub parent: Option<u32>,
    pub tablespace: Option<String>,
    pub bytes: i64,
    pub comment: Option<String>,
    /// Its definition from `USING` on.
    pub using: String,
    /// The columns, where it tells every row apart.
    pub key: Option<Vec<String>>,
    /// Statistics targets of expressions, by their place.
    pub statistics: BTreeMap<String, i32>,
    pub constraint: Option<Constraint>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    pub name: String,
    /// `p` primary key, `u` unique, `x` exclusion.
    pub kind: String,
    pub deferrable: bool,
    pub deferred: bool,
    pub definition: String,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    pub name: String,
    pub definition: String,
    pub validated: bool,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForeignKey {
    pub name: String,
    pub schema: String,
    pub table: String,
    pub table_partitioned: bool,
    pub to_schema: String,
    pub to_table: String,
    pub columns: Vec<String>,
    pub to_columns: Vec<String>,
    #[serde(rename = "match")]
    pub matching: String,
    pub on_update: String,
    pub on_delete: String,
    pub delete_columns: Vec<String>,
    pub deferrable: bool,
    pub deferred: bool,
    pub validated: bool,
    pub comment: Option<String>,
}

impl ForeignKey {
    pub fn from(&self) -> Name {
        Name::new(&self.schema, &self.table)
    }

    pub fn to(&self) -> Name {
        Name::new(&self.to_schema, &self.to_table)
    }

    /// `FOREIGN KEY … REFERENCES …`, towards a table that may stand under another name just now.
    pub fn definition(&self, to: &Name) -> String {
        let action = |code: &str| match code {
            "r" => "RESTRICT",
            "c" => "CASCADE",
            "n" => "SET NULL",
            "d" => "SET DEFAULT",
            _ => "NO ACTION",
        };
        let mut sql = format!(
            "FOREIGN KEY ({}) REFERENCES {} ({}){} ON UPDATE {} ON DELETE {}",
            list(&self.columns),
            to.sql(),
            list(&self.to_columns),
            if self.matching == "f" { " MATCH FULL" } else { "" },
            action(&self.on_update),
            action(&self.on_delete),
        );
        if !self.delete_columns.is_empty() {
            sql.push_str(&format!(" ({})", list(&self.delete_columns)));
        }
        if self.deferrable {
            sql.push_str(if self.deferred { " DEFERRABLE INITIALLY DEFERRED" } else { " DEFERRABLE" });
        }
        sql
    }
}

/// Column names as SQL takes them.
pub fn list(names: &[String]) -> String {
    names.iter().map(|name| quote(name)).collect::<Vec<_>>().join(", ")
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trigger {
    pub name: String,
    pub definition: String,
    /// `O` yes, `D` disabled, `R` on a replica, `A` always.
    pub enabled: String,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    pub name: String,
    /// `r` select, `a` insert, `w` update, `d` delete, `*` all.
    pub command: String,
    pub permissive: bool,
    /// Absent: everybody.
    pub roles: Vec<Option<String>>,
    pub using: Option<String>,
    pub check: Option<String>,
    pub comment: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    pub name: String,
    pub columns: Option<Vec<String>>,
    #[serde(rename = "where")]
    pub filter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    pub schema: String,
    pub name: String,
    pub definition: String,
    pub target: Option<i32>,
    pub owner: String,
    pub comment: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SequenceBond {
    /// Part of the column: comes and goes with it.
    Identity,
    /// `serial`: a sequence of its own that the column owns.
    Owned,
    /// A sequence of somebody else, named in the default.
    Used,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sequence {
    pub schema: String,
    pub name: String,
    pub column: String,
    pub bond: SequenceBond,
    #[serde(rename = "type")]
    pub kind: String,
    pub start: i64,
    pub increment: i64,
    pub min: i64,
    pub max: i64,
    pub cache: i64,
    pub cycle: bool,
    /// Absent: never used.
    pub last: Option<i64>,
    pub owner: String,
    pub comment: Option<String>,
    pub grants: Vec<Grant>,
}

impl Sequence {
    pub fn place(&self) -> Name {
        Name::new(&self.schema, &self.name)
    }

    /// As it follows `CREATE SEQUENCE name` or stands in parentheses behind `AS IDENTITY`.
    pub fn options(&self) -> String {
        format!(
            "START WITH {} INCREMENT BY {} MINVALUE {} MAXVALUE {} CACHE {}{}",
            self.start,
            self.increment,
            self.min,
            self.max,
            self.cache,
            if self.cycle { " CYCLE" } else { "" }
        )
    }
}
