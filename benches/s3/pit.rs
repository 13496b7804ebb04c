//! s3-pit-restore, fetched for the time of the benchmark.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;
use rig::servers::moto::{self, KEY, REGION, SECRET};

use crate::WIDTH;
use crate::bucket::{Bucket, Server};
use crate::support::seconds;

const PACKAGE: &str = "s3-pit-restore==0.9";

pub struct Pit {
    python: PathBuf,
    program: PathBuf,
}

/// With the Python of the rig, which has its library.
pub fn install(folder: &Path) -> Result<Pit> {
    let (python, folder) = (moto::python()?, folder.join("pit"));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", PACKAGE, "--target"]);
    seconds(pip.arg(&folder))?;
    Ok(Pit { python, program: folder.join("bin/s3-pit-restore") })
}

impl Pit {
    pub fn restore(&self, server: &Server, bucket: &Bucket) -> Result<f64> {
        let mut command = Command::new(&self.python);
        command.arg(&self.program).args(["-b", &bucket.name, "-B", &bucket.name, "-t", &bucket.as_of.to_string()]);
        command.args(["--max-workers", &WIDTH.to_string()]).env("AWS_ENDPOINT_URL_S3", &server.endpoint);
        command.envs([("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET), ("AWS_DEFAULT_REGION", REGION)]);
        seconds(&mut command)
    }
}
