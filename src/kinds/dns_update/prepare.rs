//! Reads what is there from the server that takes the change, once.

use super::params::{Params, Provider, Record};
use super::plan::{Planned, Prior};
use crate::kind::{Op, Prepared, ReadCx, Settles};
use crate::model::Fault;
use crate::provider::dns::{self, Type, Zone};

pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    let zone = open(cx, &op.params).await?;
    let mut sets = Vec::new();
    for record in &op.params.records {
        sets.push(planned(&zone, record).await?);
    }
    collisions(&zone, &sets).await?;
    proven(&zone, &sets).await?;
    let mut changes = vec![format!("zone `{}` at {}, whose primary is `{}`", zone.name, zone.server, zone.primary)];
    changes.extend(sets.iter().map(Planned::words));
    let settles = settles(&sets);
    let prior = Prior { zone: zone.name.clone(), primary: zone.primary.clone(), sets };
    Ok(Prepared::new(prior, changes).settling(settles))
}

/// The zone where it is served: the one place that asks who the provider is.
pub async fn open(cx: &ReadCx, params: &Params) -> Result<Zone, Fault> {
    match params.provider {
        Provider::Rfc2136 => Zone::open(cx, &params.zone()?, params.server.as_deref(), params.tsig.as_ref()).await,
    }
}

async fn planned(zone: &Zone, record: &Record) -> Result<Planned, Fault> {
    let name = dns::name_in(&zone.name, &record.name).map_err(|why| Fault::new("RG2503", why))?;
    let old = zone.read(&name, record.kind).await?;
    Planned::of(record, &name, old)
}

/// An alias stands alone at its name. A server that is told otherwise says yes and leaves it out.
async fn collisions(zone: &Zone, sets: &[Planned]) -> Result<(), Fault> {
    const BESIDE: [Type; 8] = [Type::A, Type::Aaaa, Type::Txt, Type::Mx, Type::Srv, Type::Caa, Type::Ptr, Type::Ns];
    for set in sets.iter().filter(|set| set.new.is_some()) {
        let others = if set.kind == Type::Cname { &BESIDE[..] } else { &[Type::Cname] };
        for kind in others {
            let ours = sets.iter().find(|other| other.name == set.name && other.kind == *kind);
            let stays = match ours {
                Some(other) => other.new.is_some(),
                None => zone.read(&set.name, *kind).await?.is_some(),
            };
            if stays {
                let message = format!("{} cannot stand beside {} of the same name", set.what(), kind.word());
                let hint = format!("add `{{name: {}, type: {}, delete: true}}` to `records`", set.name, kind.word());
                return Err(Fault::new("RG2511", message).hint(hint));
            }
        }
    }
    Ok(())
}

/// The server itself says that all is as it was read, by a message that requires it and changes nothing. So a wrong key is
/// known before the bad day.
async fn proven(zone: &Zone, sets: &[Planned]) -> Result<(), Fault> {
    let all: Vec<_> = sets.iter().map(|set| (set.name.as_str(), set.kind, set.old.as_ref())).collect();
    if zone.confirms(&all).await? {
        return Ok(());
    }
    Err(Fault::new("RG2508", format!("`{}` is being changed by somebody else right now", zone.name))
        .hint("wait until it is done, then try again")
        .retry(crate::model::RetryClass::Later))
}

/// How long others may go on with the old answer.
fn settles(sets: &[Planned]) -> Option<Settles> {
    let kept = sets.iter().filter(|set| set.changes()).filter_map(|set| Some((set.old.as_ref()?.ttl, set)));
    let (seconds, set) = kept.max_by_key(|(ttl, _)| *ttl)?;
    let what = format!("resolvers may keep the old answer of {}", set.what());
    let hint = "lower its TTL on a calm day: a lower one helps only once the old one has passed".to_owned();
    Some(Settles { seconds: u64::from(seconds), code: "RG2514".to_owned(), what, hint })
}
