//! The restore itself: claim the place, copy, verify, configure, start, wait, prove. Every step is written into the marker
//! before the next begins, so it may be killed anywhere and called again:
//!
//! - a half copy is wiped and copied again; a whole one is started again, recovery goes on where it was;
//! - a copy that is not synced does not count after the machine was booted again;
//! - a server that fails is stopped; the files stay for a `retry`.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::config::{set_aside, write_ours};
use super::copy::{Copy, make, wipe};
use super::exec::{Cancel, follow, io};
use super::facts::control;
use super::log::Log;
use super::place::{Claim, Marker, Phase, Place, boot, identity, is_free};
use super::prior::{Prior, Source};
use super::recovery::{self, Asked};
use super::{blocking, server};
use crate::kind::{Outputs, WorkCx};
use crate::model::{Fault, OpId, Pulse};

pub async fn work(cx: &WorkCx, op: &OpId, prior: &Prior) -> Result<Outputs, Fault> {
    let cancel = Cancel::default();
    let _ends_threads = cancel.guard();
    let place = Place::new(&prior.data_directory);
    let (lock, mut marker) = blocking({
        let (place, prior, op, cancel) = (place.clone(), prior.clone(), op.clone(), cancel.clone());
        move || claim(&place, &prior, &op, &cancel)
    })
    .await?;
    let lost = is_free(&place.data)? || (!marker.durable && marker.boot != boot());
    if marker.phase < Phase::Copied || lost {
        marker = copied(cx, &place, prior, marker, &lock, &cancel).await?;
    }
    let asked = up(cx, &place, prior, &mut marker).await?;
    if marker.phase < Phase::Done {
        let port = marker.port.unwrap_or_default();
        let proven = asked.prove(&place, prior, port).await;
        marker.outputs = match proven {
            Ok(outputs) => outputs,
            Err(fault) => {
                stop_failed(&place, prior).await?;
                return Err(fault);
            }
        };
        marker.phase = Phase::Done;
        place.write(&marker)?;
    }
    Ok(marker.outputs)
}

/// Takes the place, or finds it ours.
fn claim(place: &Place, prior: &Prior, op: &OpId, cancel: &Cancel) -> Result<(Arc<File>, Marker), Fault> {
    if let Claim::Foreign(fault) = place.claim(op)? {
        return Err(fault);
    }
    let lock = place.lock(&prior.account, cancel)?;
    // Again, now that nobody else of ours is at work.
    let marker = match place.claim(op)? {
        Claim::Foreign(fault) => return Err(fault),
        Claim::Ours(marker) => *marker,
        Claim::Free => Marker {
            regrow: 1,
            op: op.clone(),
            phase: Phase::Claimed,
            data_directory: place.data.clone(),
            folder: None,
            port: None,
            boot: boot(),
            durable: false,
            log_from: 0,
            outputs: Outputs::new(),
        },
    };
    place.write(&marker)?;
    Ok((Arc::new(lock), marker))
}

/// All files in the new folder, verified and configured.
async fn copied(
    cx: &WorkCx,
    place: &Place,
    prior: &Prior,
    marker: Marker,
    lock: &Arc<File>,
    cancel: &Cancel,
) -> Result<Marker, Fault> {
    let done = Arc::new(AtomicU64::new(0));
    let mut copy = tokio::spawn(blocking({
        let (place, prior, cancel, done, lock) =
            (place.clone(), prior.clone(), cancel.clone(), done.clone(), lock.clone());
        // The threads keep the lock until they have ended, also when nobody waits for them any more.
        move || fill(&place, &prior, marker, &lock, &cancel, &done)
    }));
    loop {
        tokio::select! {
            ended = &mut copy => {
                return ended.unwrap_or_else(|error| Err(Fault::new("RG2423", "the work broke off").caused_by(&error)));
            }
            () = tokio::time::sleep(Duration::from_millis(200)) => {
                let done = done.load(Ordering::Relaxed);
                let doing = if done < prior.bytes { "copying" } else { "verifying" };
                cx.pulse(Pulse { done, total: Some(prior.bytes), unit: "bytes".into(), doing: doing.into() });
            }
        }
    }
}

