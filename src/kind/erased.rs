//! Every kind under one type, over JSON: what the engine holds.
//!
//! The blanket implementation types what the journal gives it, and routes kinds that work in a process of their own to the
//! supervisor, so that no such kind can get the crash rules wrong.

use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::context::{ReadCx, WorkCx, WriteCx};
use super::contract::{Foresight, Found, Kind, Next, Prepared, Role, Undone};
use super::op::{Op, Outputs};
use super::places::{of_field, resolved};
use super::rehearsal::{Rehearsal, Scratch};
use super::stock::Shelf;
use crate::model::ledger::LedgerEntry;
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::process::{self, Fate, JobFiles, Outcome};
use crate::runbook::catalog::{Complaint, InPlace, Late, Shape};

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = Result<T, Fault>> + Send + 'a>>;

/// An operation as the journal holds it; secrets are opened.
pub type RawOp = Op<Value, Value>;

/// See [`Kind`]: the same promises.
pub trait AnyKind: Send + Sync {
    fn name(&self) -> &'static str;
    fn page(&self) -> &'static str;
    fn role(&self) -> Role;
    fn prepares(&self) -> bool;
    fn asks_before_phase(&self) -> bool;
    fn lives_on(&self) -> bool;
    fn one_thread(&self) -> bool;
    fn seals(&self) -> bool;
    fn finds_backups(&self) -> bool;
    fn looks(&self) -> bool;
    fn schema(&self) -> Value;
    fn example(&self) -> &'static str;
    fn main_value(&self, outputs: &Outputs) -> Value;
    fn disappoints(&self, outputs: &Outputs) -> Option<Fault>;
    fn check(&self, with: &Late<'_>) -> Vec<Complaint>;
    fn effect(&self, with: &Late<'_>) -> Effect;
    fn outputs(&self, with: &Late<'_>) -> Shape;
    fn foresee(&self, with: &Late<'_>) -> Foresight;

    fn in_place(&self, with: &Late<'_>) -> InPlace;
    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal;
    fn proof_beside(&self, given: &Late<'_>, probe: &str, proof: Value) -> Option<Value>;
    fn stands_apart(&self, with: &Late<'_>) -> bool;

    fn undos(&self) -> &'static [&'static str];
    fn prepare<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Prepared<Value>>;
    fn can_begin<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, ()>;
    fn reach<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Vec<&'static str>>;
    fn backups<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Vec<Shelf>>;
    fn find<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Found>;
    fn start<'a>(&'a self, cx: &'a WriteCx, op: &'a RawOp) -> Boxed<'a, ()>;
    fn watch<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Next>;
    fn undo<'a>(&'a self, cx: &'a WriteCx, op: &'a RawOp, undo: &'a Value, outputs: &'a Outputs) -> Boxed<'a, Undone>;
    fn remove<'a>(&'a self, cx: &'a WriteCx, entry: &'a LedgerEntry, with: &'a Value) -> Boxed<'a, ()>;
    fn work<'a>(&'a self, cx: &'a WorkCx, op: &'a RawOp) -> Boxed<'a, Next>;
}

impl<K: Kind> AnyKind for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn page(&self) -> &'static str {
        K::PAGE
    }

    fn role(&self) -> Role {
        K::ROLE
    }

    fn prepares(&self) -> bool {
        K::PREPARES
    }

    fn asks_before_phase(&self) -> bool {
        K::ASKS_BEFORE_PHASE
    }

    fn lives_on(&self) -> bool {
        K::LIVES_ON
    }

    fn one_thread(&self) -> bool {
        K::ONE_THREAD
    }

    fn seals(&self) -> bool {
        K::SEALS
    }

    fn finds_backups(&self) -> bool {
        K::FINDS_BACKUPS
    }

    fn looks(&self) -> bool {
        K::LOOKS
    }

    fn schema(&self) -> Value {
        schemars::schema_for!(K::Params).to_value()
    }

    fn example(&self) -> &'static str {
        K::example()
    }

    fn main_value(&self, outputs: &Outputs) -> Value {
        K::main_value(outputs)
    }

    fn disappoints(&self, outputs: &Outputs) -> Option<Fault> {
        K::disappoints(outputs)
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        Kind::check(self, with)
    }

    fn effect(&self, with: &Late<'_>) -> Effect {
        Kind::effect(self, with)
    }

    fn outputs(&self, with: &Late<'_>) -> Shape {
        Kind::outputs(self, with)
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Kind::foresee(self, with)
    }

    fn in_place(&self, with: &Late<'_>) -> InPlace {
        Kind::in_place(self, with)
    }

    fn drill(&self, with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
        Kind::drill(self, with, scratch)
    }

    fn proof_beside(&self, given: &Late<'_>, probe: &str, proof: Value) -> Option<Value> {
        Kind::proof_beside(self, given, probe, proof)
    }

    fn stands_apart(&self, with: &Late<'_>) -> bool {
        Kind::stands_apart(self, with)
    }

