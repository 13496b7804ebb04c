//! BIND on loopback: a primary that takes signed updates, a secondary that comes after it, a resolver that caches.
//!
//! Primary and secondary are reached on one port of 127.0.0.1 and 127.0.0.2, as name servers of a zone are: so the addresses
//! that the zone's NS records lead to can be asked. The primary tells nobody of a change: the secondary looks for itself
//! every so many seconds, which is what makes it lag.

mod config;
mod life;
mod relay;

use std::fs;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::account::{Account, finish};
use super::own::Own;
use super::{Offer, Running};
use crate::leftovers::Entry;
use crate::scratch::Scratch;
use crate::tools;

use config::Role;
use relay::Relay;

pub const OFFER: Offer = Offer {
    name: "dns",
    about: "BIND: a zone that takes signed updates, a secondary that lags, a resolver",
    tools: &[tools::BIND, tools::NSUPDATE],
    start: |scratch| Ok(Box::new(Dns::start(scratch)?)),
};

pub const ZONE: &str = "example.test";
pub const ALGORITHM: &str = "hmac-sha256";
/// May change everything in the zone.
pub const KEY: &str = "regrow-key";
/// Known to the server, and allowed to change nothing.
pub const IDLE_KEY: &str = "idle-key";

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;
const SECONDARY: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// The three servers. Dropping it ends them.
pub struct Dns {
    program: PathBuf,
    account: Account,
    home: PathBuf,
    /// Of each role.
    ports: [u16; 3],
    /// The secondary looks this often whether something changed.
    lag: Duration,
    secret: String,
    idle_secret: String,
    /// In the zone, so that nobody else's server is taken for ours.
    token: String,
    servers: Vec<Own>,
    relay: Option<Relay>,
    scratch: Arc<Entry>,
}

impl Dns {
    /// A secondary that is a second or two behind.
    pub fn start(scratch: &Scratch) -> Result<Dns> {
        Dns::start_lagging(scratch, Duration::from_secs(1))
    }

    /// A secondary that is up to `lag` behind.
    pub fn start_lagging(scratch: &Scratch, lag: Duration) -> Result<Dns> {
        let account = Account::named("bind")?;
        let home = scratch.folder("dns")?;
        account.own(&home)?;
        // A copy: where AppArmor confines /usr/sbin/named, it may not read outside of /etc/bind.
        let program = home.join("named");
        let installed = tools::named().context("BIND is not installed; `cargo rig install` gets it")?;
        fs::copy(&installed, &program).context("cannot copy named")?;
        let (secret, idle_secret, token) = (random()?, random()?, random()?);
        let entry = scratch.entry();
        let (ports, servers, relay) = ([0; 3], Vec::new(), None);
        let mut dns =
            Dns { program, account, home, ports, lag, secret, idle_secret, token, servers, relay, scratch: entry };
        dns.start_on_free_port()?;
        Ok(dns)
    }

    /// `address:port` of the primary.
    pub fn server(&self) -> String {
        format!("{LOOPBACK}:{}", self.ports[Role::Primary as usize])
    }

    pub fn secondary(&self) -> String {
        format!("{SECONDARY}:{}", self.ports[Role::Primary as usize])
    }

    pub fn resolver(&self) -> String {
        format!("{LOOPBACK}:{}", self.ports[Role::Resolver as usize])
    }

    pub fn tsig_secret(&self) -> &str {
        &self.secret
    }

    /// Of [`IDLE_KEY`].
    pub fn idle_tsig_secret(&self) -> &str {
        &self.idle_secret
    }

    /// Changes the zone behind everybody's back, in the words of `nsupdate`: `add x.example.test. 60 A 192.0.2.1`.
    pub fn update(&self, lines: &str) -> Result<()> {
        let mut child = Command::new("nsupdate")
            .arg("-k")
            .arg(self.home.join("key.conf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot run nsupdate")?;
        let text = format!("server {LOOPBACK} {}\nzone {ZONE}\n{lines}\nsend\n", self.ports[Role::Primary as usize]);
        child.stdin.take().context("no stdin")?.write_all(text.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "nsupdate: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// What a server answers, sorted; `name` without the zone.
    pub fn dig(&self, server: &str, name: &str, kind: &str) -> Result<Vec<String>> {
        let (address, port) = server.rsplit_once(':').context("no port")?;
        let name = if name == "@" { format!("{ZONE}.") } else { format!("{name}.{ZONE}.") };
        let mut dig = Command::new("dig");
        dig.args(["+short", "+time=2", "+tries=2", "-p", port, &format!("@{address}"), "-t", kind, &name]);
        let mut lines: Vec<String> = finish(&mut dig)?.lines().map(str::to_string).collect();
        lines.sort();
        Ok(lines)
    }

    /// The whole zone at the primary, a record a line with single spaces, sorted.
    pub fn transfer(&self) -> Result<Vec<String>> {
        let server = self.server();
        let (address, port) = server.rsplit_once(':').context("no port")?;
        let mut dig = Command::new("dig");
        dig.arg("-k").arg(self.home.join("key.conf")).args(["+noall", "+answer", "-p", port, &format!("@{address}")]);
        let text = finish(dig.args(["-t", "AXFR", ZONE]))?;
        let one = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut lines: Vec<String> = text.lines().filter(|line| !line.starts_with(';')).map(one).collect();
        lines.sort();
        Ok(lines)
    }

    /// The zone's serial at the primary: it rises with every change.
    pub fn serial(&self) -> Result<u64> {
        let soa = self.dig(&self.server(), "@", "SOA")?.concat();
        soa.split(' ').nth(2).and_then(|word| word.parse().ok()).with_context(|| format!("no serial in `{soa}`"))
    }

    /// What the primary wrote of itself.
    pub fn log(&self) -> String {
        self.servers.first().map(Own::log).unwrap_or_default()
    }
}

impl Running for Dns {
    fn env(&self) -> Vec<(String, String)> {
        let pairs = [
            ("RIG_DNS_SERVER", self.server()),
            ("RIG_DNS_SECONDARY", self.secondary()),
            ("RIG_DNS_RESOLVER", self.resolver()),
            ("RIG_DNS_ZONE", ZONE.to_string()),
            ("RIG_DNS_TSIG_NAME", KEY.to_string()),
            ("RIG_DNS_TSIG_ALGORITHM", ALGORITHM.to_string()),
            ("RIG_DNS_TSIG_SECRET", self.secret.clone()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }
}

/// 32 bytes in base64, as a key of hmac-sha256 is written.
fn random() -> Result<String> {
    let mut child = Command::new("base64").args(["-w", "0"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut raw = [0_u8; 32];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom").context("cannot read /dev/urandom")?, &mut raw)?;
    child.stdin.take().context("no stdin")?.write_all(&raw)?;
    Ok(String::from_utf8(child.wait_with_output()?.stdout)?.trim().to_string())
}
