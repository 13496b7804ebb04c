//! `dns.lookup`: what a DNS server says of a name. That there is no such record is an answer, not a fault; `expect` judges it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role, answered};
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::dns::{self, Type};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The whole name; a final dot may be left out.
    pub name: String,
    /// `A` unless said.
    #[serde(rename = "type", default = "a")]
    pub kind: Type,
    /// `address`, `address:port` or a host's name; the resolver of this machine unless said.
    #[serde(default)]
    pub server: Option<String>,
}

fn a() -> Type {
    Type::A
}

pub struct DnsLookup;

async fn lookup(with: &Params) -> Result<Outputs, Fault> {
    let name = dns::absolute(&with.name).map_err(|why| Fault::new("RG2503", why))?;
    let server = match &with.server {
        Some(server) => dns::address(server).await?,
        None => dns::system_resolver()?,
    };
    let answer = dns::ask(server, &name, with.kind, true).await?;
    let (values, ttl) = answer.values(with.kind);
    let outputs = [
        ("values", json!(values)),
        ("ttl", json!(ttl)),
        ("code", json!(answer.code)),
        ("authoritative", json!(answer.authoritative)),
        ("server", json!(server.to_string())),
    ];
    Ok(outputs.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

impl Kind for DnsLookup {
    const NAME: &'static str = "dns.lookup";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: name-leads-to-the-new-site
uses: dns.lookup
with:
  name: www.example.com
  type: A
  server: 192.0.2.53
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("values").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        if outputs.get("values").and_then(Value::as_array).is_some_and(|values| !values.is_empty()) {
            return None;
        }
        let text = |name: &str| outputs.get(name).and_then(Value::as_str).unwrap_or_default();
        let what = format!("{} knows no such record ({})", text("server"), text("code"));
        Some(Fault::new("RG2512", what).retry(RetryClass::Later))
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let complain = |field: &str, message: String, help: Option<String>| Complaint {
            path: vec![field.into()],
            code: "RG2503",
            message,
            help,
        };
        let name = with.text(&["name"]).and_then(|name| dns::absolute(name).err());
        let server = with.text(&["server"]).and_then(|server| dns::is_address(server).err());
        let name = name.map(|why| complain("name", why, None));
        name.into_iter().chain(server.map(|fault| complain("server", fault.message, fault.hint))).collect()
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let reads = with.text(&["name"]).map(|name| format!("name {name}"));
        Foresight::reading(reads)
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        let outputs = [
            ("values", OutputType::List),
            ("ttl", OutputType::Integer),
            ("code", OutputType::Text),
            ("authoritative", OutputType::Boolean),
            ("server", OutputType::Text),
        ];
        Shape::of(outputs)
    }

    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        answered::<Self>(self.watch(cx, op).await?)
    }

    async fn watch(&self, _: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        lookup(&op.params).await.map(Next::Done)
    }
}
