//! The long work, in a process of its own: plan, then, in a phase of its own, apply that very plan.

use super::apply;
use super::params::Params;
use super::prepare::Prior;
use super::recover;
use super::site::{Facts, Site, digest};
use crate::kind::{Next, Op, WorkCx};
use crate::model::Fault;
use crate::provider::terraform::{Commit, broken};

/// How often a plan is made anew because the state moved on, before somebody has to see who else is at work.
const MOST_PLANS: u32 = 3;

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let site = Site::open(cx, op)?;
    site.alone().await;
    if op.phase.is_empty() {
        return plan(&site).await;
    }
    let facts: Facts = serde_json::from_value(op.facts.clone()).map_err(|error| broken(error.into()))?;
    if site.has_begun_here() {
        return recover::go_on(&site, &facts).await;
    }
    site.module.init(false).await?;
    let is_that_plan = digest(&site.plan_file()).is_ok_and(|there| there == facts.plan);
    if !is_that_plan || Commit::of(&site.module.dir).await != facts.module {
        cx.say("the plan that was shown is not there any more, or the module is another one; planning again");
        return again(&site, &facts).await;
    }
    match apply::apply(&site).await? {
        apply::Applied::Done => site.done().await,
        apply::Applied::Stale => again(&site, &facts).await,
        apply::Applied::Unseen => recover::go_on(&site, &facts).await,
    }
}

/// First phase.
async fn plan(site: &Site<'_>) -> Result<Next, Fault> {
    site.doing("initialising");
    site.module.init(true).await?;
    let begun = recover::settle(site).await?;
    let Some(plan) = site.planned().await? else { return site.done().await };
    let warnings = recover::doubtful(&begun, &plan);
    let was_told = site.marker().is_none_or(|marker| marker.told.is_some());
    if !warnings.is_empty() && !was_told {
        return Err(recover::tell_doubtful(site, warnings)?);
    }
    site.next(&plan, warnings, 0).await
}

/// The plan of now is shown: an approval of another one does not stand for it.
async fn again(site: &Site<'_>, facts: &Facts) -> Result<Next, Fault> {
    if facts.again >= MOST_PLANS {
        site.forget_plan();
        return Err(Fault::new("RG2712", format!("the state moved on {MOST_PLANS} times while a plan waited"))
            .hint("see who else applies this module and let them finish; then retry"));
    }
    let Some(plan) = site.planned().await? else { return site.done().await };
    site.next(&plan, Vec::new(), facts.again + 1).await
}
