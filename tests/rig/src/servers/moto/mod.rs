//! moto on loopback: what AWS answers, S3 among it. Everything is in its memory and ends with it.
//!
//! Its S3 keeps conditional writes (`If-None-Match: *` on what is there answers 412), so a lock that is an object holds.
//! It looks at no signature: any credentials do.

mod install;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

pub use install::python;

use super::own::Own;
use super::{Offer, Running, free_port, http};
use crate::process::Identity;
use crate::scratch::Scratch;
use crate::tools;

pub const AWS: Offer = Offer {
    name: "aws",
    about: "moto: RDS, Route 53, S3 and more of AWS, every instance ready at once",
    tools: &[tools::PYTHON],
    start: |scratch| Ok(Box::new(Moto::start(scratch)?)),
};

pub const REGION: &str = "us-east-1";
/// The credentials of every server here that speaks as AWS does, so that one command may use several of them.
pub const KEY: &str = "rig-key";
/// No secret: who reaches loopback may have what is there.
pub const SECRET: &str = "rig-rig-rig";

/// A server of many services tells them apart by whom the signature is for; whether it is right is not looked at.
const WHOM: &str = "Authorization: AWS4-HMAC-SHA256 Credential=rig/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server. Dropping it ends it.
pub struct Moto {
    own: Own,
    port: u16,
}

impl Moto {
    pub fn start(scratch: &Scratch) -> Result<Moto> {
        let python = install::python()?;
        let log = scratch.folder("moto")?.join("log");
        for _ in 0..10 {
            if let Some(server) = Moto::try_start(scratch, &python, log.clone())? {
                return Ok(server);
            }
        }
        bail!("found no free port for moto in ten attempts")
    }

    /// None if the port was taken meanwhile.
    fn try_start(scratch: &Scratch, python: &Path, log: PathBuf) -> Result<Option<Moto>> {
        let port = free_port()?;
        let mut moto = Command::new(python);
        moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
        moto.env_clear().env("LANG", "C.UTF-8").current_dir("/");
        let mut server = Moto { own: Own::spawn(&mut moto, log, &scratch.entry())?, port };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let over = server.own.is_over()?;
            let said = server.own.log();
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
        let more = if header.is_empty() { String::new() } else { format!("\r\n{header}") };
        http::ask(self.port, method, path, &format!("{WHOM}{more}"), body)
    }

    pub fn process(&self) -> Option<Identity> {
        self.own.process()
    }
}

impl Running for Moto {
    fn env(&self) -> Vec<(String, String)> {
        let endpoint = ("RIG_AWS_ENDPOINT".to_string(), self.endpoint());
        std::iter::once(endpoint).chain(aws_env()).collect()
    }
}

/// What every client of AWS looks at.
pub(super) fn aws_env() -> impl Iterator<Item = (String, String)> {
    let pairs = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_REGION", REGION)];
    pairs.map(|(name, value)| (name.to_string(), value.to_string())).into_iter()
}
