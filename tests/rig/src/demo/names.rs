//! The names of the demo: a zone on real name servers, read as a whole by a zone transfer.

use std::collections::BTreeSet;

use anyhow::{Context, Result};

use super::health::Health;
use super::tell::Ending;
use crate::scratch::Scratch;
use crate::servers::Dns;
use crate::servers::dns::{KEY, ZONE};

/// What people type, without the zone.
pub const HOST: &str = "learn";
pub const OLD: &str = "192.0.2.80";
/// Where the platform is after a disaster that took its place.
pub const NEW: &str = "192.0.2.180";

/// A zone in which `learn` leads to the platform, among other records.
pub struct Names {
    pub dns: Dns,
}

impl Names {
    pub fn open(scratch: &Scratch) -> Result<Names> {
        let dns = Dns::start(scratch)?;
        dns.update(&format!("update add {} 300 A {OLD}\nupdate add *.apps.{ZONE}. 300 CNAME {}", full(), full()))?;
        Ok(Names { dns })
    }

    pub fn full(&self) -> String {
        full()
    }

    /// Every record but the counter of changes.
    pub fn read(&self) -> Result<BTreeSet<String>> {
        let lines = self.dns.transfer().context("cannot read the zone")?;
        Ok(lines.into_iter().filter(|line| !line.contains(" SOA ")).collect())
    }

    /// The record set is gone.
    pub fn lose(&self) -> Result<()> {
        self.dns.update(&format!("update delete {} A", full()))
    }

    /// Both servers of the zone, asked one by one.
    pub fn lead_to(&self, address: &str) -> Result<bool> {
        let servers = [self.dns.server(), self.dns.secondary()];
        let answers = servers.iter().map(|server| self.dns.dig(server, HOST, "A")).collect::<Result<Vec<_>>>()?;
        Ok(answers.iter().all(|values| values == &[address]))
    }

    /// What the shipped runbooks are told of it.
    pub fn params(&self, health: &Health) -> [(&'static str, String); 6] {
        [
            ("zone", ZONE.to_string()),
            ("dns_server", self.dns.server()),
            ("key", KEY.to_string()),
            ("host", HOST.to_string()),
            ("addresses", NEW.to_string()),
            ("health", health.url()),
        ]
    }

    /// The name leads to the new place, and every other record is what it was.
    pub fn tell(&self, ending: &mut Ending, before: &BTreeSet<String>) -> Result<()> {
        let now = self.read()?;
        let others = |records: &BTreeSet<String>| -> BTreeSet<String> {
            records.iter().filter(|line| !line.starts_with(&format!("{} ", full()))).cloned().collect()
        };
        let untouched = others(before);
        ending.say("names", format!("{HOST} leads to {NEW}; {} other records untouched", untouched.len()));
        ending.must(self.lead_to(NEW)?, "not every name server of the zone says where the platform is now");
        ending.must(others(&now) == untouched, "a record of another name is not what it was");
        Ok(())
    }
}

fn full() -> String {
    format!("{HOST}.{ZONE}.")
}
