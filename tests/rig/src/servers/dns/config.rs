//! What the three servers are told.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::{ALGORITHM, Dns, IDLE_KEY, KEY, LOOPBACK, SECONDARY, ZONE};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Primary,
    Secondary,
    Resolver,
}

impl Role {
    pub const ALL: [Role; 3] = [Role::Primary, Role::Secondary, Role::Resolver];

    pub fn name(self) -> &'static str {
        match self {
            Role::Primary => "primary",
            Role::Secondary => "secondary",
            Role::Resolver => "resolver",
        }
    }
}

impl Dns {
    /// Everything for the ports that are tried now.
    pub(super) fn configure(&self) -> Result<()> {
        let key =
            |name: &str, secret: &str| format!("key \"{name}\" {{ algorithm {ALGORITHM}; secret \"{secret}\"; }};\n");
        // `nsupdate -k` takes a file with one key.
        self.write(&self.home.join("key.conf"), &key(KEY, &self.secret))?;
        self.write(&self.home.join("idle.conf"), &key(IDLE_KEY, &self.idle_secret))?;
        for role in Role::ALL {
            let folder = self.home.join(role.name());
            if !folder.exists() {
                self.account.folder(&folder, 0o700)?;
            }
            self.write(&folder.join("named.conf"), &self.named_conf(role))?;
        }
        self.write(&self.home.join("primary/zone"), &self.zone())
    }

    fn named_conf(&self, role: Role) -> String {
        let home = self.home.display();
        let (name, port, primary) = (role.name(), self.ports[role as usize], self.ports[Role::Primary as usize]);
        let recursion = if role == Role::Resolver { "yes" } else { "no" };
        let zone = match role {
            Role::Primary => format!(
                "type primary; file \"{home}/primary/zone\"; notify no;\n  update-policy {{ grant {KEY} zonesub ANY; }};"
            ),
            Role::Secondary => format!(
                "type secondary; primaries {{ {LOOPBACK} port {primary} key {KEY}; }}; min-refresh-time 1; min-retry-time 1;"
            ),
            Role::Resolver => format!("type forward; forward only; forwarders {{ {LOOPBACK} port {primary}; }};"),
        };
        format!(
            "include \"{home}/key.conf\";\ninclude \"{home}/idle.conf\";\n\
             options {{\n  directory \"{home}/{name}\"; pid-file \"{home}/{name}/pid\"; session-keyfile none;\n  \
             listen-on port {port} {{ {LOOPBACK}; }}; listen-on-v6 {{ none; }};\n  \
             recursion {recursion}; dnssec-validation no;\n  \
             allow-transfer {{ key {KEY}; }}; empty-zones-enable no;\n}};\ncontrols {{ }};\n\
             zone \"{ZONE}\" {{\n  {zone}\n}};\n"
        )
    }

    fn zone(&self) -> String {
        let lag = self.lag.as_secs().max(1);
        format!(
            "$ORIGIN {ZONE}.\n$TTL 300\n\
             @ SOA ns1 hostmaster 1 {lag} {lag} 86400 60\n\
             @ NS ns1\n@ NS ns2\nns1 A {LOOPBACK}\nns2 A {SECONDARY}\n\
             _rig TXT \"{}\"\n\
             www A 192.0.2.10\nold A 192.0.2.20\ndb CNAME old\n",
            self.token
        )
    }

    /// A file of the server's user that nobody else reads: keys are in it.
    fn write(&self, path: &Path, text: &str) -> Result<()> {
        let mut file = fs::File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .with_context(|| format!("cannot write {}", path.display()))?;
        std::io::Write::write_all(&mut file, text.as_bytes())?;
        self.account.own(path)
    }
}
