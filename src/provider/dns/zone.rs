//! A zone at its primary: what it has, and how it is changed.

use std::net::SocketAddr;

use super::ask::{Answer, ask};
use super::record::{RrSet, Type};
use super::server::address;
use super::update::{Change, Refusal, Tsig, Update};
use crate::kind::{ReadCx, WriteCx};
use crate::model::Fault;

/// A zone that takes signed updates (RFC 2136).
pub struct Zone {
    /// Absolute.
    pub name: String,
    pub server: SocketAddr,
    /// As its SOA has it: what tells this zone's server from another one at the same address.
    pub primary: String,
    tsig: Option<Tsig>,
}

/// What a server shows of a set.
#[derive(Debug, PartialEq)]
pub enum Shown {
    Wanted,
    /// In words.
    Other(String),
}

impl Zone {
    /// Goes to `server`, or to the primary that the zone names.
    pub async fn open(_: &ReadCx, name: &str, server: Option<&str>, tsig: Option<&Tsig>) -> Result<Zone, Fault> {
        let server = match server {
            Some(server) => address(server).await?,
            None => {
                let answer = ask(super::system_resolver()?, name, Type::Soa, true).await?;
                address(primary_of(&answer, name)?.trim_end_matches('.')).await?
            }
        };
        let answer = ask(server, name, Type::Soa, false).await?;
        let primary = primary_of(&answer, name)?;
        if !answer.authoritative {
            return Err(Fault::new(
                "RG2507",
                format!("the server at {server} is not responsible for the zone `{name}`"),
            )
            .hint("name the zone as the server has it, and its primary as `server`"));
        }
        Ok(Zone { name: name.to_owned(), server, primary, tsig: tsig.cloned() })
    }

    /// The set at exactly this name. What only a wildcard stands in for is not there.
    pub async fn read(&self, name: &str, kind: Type) -> Result<Option<RrSet>, Fault> {
        let Some(set) = ask(self.server, name, kind, false).await?.set(name, kind) else { return Ok(None) };
        if wildcard(self.server, &self.name, &set, false).await? && !self.exists(name, kind).await? {
            return Ok(None);
        }
        Ok(Some(set))
    }

    /// Whether there is a set of its own: the server is asked by a message that requires it and changes nothing.
    async fn exists(&self, name: &str, kind: Type) -> Result<bool, Fault> {
        let mut update = self.update()?;
        update.must_exist(name, kind)?;
        holds(update.send().await)
    }

    /// Whether the zone has exactly this, and lets us ask: the message requires it and changes nothing. It also proves that
    /// the server accepts the key.
    pub async fn confirms(&self, sets: &[(&str, Type, Option<&RrSet>)]) -> Result<bool, Fault> {
        let mut update = self.update()?;
        for (name, kind, set) in sets {
            update.must_be(name, *kind, *set)?;
        }
        holds(update.send().await)
    }

    /// Makes all changes if all is as each says it was, else none.
    pub async fn change(&self, _: &WriteCx, changes: &[Change<'_>]) -> Result<(), Refusal> {
        let mut update = self.update().map_err(Refusal::Not)?;
        update.change(changes).map_err(Refusal::Not)?;
        update.send().await
    }

    fn update(&self) -> Result<Update<'_>, Fault> {
        Update::new(self.server, &self.name, self.tsig.as_ref())
    }

    /// What a server shows of a name and type, `wanted` being right. A resolver may say a smaller TTL.
    pub async fn shown(
        &self,
        server: SocketAddr,
        is_resolver: bool,
        (name, kind): (&str, Type),
        wanted: Option<&RrSet>,
    ) -> Result<Shown, Fault> {
        let answer = ask(server, name, kind, is_resolver).await?;
        if !is_resolver && !answer.authoritative {
            return Ok(Shown::Other(format!("is not responsible for `{}`", self.name)));
        }
        let set = answer.set(name, kind);
        let same_ttl = is_resolver || set.as_ref().map(|set| set.ttl) == wanted.map(|set| set.ttl);
        if RrSet::same_values(set.as_ref(), wanted) && same_ttl {
            return Ok(Shown::Wanted);
        }
        match set {
            None => Ok(Shown::Other(format!("has no {} of `{name}`", kind.word()))),
            Some(set) if wanted.is_none() && wildcard(server, &self.name, &set, is_resolver).await? => {
                Ok(Shown::Wanted)
            }
            Some(set) => Ok(Shown::Other(format!(
                "says that `{name}` {} is {} (TTL {})",
                kind.word(),
                set.values.join(", "),
                set.ttl
            ))),
        }
    }
}

fn primary_of(answer: &Answer, zone: &str) -> Result<String, Fault> {
    let none = || {
        Fault::new("RG2507", format!("`{zone}` is not the name of a zone here"))
            .hint("name the zone as its server has it: the name that has a SOA record")
    };
    let soa = answer.set(zone, Type::Soa).ok_or_else(none)?;
    soa.values.first().and_then(|soa| soa.split(' ').next()).map(str::to_lowercase).ok_or_else(none)
}

fn holds(sent: Result<(), Refusal>) -> Result<bool, Fault> {
    match sent {
        Ok(()) => Ok(true),
        Err(Refusal::Differs(_)) => Ok(false),
        // Nothing would have been changed: asking again is always right.
        Err(Refusal::Lost(fault)) => Err(fault.retry(crate::model::RetryClass::Later)),
        Err(Refusal::Not(fault)) => Err(fault),
    }
}

/// Whether a wildcard above the name says the same, so that the answer may have come from it.
async fn wildcard(server: SocketAddr, zone: &str, set: &RrSet, recursive: bool) -> Result<bool, Fault> {
    let mut above = set.name.as_str();
    while above != zone {
        let Some((_, parent)) = above.split_once('.') else { break };
        above = parent;
        let star = format!("*.{above}");
        if star == set.name {
            continue;
        }
        let answer = ask(server, &star, set.kind, recursive).await?;
        if answer.set(&star, set.kind).is_some_and(|wild| wild.values == set.values) {
            return Ok(true);
        }
    }
    Ok(false)
}