fn fill(
    place: &Place,
    prior: &Prior,
    mut marker: Marker,
    lock: &Arc<File>,
    cancel: &Cancel,
    done: &AtomicU64,
) -> Result<Marker, Fault> {
    // A server of an earlier attempt, on files that are about to go.
    server::stop(&place.data, false)?;
    let _ = std::fs::remove_file(place.log());
    marker.phase = Phase::Copying;
    marker.outputs.clear();
    // Which folder it is stands in the marker before anything lies in it.
    make(&place.data)?;
    marker.folder = identity(&place.data)?;
    place.write(&marker)?;
    wipe(&place.data)?;
    match &prior.source {
        Source::Base { form, has_manifest, .. } => {
            Copy { to: &place.data, account: &prior.account, cancel, done }.run(form)?;
            if *has_manifest {
                verify(place, prior, cancel)?;
            }
        }
        Source::PgBackrest(set) => {
            super::place::own(&place.data, &prior.account)?;
            let held = lock.try_clone().map_err(|error| io("locking", &place.own, &error))?;
            let total = prior.bytes as f64;
            set.restore(prior, place, held, cancel, |percent| {
                done.store((percent / 100.0 * total) as u64, Ordering::Relaxed)
            })?;
        }
    }
    cancel.check()?;
    set_aside(place, &prior.account)?;
    if prior.serve {
        let folder = File::open(&place.data).map_err(|error| io("opening", &place.data, &error))?;
        rustix::fs::syncfs(&folder).map_err(|error| io("syncing", &place.data, &error.into()))?;
    }
    marker.phase = Phase::Copied;
    marker.durable = prior.serve;
    marker.boot = boot();
    place.write(&marker)?;
    Ok(marker)
}

/// Every file against the manifest of the backup: size and checksum. The WAL is read by the server itself.
fn verify(place: &Place, prior: &Prior, cancel: &Cancel) -> Result<(), Fault> {
    let mut command = prior.account.command(&prior.bin.join("pg_verifybackup"));
    let said = follow(command.arg("-n").arg("-q").arg(&place.data), cancel, |_| {})?;
    cancel.check()?;
    if said.ok {
        return Ok(());
    }
    let mut fault =
        Fault::new("RG2415", "the backup does not agree with its own manifest: it is damaged or not complete");
    fault.causes = said.complaint();
    Err(fault.hint("take another backup: a `data_directory` of its own, the same `as_of`"))
}

/// The server, out of recovery.
async fn up(cx: &WorkCx, place: &Place, prior: &Prior, marker: &mut Marker) -> Result<Asked, Fault> {
    const ATTEMPTS: u32 = 5;
    let mut attempt = 1;
    loop {
        let port = started(place, prior, marker)?;
        let log = Log::from(&place.log(), marker.log_from);
        cx.say(&format!("the server in `{}` is started on port {port}", place.data.display()));
        let fault = match recovery::wait(place, prior, port, &log, |pulse| cx.pulse(pulse)).await {
            Ok(asked) => return Ok(asked),
            Err(fault) => fault,
        };
        stop_failed(place, prior).await?;
        let port_was_taken = fault.code == "RG2417" && prior.port.is_none();
        // What is left of a server that was killed a moment ago.
        let left = ["pre-existing shared memory block", "Is another postmaster (PID "];
        let ghosts = fault.causes.iter().any(|line| left.iter().any(|words| line.contains(words)));
        if attempt == ATTEMPTS || !(port_was_taken || ghosts) {
            return Err(fault);
        }
        attempt += 1;
        if port_was_taken {
            marker.port = None;
        }
        tokio::time::sleep(Duration::from_secs(u64::from(ghosts))).await;
    }
}

/// Starts it where it does not run already, and says on which port.
fn started(place: &Place, prior: &Prior, marker: &mut Marker) -> Result<u16, Fault> {
    if server::running(&place.data).is_some()
        && let Some(port) = marker.port
    {
        return Ok(port);
    }
    let port = match marker.port.or(prior.port) {
        Some(port) => port,
        None => free_port()?,
    };
    let control = control(&prior.bin, &place.data)?;
    write_ours(place, prior, &control, port)?;
    marker.port = Some(port);
    marker.phase = marker.phase.max(Phase::Started);
    marker.log_from = length(&place.log());
    place.write(marker)?;
    server::start(place, prior)?;
    Ok(port)
}

fn length(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |meta| meta.len())
}

fn free_port() -> Result<u16, Fault> {
    let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
    free.map(|address| address.port())
        .map_err(|error| Fault::new("RG2417", "there is no free port on 127.0.0.1").caused_by(&error))
}

async fn stop_failed(place: &Place, prior: &Prior) -> Result<(), Fault> {
    let (data, in_order) = (place.data.clone(), prior.serve);
    blocking(move || server::stop(&data, in_order)).await
}
