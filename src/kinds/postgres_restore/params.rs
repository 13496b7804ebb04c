//! What a step of this kind says in its `with`, and what can be told of it on a calm day.

use std::fmt;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::kind::{Rehearsal, Scratch};
use crate::model::Fault;
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    pub backup: Backup,
    /// The new server's folder: absent or empty.
    pub data_directory: String,
    /// The moment wanted, RFC 3339 with offset. `now` is refused.
    pub as_of: String,
    /// A free one unless said.
    #[serde(default)]
    pub port: Option<u16>,
    /// Where `postgres` and `pg_ctl` lie; else the newest installed of the backup's major version.
    #[serde(default)]
    pub bin_directory: Option<String>,
    /// The account the server runs as; else the owner of the backup. Never root.
    #[serde(default)]
    pub run_as: Option<String>,
    /// A superuser of the restored cluster; else it is found.
    #[serde(default)]
    pub user: Option<String>,
    /// True: durable, with the configuration and the access file of the backup. False: a copy to read out.
    #[serde(default)]
    pub serve: bool,
    /// Addresses a copy that serves listens on; else what the backup's own configuration says.
    #[serde(default)]
    pub listen: Option<String>,
}

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

/// The moment wanted. Only a written one: what `now` means would change with every attempt.
pub fn moment(text: &str) -> Result<Timestamp, Fault> {
    crate::runbook::moment::parse(text, "RG2402")
}

/// What is wrong whatever the outside world looks like.
pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = Vec::new();
    if let Known::Known(Value::String(text)) = with.get(&["as_of"])
        && let Err(fault) = moment(text)
    {
        found.push(complaint(&["as_of"], fault));
    }
    if let Known::Known(Value::String(name)) = with.get(&["run_as"])
        && name == "root"
    {
        found.push(complaint(&["run_as"], never_root()));
    }
    if let Known::Known(backup @ Value::Object(_)) = with.get(&["backup"])
        && let Err(fault) = sources(backup.get("base").is_some(), backup.get("wal"), backup.get("pgbackrest").is_some())
    {
        found.push(complaint(&["backup"], fault));
    }
    if matches!(with.get(&["listen"]), Known::Known(_))
        && !matches!(with.get(&["serve"]), Known::Known(Value::Bool(true)) | Known::Unknown)
    {
        found.push(complaint(&["listen"], listens_only_serving()));
    }
    found
}

/// The same in a drill.
pub fn beside(with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
    let (Some(folder), Value::Object(fields)) = (with.text(&["data_directory"]), with.value) else {
        return Rehearsal::Planned;
    };
    let mut fields = fields.clone();
    ["port", "serve", "listen"].iter().for_each(|name| drop(fields.remove(*name)));
    fields.insert("data_directory".into(), scratch.beside(folder).into());
    Rehearsal::Beside(fields.into())
}

impl Params {
    /// The same rules, once everything is known.
    pub fn refuse_contradictions(&self) -> Result<(), Fault> {
        let wal = match &self.backup.wal {
            None => None,
            Some(Wal::Folder(folder)) => Some(Value::from(folder.clone())),
            Some(Wal::Command(argv)) => Some(Value::from(argv.clone())),
        };
        sources(self.backup.base.is_some(), wal.as_ref(), self.backup.pgbackrest.is_some())?;
        if self.run_as.as_deref() == Some("root") {
            return Err(never_root());
        }
        if self.listen.is_some() && !self.serve {
            return Err(listens_only_serving());
        }
        Ok(())
    }
}

fn sources(base: bool, wal: Option<&Value>, pgbackrest: bool) -> Result<(), Fault> {
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

fn never_root() -> Fault {
    Fault::new("RG2413", "PostgreSQL never runs as root")
        .hint("name the account that owned the lost server, often `postgres`")
}

fn listens_only_serving() -> Fault {
    Fault::new("RG2401", "`listen` needs `serve: true`: a copy to read out stays on loopback")
        .hint("say `serve: true`, or leave `listen` out")
}

fn complaint(path: &[&str], fault: Fault) -> Complaint {
    let code = match fault.code.as_str() {
        "RG2402" => "RG2402",
        "RG2413" => "RG2413",
        _ => "RG2401",
    };
    Complaint::of(path, code, fault)
}
