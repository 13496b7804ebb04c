//! `dns.update`: records of a zone are made, changed and taken away, and everybody who is asked shows it.
//!
//! The story of a step: `prepare` reads the records from the server that will take the change and has it confirm them. What
//! was read is the condition under which the change is made, so that nobody's newer record is ever overwritten, neither now
//! nor by a message that arrives late. All records change in one message or none does. Then the servers of the zone, and
//! resolvers that are named, are asked until they show it.
//!
//! Promises: what stands before, after or elsewhere is decided by looking, never by remembering what was sent; a crash between
//! any two steps ends in the same records; `restore_previous` touches only what is still as this step left it.

mod params;
mod plan;
mod prepare;
mod undo;
mod wait;
mod work;

use serde_json::Value;

pub use params::Params;
pub use plan::Prior;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::{Effect, Fault};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

pub struct DnsUpdate;

impl Kind for DnsUpdate {
    const NAME: &'static str = "dns.update";
    const PAGE: &'static str = include_str!("page.md");
    /// Waiting may take as long as a TTL, and outlives the executor.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: point-to-the-new-site
uses: dns.update
with:
  provider: rfc2136
  server: 192.0.2.53
  zone: example.com
  records:
    - {name: www, type: CNAME, values: [site-b.example.net.], ttl: 300}
    - {name: old, type: A, delete: true}
approval: {from: [commander]}
undo: restore_previous
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    /// Doing it twice gives the same, and it is bound to what it replaces.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let zone = with.text(&["zone"]).unwrap_or("?");
        let records = match with.get(&["records"]) {
            Known::Known(Value::Array(records)) => records.as_slice(),
            _ => &[],
        };
        let text = |record: &Value, key: &str| record[key].as_str().unwrap_or("?").to_owned();
        let touched = |record: &Value| format!("{} of `{}` in zone {zone}", text(record, "type"), text(record, "name"));
        let touches = match records.is_empty() {
            true => vec![format!("records of zone {zone}")],
            false => records.iter().map(touched).collect(),
        };
        Foresight::touching(touches)
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("previous", OutputType::List), ("records", OutputType::List)])
    }

    fn undos(&self) -> &'static [&'static str] {
        &["restore_previous"]
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        work::settle(cx, op).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }

    async fn undo(&self, cx: &WriteCx, op: &Op<Params, Prior>, _: &Value, _: &Outputs) -> Result<Undone, Fault> {
        undo::restore_previous(cx, op).await
    }
}