    fn undos(&self) -> &'static [&'static str] {
        Kind::undos(self)
    }

    fn prepare<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Prepared<Value>> {
        Box::pin(async move {
            let op = op.with(params::<K>(op)?, ());
            let Prepared { prior, changes, creates, settles } = Kind::prepare(self, cx, &op).await?;
            let prior = serde_json::to_value(prior).map_err(|e| unreadable::<K>("prior state", &e.to_string()))?;
            Ok(Prepared::new(prior, changes).creating(creates).settling(settles))
        })
    }

    fn can_begin<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, ()> {
        Box::pin(async move { Kind::can_begin(self, cx, &op.with(params::<K>(op)?, ())).await })
    }

    fn reach<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Vec<&'static str>> {
        Box::pin(async move { Kind::reach(self, cx, &op.with(op.params.clone(), ())).await })
    }

    fn backups<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Vec<Shelf>> {
        Box::pin(async move { Ok(Kind::backups(self, cx, &op.with(params::<K>(op)?, ())).await) })
    }

    fn find<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Found> {
        Box::pin(async move {
            let effect = Kind::effect(self, &Late { value: &op.params });
            let found = match K::WORKS.then(|| find_work(cx, op)).transpose()? {
                Some(Trace::Clear(found)) => return Ok(*found),
                Some(Trace::Cut(fault)) if effect == Effect::Read => return Ok(Found::Failed(fault)),
                Some(Trace::Cut(fault)) => {
                    return Ok(after_a_cut(Kind::find(self, cx, &typed::<K>(op)?).await, fault, effect));
                }
                Some(Trace::Lost) | None => Kind::find(self, cx, &typed::<K>(op)?).await?,
            };
            Ok(match found {
                // There is no process left to wait for: what goes on by itself is taken up by new work under the same id.
                Found::Running if K::WORKS => Found::Absent,
                // To read once more does no harm.
                Found::CannotTell(_) if effect == Effect::Read => Found::Absent,
                other => other,
            })
        })
    }

    fn start<'a>(&'a self, cx: &'a WriteCx, op: &'a RawOp) -> Boxed<'a, ()> {
        Box::pin(async move {
            if K::WORKS {
                return process::start(cx, &op.id, &JobFiles::of(&cx.work, op), &process::work_job::<K>(cx, op)?).await;
            }
            Kind::start(self, cx, &typed::<K>(op)?).await
        })
    }

    fn watch<'a>(&'a self, cx: &'a ReadCx, op: &'a RawOp) -> Boxed<'a, Next> {
        Box::pin(async move {
            if K::WORKS {
                return worked(op, process::watch(&op.id, &JobFiles::of(&cx.work, op)).await?);
            }
            Kind::watch(self, cx, &typed::<K>(op)?).await
        })
    }

    fn undo<'a>(&'a self, cx: &'a WriteCx, op: &'a RawOp, undo: &'a Value, outputs: &'a Outputs) -> Boxed<'a, Undone> {
        Box::pin(async move { Kind::undo(self, cx, &typed::<K>(op)?, undo, outputs).await })
    }

    fn remove<'a>(&'a self, cx: &'a WriteCx, entry: &'a LedgerEntry, with: &'a Value) -> Boxed<'a, ()> {
        Box::pin(Kind::remove(self, cx, entry, with))
    }

    fn work<'a>(&'a self, cx: &'a WorkCx, op: &'a RawOp) -> Boxed<'a, Next> {
        Box::pin(async move { Kind::work(self, cx, &typed::<K>(op)?).await })
    }
}

/// What the work's own process tells.
enum Trace {
    Clear(Box<Found>),
    /// It was ended because its time was up: what it had sent may have landed all the same.
    Cut(Fault),
    /// Only the outside world can tell.
    Lost,
}

fn find_work(cx: &ReadCx, op: &RawOp) -> Result<Trace, Fault> {
    let same_boot = op.boot == crate::provider::clock::boot();
    let clear = |found| Trace::Clear(Box::new(found));
    Ok(match process::fate(&op.id, &JobFiles::of(&cx.work, op), same_boot)? {
        Fate::Supervised | Fate::Orphaned(_) => clear(Found::Running),
        Fate::NeverBegan => clear(Found::Absent),
        Fate::Lost => Trace::Lost,
        Fate::Ended(outcome) => match worked(op, *outcome) {
            Ok(next) => clear(Found::Done(next)),
            Err(fault) if fault.retry != RetryClass::Unknown => clear(Found::Failed(fault)),
            Err(fault) if fault.code == process::TIMED_OUT => Trace::Cut(fault.retry(RetryClass::Never)),
            Err(_) => Trace::Lost,
        },
    })
}

