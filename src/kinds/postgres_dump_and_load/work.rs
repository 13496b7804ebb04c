//! The long work, in a process of its own: load and compare, then, in a phase of its own, what changes the live tables.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::json;

use super::load::{Load, load};
use super::marker::{self, Marker, Phase, Seen};
use super::params::{Mode, Params};
use super::plan::{Prior, State};
use super::site::{Site, fingerprint};
use super::{compare, disk, merge, orphans, prepare, rehearsal, swap};
use crate::kind::{Found, Next, Op, ReadCx, WorkCx};
use crate::model::amount::size;
use crate::model::{Fault, Pulse};
use crate::provider::postgres::{Name, WriteSession, quote};

/// Pulses a second are at most four.
const BEAT: Duration = Duration::from_millis(250);

pub async fn work(cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
    let site = Site::of(op);
    rehearsal::make(cx, &op.params, &site).await?;
    let lead = site.lead(cx).await?;
    let marker = match marker::look(&lead, &site.scratch).await? {
        Seen::Foreign => return Err(marker::foreign(&site.scratch)),
        Seen::Nothing => {
            rehearsal::make_room(op, &lead).await?;
            None
        }
        Seen::Ours(marker) => Some(*marker),
    };
    match op.phase.as_str() {
        "" => beside(cx, op, &site, &lead, marker).await,
        _ => live(cx, op, &site, &lead, marker).await,
    }
}

/// First phase: the copy, proven, beside the live tables, and the three counts.
async fn beside(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    site: &Site,
    lead: &WriteSession,
    marker: Option<Marker>,
) -> Result<Next, Fault> {
    let wanted = fingerprint(&op.params, &op.prior);
    let mut state = match marker {
        // It went on without us: what is live now must not be loaded over.
        Some(marker) if matches!(marker.phase, Phase::Swapped | Phase::Done) => {
            return Ok(next(op, site, &marker.state));
        }
        Some(marker) if marker.phase == Phase::Loaded && marker.fingerprint == wanted => {
            cx.say("the copy of an earlier attempt is whole and is used");
            marker.state
        }
        _ => fill(cx, op, site, lead).await?,
    };
    cx.pulse(Pulse { doing: "comparing".to_owned(), unit: "rows".to_owned(), ..Pulse::default() });
    compare::compare(cx, site, &op.params, &mut state).await?;
    if op.params.mode == Mode::Swap {
        compare::refuse_newer(&op.params, &state.units)?;
    }
    if op.params.mode != Mode::Merge {
        orphans::refuse(lead, &site.scratch, &op.params, &state.units).await?;
    }
    lead.run(&format!("set synchronous_commit = on; {}", marker::set(&site.scratch, Phase::Loaded, &state)?)).await?;
    Ok(next(op, site, &state))
}

async fn fill(cx: &WorkCx, op: &Op<Params, Prior>, site: &Site, lead: &WriteSession) -> Result<State, Fault> {
    let begun: std::sync::OnceLock<(Arc<Load>, u64)> = std::sync::OnceLock::new();
    let mut work = std::pin::pin!(load(cx, site, &op.params, lead, |load, rows| {
        let _ = begun.set((load, rows));
    }));
    loop {
        tokio::select! {
            biased;
            outcome = &mut work => return match outcome {
                Err(fault) => Err(disk::give_back(lead, &site.scratch, fault).await),
                loaded => loaded,
            },
            () = tokio::time::sleep(BEAT) => {}
        }
        if let Some((load, expected)) = begun.get() {
            cx.pulse(pulse(load, *expected));
        }
    }
}

fn pulse(load: &Load, expected: u64) -> Pulse {
    let rows = load.progress.rows.load(Ordering::Relaxed);
    let bytes = load.progress.bytes.load(Ordering::Relaxed);
    let total = (expected > 0).then(|| expected.max(rows));
    Pulse { done: rows, total, unit: "rows".to_owned(), doing: format!("copying, {} so far", size(bytes)) }
}

