//! `restore_previous`: every record as it was, if each is still as this step left it.

use std::time::Duration;

use super::params::Params;
use super::plan::{Planned, Prior, moved};
use super::wait::{Waiting, targets};
use super::work::{apply, place, stands};
use crate::kind::{Op, Undone, WriteCx};
use crate::model::Fault;

/// A person waits for it; what lags longer is named.
const PATIENCE: Duration = Duration::from_secs(30);

pub async fn restore_previous(cx: &WriteCx, op: &Op<Params, Prior>) -> Result<Undone, Fault> {
    let zone = place(cx, op).await?;
    let back: Vec<Planned> = op.prior.sets.iter().filter(|set| set.changes()).map(Planned::back).collect();
    let now = stands(&zone, &back).await?;
    if !now.elsewhere.is_empty() {
        let fault = moved(&now.elsewhere);
        return Err(fault.hint("nothing was taken back; look who did it, and set by hand what is right"));
    }
    let written = apply(cx, &zone, &back).await?;
    let mut facts: Vec<String> = written.iter().map(Planned::words).collect();
    if facts.is_empty() {
        facts.push("all records are as they were".to_owned());
    }
    let mut waiting = Waiting::new(&zone, &back, targets(&zone, &op.params.wait).await?);
    if waiting.until(PATIENCE, |_| {}, |_| {}).await.is_err() {
        facts.extend(waiting.facts());
    }
    Ok(facts.into())
}
