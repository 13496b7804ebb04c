//! A place with a runbook for the rig's zone.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rig::Scratch;
use rig::servers::Dns;
use rig::servers::dns::{IDLE_KEY, KEY, ZONE};

use super::relay::Relay;
use super::support::Place;

pub struct Lab {
    pub dns: Dns,
    pub place: Place,
    pub relay: Relay,
    _scratch: Scratch,
}

/// What a step needs beside its records.
pub struct Step<'a> {
    pub server: &'a str,
    pub zone: &'a str,
    pub key: &'a str,
    pub secret: &'a str,
    pub records: &'a str,
    /// Fields of `with`, one a line.
    pub with: &'a str,
    /// Fields of the step.
    pub more: &'a str,
}

impl Lab {
    pub fn start() -> Lab {
        Lab::lagging(1)
    }

    pub fn lagging(seconds: u64) -> Lab {
        let scratch = Scratch::new().unwrap();
        let dns = Dns::start_lagging(&scratch, Duration::from_secs(seconds)).unwrap();
        let place = Place::new("steps: []\n");
        place.write("tsig", dns.tsig_secret());
        place.write("idle", dns.idle_tsig_secret());
        place.write("wrong", "d3Jvbmctc2VjcmV0LXdyb25nLXNlY3JldC13cm9uZw==");
        let to: SocketAddr = dns.server().parse().unwrap();
        Lab { relay: Relay::start(to), dns, place, _scratch: scratch }
    }

    /// A runbook with one step, `point`, that changes records directly at the primary.
    pub fn book(&self, records: &str, more: &str) {
        let server = self.dns.server();
        self.step(&Step { server: &server, zone: ZONE, key: KEY, secret: "tsig", records, with: "", more });
    }

    /// The same through the relay, which can hold and lose messages.
    pub fn relayed(&self, records: &str) {
        let server = self.relay.at.to_string();
        let with = format!("wait: {{ servers: [\"{}\", \"{}\"] }}", self.dns.server(), self.dns.secondary());
        let step = Step {
            server: &server,
            zone: ZONE,
            key: KEY,
            secret: "tsig",
            records,
            with: &with,
            more: "undo: restore_previous",
        };
        self.step(&step);
    }

    pub fn step(&self, step: &Step<'_>) {
        let Step { server, zone, key, secret, records, with, more } = step;
        let indent = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
        let text = format!(
            "version: 1\nname: book\nseverity: partial\nobjectives: {{ rto: 1h }}\n\
             secrets: {{ tsig: {{ from: file, path: {secret} }} }}\nsteps:\n  - id: point\n    uses: dns.update\n    with:\n      \
             provider: rfc2136\n      zone: {zone}\n      server: \"{server}\"\n      \
             tsig: {{ name: {key}, algorithm: hmac-sha256, secret: \"{{{{ secrets.tsig }}}}\" }}\n      records:\n{}{}{}",
            indent(records, "        "),
            indent(with, "      "),
            indent(more, "    "),
        );
        self.place.write("book.yaml", &text);
    }

    pub fn idle_step<'a>(&self, server: &'a str, records: &'a str) -> Step<'a> {
        Step { server, zone: ZONE, key: IDLE_KEY, secret: "idle", records, with: "", more: "" }
    }

    pub fn dig(&self, name: &str, kind: &str) -> Vec<String> {
        self.dns.dig(&self.dns.server(), name, kind).unwrap()
    }

    pub fn dig_secondary(&self, name: &str, kind: &str) -> Vec<String> {
        self.dns.dig(&self.dns.secondary(), name, kind).unwrap()
    }

    /// All that the run left, journal and logs and reports, holds no secret.
    #[track_caller]
    pub fn has_no_secret(&self) {
        let mut folders = vec![self.place.path("state")];
        let mut looked = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let text = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
                    assert!(!text.contains(self.dns.tsig_secret()), "{} holds the secret", path.display());
                    looked += 1;
                }
            }
        }
        assert!(looked > 3, "nothing was there to be looked at");
    }
}
