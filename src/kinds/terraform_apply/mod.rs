//! `terraform.apply`: brings a module's world to what its configuration says.
//!
//! The story: `prepare` takes down which version of the module it is. The first phase initialises and plans, refuses what
//! would destroy something that the runbook does not name, and shows the rest. After a person has approved, the second phase
//! applies that very file.
//!
//! Promises: a saved plan is applied at most once, whatever dies; after a crash what is left is planned anew, and only what
//! had been approved is done without asking; only a lock of our own is released; what may exist without the state knowing it
//! is not made a second time unless a person says so; Terraform is never killed, and asked to end at most once.

mod apply;
mod guard;
mod marker;
mod params;
mod prepare;
mod recover;
mod site;
mod work;

use params::Params;
use prepare::Prior;

use crate::kind::{Foresight, Found, Kind, Next, Op, Prepared, ReadCx, WorkCx};
use crate::model::{Effect, Fault};
use crate::provider::terraform;
use crate::runbook::catalog::{Complaint, Late, Shape};

pub struct TerraformApply;

impl Kind for TerraformApply {
    const NAME: &'static str = "terraform.apply";
    const PAGE: &'static str = include_str!("page.md");
    const WORKS: bool = true;
    const SEALS: bool = true;
    const LIVES_ON: bool = true;
    const ASKS_BEFORE_PHASE: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: platform
uses: terraform.apply
needs: []
with:
  dir: infra/platform
  vars: {region: ams3, nodes: 3}
  allow_destroy: [\"module.cache.*\"]
approval: {from: [commander]}
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        terraform::check(with)
    }

    /// What is there already is not made again: each apply follows a plan of its own.
    fn effect(&self, _with: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::touching(terraform::described(with))
    }

    fn outputs(&self, _with: &Late<'_>) -> Shape {
        Shape::Open
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        prepare::prepare(cx, op).await
    }

    /// `work` settles all that can be settled, also that Terraform lives on without us; here is only what it left to a person.
    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        let marker = marker::Marker::read(&site::folder_of(cx, op)).filter(|marker| marker.attempt == op.attempt);
        Ok(marker.and_then(|marker| marker.told).map_or(Found::Absent, Found::CannotTell))
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }
}