/// The outside world is asked whether it is done. Where it is not, or to do it again makes nothing twice, the attempt has
/// failed, and `retry` means it.
fn after_a_cut(found: Result<Found, Fault>, cut: Fault, effect: Effect) -> Found {
    match found {
        Ok(Found::Done(next)) => Found::Done(next),
        Ok(found @ (Found::Failed(_) | Found::Foreign(_))) => found,
        Ok(Found::Absent) => Found::Failed(cut),
        Ok(Found::CannotTell(evidence)) if effect == Effect::Opaque => {
            Found::CannotTell(format!("{}; {evidence}", cut.message))
        }
        Ok(Found::Running) if effect == Effect::Opaque => Found::CannotTell(cut.message),
        Err(fault) if effect == Effect::Opaque => {
            Found::CannotTell(format!("{}; it cannot be looked for: {fault}", cut.message))
        }
        Ok(Found::CannotTell(_) | Found::Running) | Err(_) => Found::Failed(cut),
    }
}

fn worked(op: &RawOp, outcome: Outcome) -> Result<Next, Fault> {
    match (outcome.ended, outcome.work) {
        // An answer that came before its process was ended is the answer.
        (_, Some(Ok(next))) => Ok(next),
        (process::Ended::TimedOut, _) => {
            let cut = format!("the work {}", process::out_of_time(op.timeout_ms));
            Err(Fault::new(process::TIMED_OUT, cut).retry(RetryClass::Unknown))
        }
        (_, Some(result)) => result,
        (ended, None) => {
            let fault = Fault::new("RG2003", format!("the work {ended} without a result"));
            Err(fault.retry(RetryClass::Unknown))
        }
    }
}

fn typed<K: Kind>(op: &RawOp) -> Result<Op<K::Params, K::Prior>, Fault> {
    Ok(op.with(params::<K>(op)?, read::<K, K::Prior>("prior state", &op.prior)?))
}

fn params<K: Kind>(op: &RawOp) -> Result<K::Params, Fault> {
    read::<K, K::Params>("with", &op.params).or_else(|fault| {
        // `[echo, "{{ params.n }}"]` is a number where text is wanted: a template that is one expression keeps its type.
        let schema = schemars::schema_for!(K::Params).to_value();
        let mut with = op.params.clone();
        as_text(&mut with, &schema, &schema);
        read::<K, K::Params>("with", &with).map_err(|_| fault)
    })
}

/// Makes text of numbers and booleans where the schema takes nothing but text.
fn as_text(value: &mut Value, schema: &Value, root: &Value) {
    let schema = resolved(schema, root);
    let takes = |word: &str| match &schema["type"] {
        Value::String(only) => only == word,
        Value::Array(any) => any.iter().any(|one| one == word),
        _ => false,
    };
    match value {
        Value::Number(_) | Value::Bool(_)
            if takes("string") && !takes("number") && !takes("integer") && !takes("boolean") =>
        {
            *value = Value::String(value.to_string());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| as_text(item, &schema["items"], root)),
        Value::Object(map) => {
            for (key, inner) in map {
                as_text(inner, of_field(schema, key, root), root);
            }
        }
        _ => {}
    }
}

fn read<K: Kind, T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, Fault> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let place = if path == "." { what.to_string() } else { format!("{what}.{path}") };
        unreadable::<K>(&place, &error.inner().to_string())
    })
}

fn unreadable<K: Kind>(place: &str, why: &str) -> Fault {
    Fault::new("RG1004", format!("`{}` cannot take its `{place}`: {why}", K::NAME))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::Address;
    use crate::model::record::Mode;

    /// Says nothing of what becomes of it after a crash.
    struct Silent<const PROBE: bool>;

    impl<const PROBE: bool> Kind for Silent<PROBE> {
        const NAME: &'static str = "silent";
        const PAGE: &'static str = "";
        const ROLE: Role = if PROBE { Role::Probe } else { Role::Step };
        type Params = Value;
        type Prior = Value;

        fn example() -> &'static str {
            ""
        }

        fn effect(&self, with: &Late<'_>) -> Effect {
            if with.has(&["read"]) { Effect::Read } else { Effect::KeyedCreate }
        }

        fn outputs(&self, _: &Late<'_>) -> Shape {
            Shape::Open
        }
    }

    async fn found(kind: &dyn AnyKind, params: Value) -> Found {
        let (run, step) = ("r".parse().unwrap(), Address::top("a"));
        let op = Op::of_step(&run, &step, (1, 1), params);
        let cx = ReadCx {
            base: "/".into(),
            work: "/".into(),
            mode: Mode::Real,
            secrets: [].into(),
            seal: None,
            rpo: Default::default(),
        };
        kind.find(&cx, &op).await.unwrap()
    }

    #[tokio::test]
    async fn who_does_not_look_leaves_it_to_a_person_unless_it_only_reads() {
        assert!(matches!(found(&Silent::<false>, json!({})).await, Found::CannotTell(_)));
        assert!(matches!(found(&Silent::<false>, json!({"read": true})).await, Found::Absent));
        assert!(matches!(found(&Silent::<true>, json!({})).await, Found::Absent));
    }
}
