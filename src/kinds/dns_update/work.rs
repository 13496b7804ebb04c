//! Writes what is not there yet, and waits until everybody who is asked shows it.

use std::time::Duration;

use serde_json::{Value, json};

use super::params::Params;
use super::plan::{Planned, Prior, Stand, moved};
use super::prepare::open;
use super::wait::{Waiting, targets};
use crate::kind::{Found, Next, Op, Outputs, ReadCx, WorkCx, WriteCx};
use crate::model::Fault;
use crate::provider::dns::{Change, Refusal, RrSet, Zone};

/// A record that is being moved back and forth is somebody's business, not ours.
const TRIES: usize = 4;
const BETWEEN: Duration = Duration::from_millis(500);

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let zone = place(cx, op).await?;
    for set in apply(cx, &zone, &op.prior.sets).await? {
        cx.say(&format!("written: {}", set.words()));
    }
    let targets = targets(&zone, &op.params.wait).await?;
    let mut waiting = Waiting::new(&zone, &op.prior.sets, targets);
    let kept = op.prior.sets.iter().filter_map(|set| Some(set.old.as_ref()?.ttl)).max().unwrap_or(0);
    // Ends before the supervisor ends it, which could not say who lags.
    let own = op.timeout_ms.map(|ms| Duration::from_millis(ms).saturating_sub(Duration::from_secs(1)));
    let patience = op.params.wait.patience(kept)?.min(own.unwrap_or(Duration::MAX));
    waiting.until(patience, |pulse| cx.pulse(pulse), |line| cx.say(line)).await?;
    Ok(Next::Done(outputs(&op.prior)))
}

/// What became of an attempt that left nothing behind. Writing and waiting go on where they were.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let zone = place(cx, op).await?;
    let stands = stands(&zone, &op.prior.sets).await?;
    if !stands.elsewhere.is_empty() {
        return Ok(Found::Foreign(moved(&stands.elsewhere)));
    }
    if !stands.before.is_empty() {
        return Ok(Found::Absent);
    }
    // Whom to wait for may be unknown at the moment; that it is written is known.
    let Ok(targets) = targets(&zone, &op.params.wait).await else { return Ok(Found::Running) };
    let mut waiting = Waiting::new(&zone, &op.prior.sets, targets);
    Ok(if waiting.look().await { Found::Done(Next::Done(outputs(&op.prior))) } else { Found::Running })
}

/// The zone, and that it is still the one that was looked at.
pub async fn place(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Zone, Fault> {
    let zone = open(cx, &op.params).await?;
    if zone.primary == op.prior.primary && zone.name == op.prior.zone {
        return Ok(zone);
    }
    let what = format!("the server at {} has `{}` from `{}`", zone.server, zone.name, zone.primary);
    Err(Fault::new("RG2510", format!("{what}, and it was `{}` when the change was prepared", op.prior.primary))
        .hint("another server answers at this address: look which one is meant"))
}

/// Where each set stands; what is done is left out.
pub struct Stands {
    pub before: Vec<Planned>,
    pub elsewhere: Vec<(Planned, Option<RrSet>)>,
}

pub async fn stands(zone: &Zone, sets: &[Planned]) -> Result<Stands, Fault> {
    let mut stands = Stands { before: Vec::new(), elsewhere: Vec::new() };
    for set in sets {
        let live = zone.read(&set.name, set.kind).await?;
        match set.stand(live.as_ref()) {
            Stand::After => {}
            Stand::Before => stands.before.push(set.clone()),
            Stand::Elsewhere => stands.elsewhere.push((set.clone(), live)),
        }
    }
    Ok(stands)
}

/// Makes all sets as they are to be, in one message that holds only if each is as it was. Says what was written.
pub async fn apply(cx: &WriteCx, zone: &Zone, sets: &[Planned]) -> Result<Vec<Planned>, Fault> {
    let mut sent: Option<Fault> = None;
    let mut written = Vec::new();
    for _ in 0..TRIES {
        // Once something was sent, not being able to look leaves open whether it is there.
        let now = stands(zone, sets)
            .await
            .map_err(|fault| sent.clone().map_or_else(|| fault.clone(), |lost| lost.caused_by(&fault)))?;
        if !now.elsewhere.is_empty() {
            return Err(moved(&now.elsewhere));
        }
        if now.before.is_empty() {
            return Ok(written);
        }
        written.clone_from(&now.before);
        let changes: Vec<Change<'_>> = now.before.iter().map(Planned::change).collect();
        match zone.change(cx, &changes).await {
            Ok(()) => {}
            Err(Refusal::Not(fault)) => return Err(fault),
            Err(Refusal::Lost(fault)) => {
                sent = Some(fault);
                tokio::time::sleep(BETWEEN).await;
            }
            // The next look tells who was faster.
            Err(Refusal::Differs(_)) => tokio::time::sleep(BETWEEN).await,
        }
    }
    Err(sent.unwrap_or_else(|| {
        Fault::new(
            "RG2513",
            format!("the server at {} says that it made the change, and does not show it", zone.server),
        )
        .hint("its log says why; other records of the same name may stand in the way")
    }))
}

/// Both sides, in the form that `records` takes.
pub fn outputs(prior: &Prior) -> Outputs {
    let one = |set: &Planned, side: &Option<RrSet>| match side {
        Some(set) => json!(set),
        None => json!({"name": set.name, "type": set.kind, "delete": true}),
    };
    let all = |side: fn(&Planned) -> &Option<RrSet>| -> Vec<Value> {
        prior.sets.iter().map(|set| one(set, side(set))).collect()
    };
    Outputs::from_iter([
        ("previous".to_owned(), json!(all(|set| &set.old))),
        ("records".to_owned(), json!(all(|set| &set.new))),
    ])
}
