//! What users uploaded: a bucket that keeps versions, of which a part is deleted and overwritten.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use super::tell::{Ending, number};
use crate::scratch::Scratch;
use crate::servers::MinIo;
use crate::servers::moto::{KEY, SECRET};
use crate::servers::objects::client;

const BUCKET: &str = "media";
/// A bucket of the same server that nobody hurts.
const OTHER: &str = "exports";
const COUNT: &str = "200";

pub struct Media {
    server: MinIo,
}

/// Buckets as a client that has nothing of regrow saw them.
pub struct Before {
    manifest: String,
    other: String,
    /// How many versions each key has once all that has to be copied was copied once.
    wanted: String,
    pub before: usize,
    pub hurt: usize,
}

impl Media {
    pub fn open(scratch: &Scratch) -> Result<Media> {
        let server = MinIo::start(scratch)?;
        client(&server.endpoint(), "make", BUCKET, &[COUNT])?;
        client(&server.endpoint(), "make", OTHER, &["20"])?;
        Ok(Media { server })
    }

    pub fn server(&self) -> &MinIo {
        &self.server
    }

    /// Later than the moment before, by more than the second that times of S3 are told in.
    pub fn strike(&self, as_of: &str) -> Result<Before> {
        let (manifest, other) = (self.said("manifest", BUCKET, &[])?, self.said("versions", OTHER, &[])?);
        thread::sleep(Duration::from_millis(1100));
        self.said("disaster", BUCKET, &[])?;
        let wanted = self.said("wanted", BUCKET, &[as_of])?;
        let now = self.said("manifest", BUCKET, &[])?;
        let hurt = manifest.lines().filter(|line| !now.lines().any(|left| left == *line)).count();
        Ok(Before { before: manifest.lines().count(), hurt, manifest, other, wanted })
    }

    pub fn params(&self) -> [(&'static str, String); 2] {
        [("bucket", BUCKET.into()), ("s3_endpoint", self.server.endpoint())]
    }

    pub fn secrets() -> [(&'static str, String); 2] {
        [("AWS_ACCESS_KEY_ID", KEY.into()), ("AWS_SECRET_ACCESS_KEY", SECRET.into())]
    }

    /// Every object that was there is what it was, and only what was hurt has a new version.
    pub fn tell(&self, before: &Before, ending: &mut Ending) -> Result<()> {
        let now = self.said("manifest", BUCKET, &[])?;
        let back = before.manifest.lines().filter(|line| now.lines().any(|there| there == *line)).count();
        ending.say("objects", format!("{} of {} are what they were", number(back), number(before.before)));
        ending.must(back == before.before, "an object of the bucket is not what it was");
        let versions = self.said("versions", BUCKET, &[])?;
        ending
            .must(versions == before.wanted, "an object that was well has a new version, or one that was not has none");
        let other = self.said("versions", OTHER, &[])?;
        ending.say("untouched", format!("{OTHER:<12} {} objects of the other bucket", number(other.lines().count())));
        ending.must(other == before.other, "the other bucket was not left alone");
        Ok(())
    }

    fn said(&self, word: &str, bucket: &str, more: &[&str]) -> Result<String> {
        client(&self.server.endpoint(), word, bucket, more)
            .with_context(|| format!("the client cannot {word} {bucket}"))
    }
}
