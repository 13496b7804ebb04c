//! MinIO on loopback: an S3 server that keeps versions as AWS does, looks at signatures, and has its buckets on disk. Unlike AWS, it
//! lists no key `a/b` where there is an object `a`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::moto::{KEY, REGION, SECRET, aws_env};
use super::own::Own;
use super::{Offer, Running, free_port, http};
use crate::go;
use crate::leftovers::Entry;
use crate::process::Identity;
use crate::scratch::Scratch;

pub const OFFER: Offer = Offer {
    name: "s3",
    about: "MinIO: S3 with the versions of objects, their tags and metadata",
    tools: &[],
    start: |scratch| Ok(Box::new(MinIo::start(scratch)?)),
};

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// One server. Dropping it ends it.
pub struct MinIo {
    /// None while it is stopped.
    own: Option<Own>,
    program: PathBuf,
    home: PathBuf,
    entry: Arc<Entry>,
    port: u16,
    data: PathBuf,
}

impl MinIo {
    pub fn start(scratch: &Scratch) -> Result<MinIo> {
        let program = go::tools("minio")?.join("minio");
        let home = scratch.folder("minio")?;
        let data = home.join("data");
        fs::create_dir(&data)?;
        for _ in 0..10 {
            let port = free_port()?;
            let entry = scratch.entry();
            if let Some(own) = spawn(&program, &home, port, &entry)? {
                return Ok(MinIo { own: Some(own), program, home, entry, port, data });
            }
        }
        bail!("found no free port for MinIO in ten attempts")
    }

    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A bucket without versions: to MinIO that is a folder.
    pub fn make_bucket(&self, name: &str) -> Result<()> {
        Ok(fs::create_dir_all(self.data.join(name))?)
    }

    /// Kills it, and after that time starts it anew with what is on its disk.
    pub fn gone_for(&mut self, time: Duration) -> Result<()> {
        self.process().context("nobody knows which process it is")?.signal(Signal::KILL);
        self.stop();
        thread::sleep(time);
        self.start_again()
    }

    pub fn process(&self) -> Option<Identity> {
        self.own.as_ref().and_then(Own::process)
    }

    /// Ends it; what it holds stays.
    pub fn stop(&mut self) {
        self.own = None;
    }

    /// On the same port, over what it held.
    pub fn start_again(&mut self) -> Result<()> {
        self.own = spawn(&self.program, &self.home, self.port, &self.entry)?;
        ensure!(self.own.is_some(), "somebody has taken the port of MinIO meanwhile");
        Ok(())
    }
}

impl Running for MinIo {
    fn env(&self) -> Vec<(String, String)> {
        let endpoint = ("RIG_S3_ENDPOINT".to_string(), self.endpoint());
        std::iter::once(endpoint).chain(aws_env()).collect()
    }
}

/// None if the port was taken meanwhile.
fn spawn(program: &Path, home: &Path, port: u16, entry: &Entry) -> Result<Option<Own>> {
    let mut minio = Command::new(program);
    minio.args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}"), "--certs-dir"]).arg(home.join("none"));
    minio.arg(home.join("data")).env_clear().current_dir(home).env("HOME", home).env("LANG", "C.UTF-8");
    minio.envs([("MINIO_BROWSER", "off"), ("MINIO_UPDATE", "off"), ("MINIO_REGION", REGION)]);
    minio.envs([("MINIO_ROOT_USER", KEY), ("MINIO_ROOT_PASSWORD", SECRET)]);
    let mut own = Own::spawn(&mut minio, home.join("log"), entry)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        if own.is_over()? {
            let said = own.log();
            ensure!(said.contains("in use"), "MinIO did not start:\n{said}");
            return Ok(None);
        }
        let says = |path: &str| http::ask(port, "GET", path, "", "").ok().map(|answer| answer.0);
        // A ready server may still say of its buckets that it is not initialized.
        if says("/minio/health/ready") == Some(200) && says("/").is_some_and(|status| status != 503) {
            return Ok(Some(own));
        }
        ensure!(Instant::now() < deadline, "MinIO is not ready:\n{}", own.log());
        thread::sleep(Duration::from_millis(50));
    }
}
