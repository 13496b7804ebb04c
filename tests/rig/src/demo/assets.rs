//! What users uploaded and see: a bucket that is gone, and its copy on another server of S3.

use anyhow::Result;

use super::tell::{Ending, number};
use crate::scratch::Scratch;
use crate::servers::MinIo;
use crate::servers::moto::{KEY, SECRET};
use crate::servers::objects::client;

const COPY: &str = "assets-copy";
const NEW: &str = "assets";
const COUNT: &str = "400";

pub struct Assets {
    elsewhere: MinIo,
    /// As somebody independent sees it.
    manifest: String,
}

impl Assets {
    /// The copy, which a job has made elsewhere.
    pub fn open(scratch: &Scratch) -> Result<Assets> {
        let elsewhere = MinIo::start(scratch)?;
        client(&elsewhere.endpoint(), "make", COPY, &[COUNT])?;
        let manifest = client(&elsewhere.endpoint(), "manifest", COPY, &[])?;
        Ok(Assets { elsewhere, manifest })
    }

    pub fn count(&self) -> usize {
        self.manifest.lines().count()
    }

    /// The server on which copies and backups are kept.
    pub fn elsewhere(&self) -> &MinIo {
        &self.elsewhere
    }

    /// A new server, with an empty bucket.
    pub fn new_place(scratch: &Scratch) -> Result<MinIo> {
        let new = MinIo::start(scratch)?;
        client(&new.endpoint(), "kept", NEW, &[])?;
        Ok(new)
    }

    /// The bucket of a platform that nothing happened to. It holds other objects than the copy, so that a write is seen.
    pub fn in_use(scratch: &Scratch) -> Result<MinIo> {
        let server = MinIo::start(scratch)?;
        client(&server.endpoint(), "make", NEW, &["20"])?;
        Ok(server)
    }

    /// Every version that the bucket in use holds.
    pub fn everything(server: &MinIo) -> Result<String> {
        client(&server.endpoint(), "versions", NEW, &[])
    }

    pub fn params(&self, new: &MinIo) -> [(&'static str, String); 4] {
        [
            ("assets", NEW.into()),
            ("assets_endpoint", new.endpoint()),
            ("assets_copy", COPY.into()),
            ("assets_copy_endpoint", self.elsewhere.endpoint()),
        ]
    }

    pub fn secrets() -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", KEY.into()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.into()),
            ("COPY_AWS_ACCESS_KEY_ID", KEY.into()),
            ("COPY_AWS_SECRET_ACCESS_KEY", SECRET.into()),
        ]
    }

    pub fn tell(&self, new: &MinIo, ending: &mut Ending) -> Result<()> {
        let now = client(&new.endpoint(), "manifest", NEW, &[])?;
        ending.say("objects", format!("{} of {} in the new bucket", number(now.lines().count()), number(self.count())));
        ending.must(now == self.manifest, "the objects are not those of the copy");
        Ok(())
    }
}
