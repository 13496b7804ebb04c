//! What a change of DNS is made of, as the runbook writes it.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::model::Fault;
use crate::provider::dns::{self, Tsig, Type};
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Who serves the zone.
    pub provider: Provider,
    /// The zone as its server has it.
    pub zone: String,
    /// What is to be; all of it is changed at once or nothing.
    pub records: Vec<Record>,
    /// The primary: `address`, `address:port` or a host's name. Unless said, the one that the zone's SOA names.
    #[serde(default)]
    pub server: Option<String>,
    /// The key that signs the change.
    #[serde(default)]
    pub tsig: Option<Tsig>,
    /// Who has to answer with the new values before the step is done.
    #[serde(default)]
    pub wait: Wait,
}

/// Where zones are served.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Any server that takes signed updates: BIND, Knot, PowerDNS.
    Rfc2136,
}

/// All records of one name and type.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Without a final dot it is relative to the zone; `@` is the zone.
    pub name: String,
    #[serde(rename = "type")]
    pub kind: Type,
    /// All values there are to be. Names in them are whole names.
    #[serde(default)]
    pub values: Option<Vec<String>>,
    /// Seconds; as before unless said, 300 for what is new.
    #[serde(default)]
    #[schemars(range(min = 0, max = 2_147_483_647))]
    pub ttl: Option<u32>,
    /// Takes the records away: all of them, or only those in `values`.
    #[serde(default)]
    pub delete: bool,
}

/// Who is waited for.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Servers of the zone; those that its NS records name, unless said.
    #[serde(default)]
    pub servers: Option<Vec<String>>,
    /// Resolvers that clients use. They keep the old answer for its TTL.
    #[serde(default)]
    pub resolvers: Vec<String>,
    /// How long: `10m` unless said, and for resolvers as long as the old answer may be kept.
    #[serde(default)]
    pub timeout: Option<String>,
}

const PATIENCE: Duration = Duration::from_secs(600);

impl Wait {
    /// How long to wait, where an old answer is kept for that many seconds.
    pub fn patience(&self, kept: u32) -> Result<Duration, Fault> {
        match &self.timeout {
            Some(text) => patience(text),
            None if self.resolvers.is_empty() => Ok(PATIENCE),
            None => Ok(PATIENCE.max(Duration::from_secs(u64::from(kept) + 60))),
        }
    }
}

fn patience(text: &str) -> Result<Duration, Fault> {
    crate::runbook::duration::parse(text).ok().filter(|span| !span.is_zero()).ok_or_else(|| {
        Fault::new("RG2503", format!("`{text}` is no length of time to wait")).hint("for example 90s, 10m or 1h")
    })
}

impl Params {
    pub fn zone(&self) -> Result<String, Fault> {
        dns::absolute(&self.zone).map_err(|why| Fault::new("RG2503", why))
    }
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut complain = |path: &[&str], message: String, help: Option<String>| {
        let path = path.iter().map(|part| (*part).to_owned()).collect();
        found.push(Complaint { path, code: "RG2503", message, help });
    };
    if let Some(why) = with.text(&["zone"]).and_then(|zone| dns::absolute(zone).err()) {
        complain(&["zone"], why, None);
    }
    if let Some(fault) = with.text(&["server"]).and_then(|server| dns::is_address(server).err()) {
        complain(&["server"], fault.message, fault.hint);
    }
    if let Some(fault) = with.text(&["wait", "timeout"]).and_then(|text| patience(text).err()) {
        complain(&["wait", "timeout"], fault.message, fault.hint);
    }
    if let Known::Known(Value::Array(records)) = with.get(&["records"]) {
        if records.is_empty() {
            complain(&["records"], "there is no record to change".to_owned(), None);
        }
        let mut seen = BTreeMap::new();
        for at in 0..records.len() {
            let at = at.to_string();
            for (field, why) in record(with, &at, &mut seen) {
                complain(&["records", &at, field], why, None);
            }
        }
    }
    found
}

/// What is wrong with one record, and at which field.
fn record<'a>(with: &Late<'a>, at: &str, seen: &mut BTreeMap<(String, &'a str), ()>) -> Vec<(&'static str, String)> {
    let text = |field: &str| with.text(&["records", at, field]);
    let mut wrong = Vec::new();
    let zone = with.text(&["zone"]);
    if let (Some(zone), Some(name)) = (zone, text("name")) {
        match dns::name_in(zone, name) {
            Err(why) => wrong.push(("name", why)),
            Ok(name) => {
                let twice = text("type").is_some_and(|kind| seen.insert((name, kind), ()).is_some());
                if twice {
                    wrong.push((
                        "name",
                        "this name and type stand in `records` twice; give all values in one".to_owned(),
                    ));
                }
            }
        }
    }
    let kind = text("type").and_then(|kind| serde_json::from_value::<Type>(kind.into()).ok());
    if kind.is_some_and(|kind| matches!(kind, Type::Soa | Type::Ns)) {
        wrong.push(("type", "SOA and NS are the zone's own and are not changed here".to_owned()));
    }
    let delete = matches!(with.get(&["records", at, "delete"]), Known::Known(Value::Bool(true)));
    match with.get(&["records", at, "values"]) {
        Known::Absent if !delete && with.get(&["records", at, "delete"]) != Known::Unknown => {
            wrong.push(("values", "a record needs `values`, or `delete: true`".to_owned()));
        }
        Known::Known(Value::Array(values)) => {
            let known = (0..values.len()).filter_map(|n| with.text(&["records", at, "values", &n.to_string()]));
            let bad = |value: &str| kind.and_then(|kind| dns::canonical(kind, value).err());
            wrong.extend(known.filter_map(bad).map(|why| ("values", why)));
            if values.is_empty() {
                wrong.push(("values", "the list is empty; `delete: true` takes the records away".to_owned()));
            }
            if kind == Some(Type::Cname) && values.len() > 1 {
                wrong.push(("values", "a name can be an alias of one name only".to_owned()));
            }
        }
        _ => {}
    }
    wrong
}
