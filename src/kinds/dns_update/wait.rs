//! Waits until the servers of the zone, and the resolvers that are named, show the new values.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::params::Wait;
use super::plan::Planned;
use crate::model::{Fault, Pulse, RetryClass};
use crate::provider::dns::{self, Shown, Zone};

const ASK_EVERY: Duration = Duration::from_millis(500);
/// Slower after a while: nobody is helped by ten thousand questions.
const LATER: Duration = Duration::from_secs(5);

/// A server that is waited for.
#[derive(Debug)]
pub struct Target {
    /// `ns2.example.test. (192.0.2.2:53)`
    label: String,
    at: SocketAddr,
    is_resolver: bool,
    /// What it said last, as long as it is not what is wanted.
    lacks: Option<String>,
}

impl Target {
    fn new(name: &str, at: SocketAddr, is_resolver: bool) -> Self {
        let label = if name == at.to_string() { name.to_owned() } else { format!("{name} ({at})") };
        Self { label, at, is_resolver, lacks: Some("was not asked yet".to_owned()) }
    }
}

pub async fn targets(zone: &Zone, wait: &Wait) -> Result<Vec<Target>, Fault> {
    let mut targets = Vec::new();
    match &wait.servers {
        Some(servers) => {
            for server in servers {
                targets.push(Target::new(server, dns::address(server).await?, false));
            }
        }
        None => {
            let found = dns::name_servers(&zone.name, zone.server).await?;
            targets.extend(found.into_iter().map(|(name, at)| Target::new(&name, at, false)));
        }
    }
    for resolver in &wait.resolvers {
        targets.push(Target::new(resolver, dns::address(resolver).await?, true));
    }
    Ok(targets)
}

pub struct Waiting<'a> {
    zone: &'a Zone,
    sets: &'a [Planned],
    targets: Vec<Target>,
}

impl<'a> Waiting<'a> {
    pub fn new(zone: &'a Zone, sets: &'a [Planned], targets: Vec<Target>) -> Self {
        Self { zone, sets, targets }
    }

    /// Asks those that did not show it yet. True once all did.
    pub async fn look(&mut self) -> bool {
        let (zone, sets) = (self.zone, self.sets);
        let left = self.targets.iter_mut().filter(|target| target.lacks.is_some());
        let asked = left.map(|target| async move { target.lacks = lacks(zone, sets, target).await });
        futures_util::future::join_all(asked).await;
        self.lagging().next().is_none()
    }

    fn lagging(&self) -> impl Iterator<Item = (&str, &str)> {
        self.targets.iter().filter_map(|target| Some((target.label.as_str(), target.lacks.as_deref()?)))
    }

    pub async fn until(&mut self, patience: Duration, pulse: impl Fn(Pulse), say: impl Fn(&str)) -> Result<(), Fault> {
        let began = Instant::now();
        let mut said: Vec<String> = Vec::new();
        loop {
            let done = self.look().await;
            pulse(self.pulse());
            let lines: Vec<String> = self.lagging().map(|(who, what)| format!("waits: {who} {what}")).collect();
            lines.iter().filter(|line| !said.contains(line)).for_each(|line| say(line));
            said = lines;
            if done {
                say("all servers that are asked show the new values");
                return Ok(());
            }
            if began.elapsed() >= patience {
                return Err(self.too_late(patience));
            }
            let pause = if began.elapsed() < Duration::from_secs(30) { ASK_EVERY } else { LATER };
            tokio::time::sleep(pause.min(patience.saturating_sub(began.elapsed()))).await;
        }
    }

    fn pulse(&self) -> Pulse {
        let total = self.targets.len();
        let late: Vec<&str> = self.lagging().map(|(who, _)| who).collect();
        let doing = if late.is_empty() { String::new() } else { format!("waiting for {}", late.join(", ")) };
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Pulse { done: count(total - late.len()), total: Some(count(total)), unit: "servers".to_owned(), doing }
    }

    fn too_late(&self, patience: Duration) -> Fault {
        let late = self.lagging().count();
        let waited = crate::runbook::duration::format(patience);
        let message = format!("after {waited} {late} of {} servers do not show the new values", self.targets.len());
        let mut fault = Fault::new("RG2509", message).retry(RetryClass::Later).hint(
            "the change itself is made and stays; `retry` waits again, `wait:` says whom to wait for and how long",
        );
        fault.causes = self.lagging().map(|(who, what)| format!("{who} {what}")).collect();
        fault
    }

    /// For a person, where waiting was not worth more.
    pub fn facts(&self) -> Vec<String> {
        self.lagging().map(|(who, what)| format!("{who} {what}")).collect()
    }
}

/// What a server does not show yet.
async fn lacks(zone: &Zone, sets: &[Planned], target: &Target) -> Option<String> {
    for set in sets {
        match zone.shown(target.at, target.is_resolver, (&set.name, set.kind), set.new.as_ref()).await {
            Ok(Shown::Wanted) => {}
            Ok(Shown::Other(what)) => return Some(what),
            Err(fault) if is_out_of_reach(target, &fault) => {}
            Err(fault) => {
                let causes: String = fault.causes.iter().map(|cause| format!(": {cause}")).collect();
                return Some(format!("cannot be asked: {}{causes}", fault.message));
            }
        }
    }
    None
}

/// A machine without IPv6 cannot ask a server's IPv6 address, and does not wait for it.
fn is_out_of_reach(target: &Target, fault: &Fault) -> bool {
    let unreachable = [ErrorKind::NetworkUnreachable, ErrorKind::AddrNotAvailable, ErrorKind::HostUnreachable];
    let raw = unreachable
        .iter()
        .any(|kind| fault.causes.iter().any(|cause| cause == &std::io::Error::from(*kind).to_string()));
    target.at.is_ipv6()
        && (raw || fault.causes.iter().any(|cause| cause.contains("os error 101") || cause.contains("os error 99")))
}
