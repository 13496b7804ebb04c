//! A client of S3 that has nothing of regrow: it makes histories in buckets, and says what is in them. Its words stand in its file.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::moto;

/// What it says. Keys and secret are those of every server here.
pub fn client(endpoint: &str, word: &str, bucket: &str, more: &[&str]) -> Result<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/servers/objects.py");
    let mut command = Command::new(moto::python()?);
    command.args([script, endpoint, word, bucket]).args(more).env_clear().env("LANG", "C.UTF-8");
    let output = command.output().context("cannot run the client of S3")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}