/// Second phase: the live tables change, in one transaction that the marker is part of.
async fn live(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    site: &Site,
    lead: &WriteSession,
    marker: Option<Marker>,
) -> Result<Next, Fault> {
    let merges = op.params.mode == Mode::Merge;
    let marker =
        marker.filter(|marker| !matches!(marker.phase, Phase::Loading | Phase::TakenBack)).ok_or_else(|| {
            Fault::new("RG2221", format!("the copy in `{}` is gone; nothing was changed", site.scratch.schema()))
                .hint("rerun the step: it loads the copy anew")
        })?;
    let state = match (marker.phase, merges) {
        (Phase::Done, _) => return Ok(Next::Done(marker.state.outputs())),
        (Phase::Swapped, _) => marker.state,
        (_, false) => match swap::swap(cx, site, &op.params, lead, &marker.state).await {
            Err(fault) if fault.code == swap::MOVED_ON => return again(cx, op, site, lead, marker.state, fault).await,
            swapped => swapped?,
        },
        (_, true) => merge::merge(cx, site, &op.params, lead, &marker.state).await?,
    };
    if merges {
        merge::finish(site, lead, &state).await?
    } else {
        swap::finish(cx, site, lead, &state).await?
    }
    Ok(Next::Done(state.outputs()))
}

/// How often a live table that moves on is compared again before somebody has to stop its writers.
const MOST_COMPARISONS: u64 = 3;

/// Shows what would be left behind now: an approval of other counts does not stand for it.
async fn again(
    cx: &WorkCx,
    op: &Op<Params, Prior>,
    site: &Site,
    lead: &WriteSession,
    mut state: State,
    fault: Fault,
) -> Result<Next, Fault> {
    let times = op.facts["compared_again"].as_u64().unwrap_or(0) + 1;
    if times > MOST_COMPARISONS {
        return Err(fault);
    }
    cx.say(&format!("{}; comparing again", fault.message));
    compare::compare(cx, site, &op.params, &mut state).await?;
    lead.run(&marker::set(&site.scratch, Phase::Loaded, &state)?).await?;
    let mut next = next(op, site, &state);
    if let Next::Phase { facts, .. } = &mut next {
        facts["compared_again"] = times.into();
    }
    Ok(next)
}

/// The phase that changes what is live, and what an approval in front of it is shown.
fn next(op: &Op<Params, Prior>, site: &Site, state: &State) -> Next {
    let old = |name: &Name| Name::new(&name.schema, site.scratch.old(&name.name));
    let shown = match op.params.mode {
        Mode::Merge => compare::shown_merge(&op.params, state),
        Mode::Swap | Mode::Create => compare::shown(&op.params, state, |unit| old(&unit.name)),
    };
    let phase = if op.params.mode == Mode::Merge { "merge" } else { "swap" };
    let outputs = state.outputs();
    let facts = json!({"schema": quote(&site.scratch.schema()), "tables": outputs["tables"], "rows": outputs["rows"]});
    let creates = prepare::kept(op, &site.scratch, &state.units);
    Next::Phase { phase: phase.to_owned(), facts, shown, creates }
}

/// What became of an operation whose process is dead and left no result, as the target knows it.
pub async fn settle(cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
    let site = Site::of(op);
    if !rehearsal::has_target(cx, &op.params, &site).await? {
        return Ok(Found::Absent);
    }
    let session = site.read_target(cx).await?;
    let marker = match marker::look(&session, &site.scratch).await? {
        Seen::Nothing => return Ok(Found::Absent),
        Seen::Foreign => return Ok(Found::Foreign(marker::foreign(&site.scratch))),
        Seen::Ours(marker) => marker,
    };
    Ok(match (op.phase.as_str(), marker.phase) {
        ("", Phase::Swapped | Phase::Done) => Found::Done(next(op, &site, &marker.state)),
        (_, Phase::Done) => Found::Done(Next::Done(marker.state.outputs())),
        // To be started (again): a load begins anew or takes what is whole, and what follows a committed swap is done.
        (_, Phase::Loading | Phase::Loaded | Phase::Swapped | Phase::TakenBack) => Found::Absent,
    })
}
