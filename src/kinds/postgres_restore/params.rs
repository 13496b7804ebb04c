//! What a step of this kind says in its `with`, and what can be told of it on a calm day.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Rehearsal, Scratch};
use crate::model::Fault;
use crate::provider::postgres::backup::source::{Backup, sources};
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
        self.backup.refuse_contradictions()?;
        if self.run_as.as_deref() == Some("root") {
            return Err(never_root());
        }
        if self.listen.is_some() && !self.serve {
            return Err(listens_only_serving());
        }
        Ok(())
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
