//! `backups.inventory`: what there is of backups in several stores, and whether it is enough.
//!
//! The story: each store is looked at in the way in which a restore would look at it, all at the same time; what is found is held
//! against the limits of the store and the RPO of the runbook. It only reads, and a store that is unfit is an answer, not a
//! failure: on the bad day an old backup is better than none.

mod params;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::kind::stock::{self, Fitness, Shelf, judge};
use crate::kind::{Foresight, Kind, Next, Op, ReadCx};
use crate::model::{Effect, Fault};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};
use params::Params;

pub struct BackupsInventory;

impl Kind for BackupsInventory {
    const NAME: &'static str = "backups.inventory";
    const PAGE: &'static str = include_str!("page.md");
    const PREPARES: bool = false;
    const FINDS_BACKUPS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: backups
uses: backups.inventory
with:
  stores:
    database: { kind: postgres, base: /srv/backup/base, wal: /srv/backup/wal, max_age: 26h }
    media: { kind: s3, bucket: media, prefix: uploads/ }
    cluster: { kind: velero, schedule: nightly, max_age: 26h, smallest: 0.8 }
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        params::check(with)
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading(params::names(with).map(|name| format!("the store {name} of backups")))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("stores", OutputType::Map), ("fitness", OutputType::Text), ("unfit", OutputType::List)])
    }

    async fn backups(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Vec<Shelf> {
        let looks = op.params.stores.iter().map(|(name, store)| async move {
            let (name, max_age) = (Some(name.clone()), store.max_age());
            let (stock, max_age) = match max_age {
                Ok(max_age) => (store.look(cx).await, max_age),
                Err(fault) => (Err(fault), None),
            };
            Shelf { name, max_age, smallest: store.smallest.unwrap_or(stock::SMALLEST), stock }
        });
        join_all(looks).await
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let (shelves, now) = (self.backups(cx, op).await, Timestamp::now());
        let (mut stores, mut unfit, mut worst) = (Map::new(), Vec::new(), Fitness::Fit);
        for shelf in &shelves {
            let name = shelf.name.clone().unwrap_or_default();
            let findings = judge(shelf, cx.rpo.of(&name), now);
            let fitness = Fitness::of(&findings);
            worst = worst.max(fitness);
            unfit.extend((fitness == Fitness::Unfit).then(|| name.clone()));
            stores.insert(name, stock::entry(shelf, &findings, now));
        }
        let outputs = [("stores", Value::from(stores)), ("fitness", json!(worst.word())), ("unfit", json!(unfit))];
        Ok(Next::Done(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}
