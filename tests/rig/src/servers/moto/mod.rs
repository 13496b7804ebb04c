//! moto on loopback: what AWS answers, S3 among it. Everything is in its memory and ends with it.
//!
//! Its S3 keeps conditional writes (`If-None-Match: *` on what is there answers 412), so a lock that is an object holds.
//! It looks at no signature: any credentials do.

mod http;
mod install;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::{Offer, Running, free_port};
use crate::process::{Identity, wait_gone};
use crate::scratch::Scratch;
use crate::tools;

pub const S3: Offer = Offer {
    name: "s3",
    about: "moto: S3 with versions and conditional writes",
    tools: &[tools::PYTHON],
    start: |scratch| Ok(Box::new(Named { variable: "RIG_S3_ENDPOINT", server: Moto::start(scratch)? })),
};

pub const AWS: Offer = Offer {
    name: "aws",
    about: "moto: RDS, Route 53, S3 and more of AWS, every instance ready at once",
    tools: &[tools::PYTHON],
    start: |scratch| Ok(Box::new(Named { variable: "RIG_AWS_ENDPOINT", server: Moto::start(scratch)? })),
};

pub const REGION: &str = "us-east-1";
/// Of both parts of the credentials: no secret, since nobody checks it.
pub const KEY: &str = "rig";

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server. Dropping it ends it.
pub struct Moto {
    child: Child,
    process: Option<Identity>,
    port: u16,
}

/// The same server under the variable of what it was asked for.
struct Named {
    variable: &'static str,
    server: Moto,
}

impl Moto {
    pub fn start(scratch: &Scratch) -> Result<Moto> {
        let python = install::python()?;
        let log = scratch.folder("moto")?.join("log");
        for _ in 0..10 {
            if let Some(server) = Moto::try_start(scratch, &python, &log)? {
                return Ok(server);
            }
        }
        bail!("found no free port for moto in ten attempts")
    }

    /// None if the port was taken meanwhile.
    fn try_start(scratch: &Scratch, python: &Path, log: &Path) -> Result<Option<Moto>> {
        let port = free_port()?;
        let out = File::create(log)?;
        let child = Command::new(python)
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .env_clear()
            .env("LANG", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .process_group(0) // Ctrl-C is for the rig, which ends its servers in order.
            .spawn()
            .context("cannot run moto")?;
        let process = Identity::of(i32::try_from(child.id())?);
        let mut server = Moto { child, process, port };
        if let Some(process) = process {
            scratch.record(process, Signal::TERM)?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let over = server.child.try_wait()?.is_some();
            let said = fs::read_to_string(log).unwrap_or_default();
            if over {
                ensure!(said.contains("in use"), "moto did not start:\n{said}");
                return Ok(None);
            }
            // Its own words first: on a port that somebody else took, that one would answer.
            if said.contains("Running on") && server.ask("GET", "/moto-api/", "").is_ok_and(|answer| answer.0 == 200) {
                return Ok(Some(server));
            }
            ensure!(Instant::now() < deadline, "moto is not ready:\n{said}");
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// A request to its S3, past everybody: status and body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        self.ask_with(method, path, "", body)
    }

    /// The same with one more line of the head.
    pub fn ask_with(&self, method: &str, path: &str, header: &str, body: &str) -> Result<(u16, String)> {
        http::ask(self.port, method, path, header, body)
    }

    pub fn process(&self) -> Option<Identity> {
        self.process
    }
}

impl Running for Named {
    fn env(&self) -> Vec<(String, String)> {
        let endpoint = (self.variable.to_string(), self.server.endpoint());
        let credentials = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", KEY), ("AWS_REGION", REGION)];
        let credentials = credentials.map(|(name, value)| (name.to_string(), value.to_string()));
        std::iter::once(endpoint).chain(credentials).collect()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        if let Some(process) = self.process {
            process.signal(Signal::TERM);
            if !wait_gone(&BTreeSet::from([process]), Duration::from_secs(5)) {
                process.signal(Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}
