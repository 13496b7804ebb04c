//! A small catalog for the tests of the language: kinds that look like the real ones, with schemas by schemars.

#![allow(dead_code)] // The structs exist for their schemas.

use std::collections::BTreeMap;

use schemars::{JsonSchema, schema_for};
use serde_json::Value;

use super::catalog::{Catalog, Complaint, InPlace, KindFace, Known, Late, OutputType, Shape};
use crate::model::secret::Secret;

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Run {
    command: Option<Vec<String>>,
    script: Option<String>,
    env: Option<BTreeMap<String, Secret>>,
    dir: Option<String>,
    outputs: Option<BTreeMap<String, Output>>,
    effect: Option<Effect>,
    stdin: Option<Secret>,
    jobs: Option<u16>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Output {
    r#type: OutputWord,
    secret: Option<bool>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum OutputWord {
    String,
    Integer,
    List,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Effect {
    /// Only looks.
    Read,
    /// Doing it twice is doing it once.
    Convergent,
    Opaque,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Connection {
    Url(String),
    Full(Server),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Server {
    url: String,
    password: Option<Secret>,
    ca: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Load {
    source: Connection,
    target: Connection,
    database: Option<String>,
    tables: Option<Vec<String>>,
    mode: Option<Mode>,
    on_conflict: Option<String>,
    jobs: Option<u8>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum Mode {
    Swap,
    Merge,
    Create,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Restore {
    backup: Backup,
    data_directory: String,
    #[schemars(extend("format" = "date-time"))]
    as_of: String,
    port: Option<u16>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Backup {
    base: String,
    wal: Wal,
}

#[derive(JsonSchema)]
#[schemars(untagged)]
enum Wal {
    Folder(String),
    Command(Vec<String>),
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Query {
    connection: Connection,
    sql: String,
    values: Option<Vec<Value>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Task {
    instructions: String,
    form: Option<BTreeMap<String, Value>>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Agree {
    show: String,
    from: Option<Vec<String>>,
    minimum: Option<u32>,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Connect {
    address: String,
}

#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Cleanup {
    only: Option<String>,
}

struct Fake {
    name: &'static str,
    probe: bool,
    step: bool,
    schema: Value,
    outputs: &'static [(&'static str, OutputType)],
    undos: &'static [&'static str],
}

impl KindFace for Fake {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_probe(&self) -> bool {
        self.probe
    }

    fn is_step(&self) -> bool {
        self.step
    }

    fn changes(&self, with: &Late<'_>) -> bool {
        !self.probe && with.text(&["effect"]) != Some("read")
    }

    fn schema(&self) -> &Value {
        &self.schema
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let complain = |path: &[&str], message: &str| Complaint {
            path: path.iter().map(|part| part.to_string()).collect(),
            code: "RG0508",
            message: message.into(),
            help: None,
        };
        match (self.name, with.get(&["as_of"])) {
            ("run", _) if !with.has(&["script"]) && !with.has(&["command"]) => {
                vec![complain(&[], "`run` needs `command` or `script`")]
            }
            ("postgres.restore", Known::Known(time)) if time == "2000-01-01T00:00:00Z" => {
                vec![complain(&["as_of"], "nothing was backed up so early")]
            }
            _ => Vec::new(),
        }
    }

    fn outputs(&self, with: &Late<'_>) -> Shape {
        let mut outputs: BTreeMap<_, _> = self.outputs.iter().map(|(name, kind)| (name.to_string(), *kind)).collect();
        if let Known::Known(Value::Object(declared)) = with.get(&["outputs"]) {
            outputs.extend(declared.iter().map(|(name, spec)| {
                let kind = match spec["type"].as_str() {
                    _ if spec["secret"] == true => OutputType::Secret,
                    Some("integer") => OutputType::Integer,
                    Some("list") => OutputType::List,
                    _ => OutputType::Text,
                };
                (name.clone(), kind)
            }));
        }
        Shape::Closed(outputs)
    }

    fn in_place(&self, with: &Late<'_>) -> InPlace {
        match (self.name, with.text(&["mode"])) {
            ("run", _) => InPlace::CannotTell,
            ("postgres.dump_and_load", Some("merge")) => InPlace::Yes("rows are overwritten"),
            _ => InPlace::No,
        }
    }

    fn undos(&self) -> &'static [&'static str] {
        self.undos
    }
}

pub struct Kinds(Vec<Fake>);

impl Catalog for Kinds {
    fn kind(&self, name: &str) -> Option<&dyn KindFace> {
        self.0.iter().find(|kind| kind.name == name).map(|kind| kind as &dyn KindFace)
    }

    fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|kind| kind.name).collect()
    }
}

pub fn kinds() -> Kinds {
    use OutputType::{Connection as Server, Integer, List, Map, Text, Timestamp};
    let kind = |name, (step, probe), schema: schemars::Schema, outputs, undos| Fake {
        name,
        step,
        probe,
        schema: schema.to_value(),
        outputs,
        undos,
    };
    Kinds(vec![
        kind("run", (true, false), schema_for!(Run), &[("exit_code", Integer)], &[]),
        kind("command", (false, true), schema_for!(Run), &[("exit_code", Integer), ("stdout", Text)], &[]),
        kind("manual.task", (true, false), schema_for!(Task), &[("done", Text)], &[]),
        kind(
            "postgres.restore",
            (true, false),
            schema_for!(Restore),
            &[("connection", Server), ("port", Integer), ("restored_to", Timestamp)],
            &[],
        ),
        kind(
            "postgres.dump_and_load",
            (true, false),
            schema_for!(Load),
            &[("tables", List), ("rows", Integer), ("kept_as", Map)],
            &["swap_back"],
        ),
        kind("postgres.query", (true, true), schema_for!(Query), &[("rows", List)], &[]),
        kind("tcp.connect", (false, true), schema_for!(Connect), &[], &[]),
        kind("ledger.cleanup", (true, false), schema_for!(Cleanup), &[("removed", List)], &[]),
        kind("manual.approval", (true, false), schema_for!(Agree), &[("approved_by", List)], &[]),
    ])
}
