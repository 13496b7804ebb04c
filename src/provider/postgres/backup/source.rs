//! Where backups of PostgreSQL lie, as a runbook says it.

use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::model::Fault;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// A base backup as a folder or a plain tar, or a folder of them: then the newest that ended before `as_of` is taken.
    #[serde(default)]
    pub base: Option<String>,
    /// The WAL archive: a folder, or a command with `%f` (the file wanted) and `%p` (where to put it).
    #[serde(default)]
    pub wal: Option<Wal>,
    #[serde(default)]
    pub pgbackrest: Option<PgBackrest>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PgBackrest {
    pub stanza: String,
    /// Its configuration file, where that is not the usual one.
    #[serde(default)]
    pub config: Option<String>,
    /// Number of the repository.
    #[serde(default)]
    pub repo: Option<u32>,
    #[serde(default)]
    pub process_max: Option<u32>,
    /// The program itself; else the one in PATH.
    #[serde(default)]
    pub program: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wal {
    Folder(String),
    Command(Vec<String>),
}

impl<'de> Deserialize<'de> for Wal {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WalVisitor)
    }
}

struct WalVisitor;

impl<'de> Visitor<'de> for WalVisitor {
    type Value = Wal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a folder, or a command as a list of arguments with `%f` and `%p`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Wal, E> {
        Ok(Wal::Folder(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Wal, A::Error> {
        let mut argv = Vec::<String>::new();
        while let Some(item) = items.next_element()? {
            argv.push(item);
        }
        Ok(Wal::Command(argv))
    }
}

impl JsonSchema for Wal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Wal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"anyOf": [
            {"type": "string"},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ]})
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WalSource {
    Folder(PathBuf),
    Command(Vec<String>),
}

/// One backup of a pgBackRest stanza.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Set {
    pub program: PathBuf,
    pub stanza: String,
    pub config: Option<PathBuf>,
    pub repo: Option<u32>,
    pub process_max: Option<u32>,
    pub label: String,
}

impl Backup {
    /// The same rules as `check` has, once everything is known.
    pub fn refuse_contradictions(&self) -> Result<(), Fault> {
        let wal = match &self.wal {
            None => None,
            Some(Wal::Folder(folder)) => Some(Value::from(folder.clone())),
            Some(Wal::Command(argv)) => Some(Value::from(argv.clone())),
        };
        sources(self.base.is_some(), wal.as_ref(), self.pgbackrest.is_some())
    }
}

impl WalSource {
    pub fn of(wal: &Wal, path: impl Fn(&str) -> PathBuf) -> Self {
        match wal {
            Wal::Folder(folder) => Self::Folder(path(folder)),
            Wal::Command(argv) => Self::Command(argv.clone()),
        }
    }
}

/// One of the two ways, and whole.
pub fn sources(base: bool, wal: Option<&Value>, pgbackrest: bool) -> Result<(), Fault> {
    let fault = |text: &str| Err(Fault::new("RG2401", text).hint("`explain postgres.restore` shows a whole step"));
    match (base, wal, pgbackrest) {
        (false, None, true) => Ok(()),
        (true, Some(Value::Array(argv)), false) => {
            let holds = |mark: &str| argv.iter().any(|word| word.as_str().is_some_and(|word| word.contains(mark)));
            if holds("%f") && holds("%p") {
                return Ok(());
            }
            fault("the command under `wal` needs `%f` (the file wanted) and `%p` (where to put it)")
        }
        (true, Some(_), false) => Ok(()),
        (true, None, false) => {
            fault("a base backup needs `wal`: without the archive no moment after it can be reached")
        }
        (_, _, true) => fault("`backup` takes either `pgbackrest`, or `base` and `wal`"),
        (false, _, false) => fault("`backup` needs `base` and `wal`, or `pgbackrest`"),
    }
}
