//! What became of an operation whose work process died without a result: asked of the marker, the lock, the server, its log.

use super::log::{Log, is_over, why};
use super::place::{Claim, Marker, Phase, Place, boot};
use super::prior::Prior;
use super::recovery;
use super::server::running;
use crate::kind::{Found, Next};
use crate::model::{Fault, OpId};

/// `Absent` also where something of ours is half there: `work` goes on from it. `Running` where a child of the dead process
/// still copies, or the server is recovering by itself: ask again, or let `work` attach to it.
pub async fn settle(op: &OpId, prior: &Prior) -> Result<Found, Fault> {
    let place = Place::new(&prior.data_directory);
    let marker = match place.claim(op)? {
        Claim::Free => return Ok(Found::Absent),
        Claim::Foreign(fault) => return Ok(Found::Foreign(fault)),
        Claim::Ours(marker) => *marker,
    };
    if place.is_locked() {
        return Ok(Found::Running);
    }
    if marker.phase < Phase::Started {
        return Ok(Found::Absent);
    }
    match running(&place.data) {
        Some(_) => alive(&place, prior, marker).await,
        None => Ok(dead(&place, prior, &marker)),
    }
}

async fn alive(place: &Place, prior: &Prior, marker: Marker) -> Result<Found, Fault> {
    if marker.phase == Phase::Done {
        return Ok(Found::Done(Next::Done(marker.outputs)));
    }
    let port = marker.port.unwrap_or_default();
    match recovery::ready(place, prior, port).await? {
        Some(asked) => Ok(Found::Done(Next::Done(asked.prove(place, prior, port).await?))),
        None => Ok(Found::Running),
    }
}

fn dead(place: &Place, prior: &Prior, marker: &Marker) -> Found {
    let text = Log::from(&place.log(), marker.log_from).text();
    let gave_up = marker.phase == Phase::Started && marker.boot == boot() && is_over(&text);
    match gave_up {
        true => Found::Failed(why(&text, prior, &place.log())),
        false => Found::Absent,
    }
}
