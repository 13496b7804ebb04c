//! One bucket, to change. Every call here is made once: whoever calls decides what becomes of an answer that was lost.

use std::ops::Deref;

use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier, StorageClass, TaggingDirective};

use super::bucket::Bucket;
use super::fault::{BUSY, of, refused};
use super::flow::Flow;
use super::list::{Content, encode};
use super::place::Place;
use crate::kind::WriteCx;
use crate::model::{Fault, RetryClass};

/// In one call: a server deletes one after the other, so more of them are no gain.
pub const DELETED_AT_ONCE: usize = 250;

pub struct Writer(Bucket);

/// A version that is copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub key: String,
    pub id: String,
    pub content: Content,
}

impl Source {
    pub fn of<'a>(&'a self, bucket: &'a Bucket) -> Origin<'a> {
        Origin { bucket, key: &self.key, id: Some(&self.id), content: &self.content }
    }
}

/// From where a copy is made.
#[derive(Clone, Copy)]
pub struct Origin<'a> {
    pub bucket: &'a Bucket,
    pub key: &'a str,
    /// A version of it. None: what is current, as long as that is what was listed.
    pub id: Option<&'a str>,
    pub content: &'a Content,
}

impl Origin<'_> {
    pub(super) fn path(&self) -> String {
        let (bucket, key) = (encode(&self.bucket.name), encode(self.key));
        match self.id {
            Some(id) => format!("{bucket}/{key}?versionId={id}"),
            None => format!("{bucket}/{key}"),
        }
    }

    /// Where only what is current can be named: the ETag that it must have.
    pub(super) fn only_if(&self) -> Option<String> {
        self.id.is_none().then(|| format!("\"{}\"", self.content.etag))
    }
}

/// Through whom the bytes of a copy go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The server copies by itself.
    Server,
    /// They are read from the one and written to the other.
    Us,
}

impl Writer {
    /// With leave to act, so many calls at once.
    pub async fn open(_: &WriteCx, place: &Place, most: usize) -> Result<Self, Fault> {
        Bucket::open(place, Flow::of_work(most)).await.map(Writer)
    }

    /// Makes it the current version of that key, with its metadata, tags and storage class. For what is no larger than
    /// [`super::LARGEST_COPY`]. Returns the ETag of the copy.
    pub async fn copy(&self, key: &str, from: &Origin<'_>, by: By) -> Result<String, Fault> {
        if by == By::Us {
            return self.pass(key, from).await;
        }
        let call = self.client.copy_object().bucket(&self.name).key(key).copy_source(from.path());
        let call = call.metadata_directive(MetadataDirective::Copy).tagging_directive(TaggingDirective::Copy);
        let call = call.set_copy_source_if_match(from.only_if());
        let answer = call.storage_class(StorageClass::from(from.content.class.as_str())).send().await;
        let answer = answer.map_err(|error| of(self.said(), error))?;
        // An error may stand in an answer of 200 in a form that the client does not know as one.
        match answer.copy_object_result().and_then(|result| result.e_tag()) {
            Some(etag) => Ok(etag.trim_matches('"').to_owned()),
            None => {
                Err(Fault::new(BUSY, format!("{} says of a copy neither yes nor no", self.said()))
                    .retry(RetryClass::Later))
            }
        }
    }

    /// Takes these away: a version or marker for good where its id is given, else by a marker on top. Up to 1,000; returns
    /// those that the server did not take away, with its reasons.
    pub async fn delete(&self, what: &[(String, Option<String>)]) -> Result<Vec<(String, Fault)>, Fault> {
        let broken = |error: aws_sdk_s3::error::BuildError| Fault::new("RG2907", "no list of keys").caused_by(&error);
        let each = what.iter().map(|(key, id)| ObjectIdentifier::builder().key(key).set_version_id(id.clone()).build());
        let list = each.collect::<Result<Vec<_>, _>>().map_err(broken)?;
        let list = Delete::builder().set_objects(Some(list)).quiet(true).build().map_err(broken)?;
        let answer = self.client.delete_objects().bucket(&self.name).delete(list).send().await;
        let answer = answer.map_err(|error| of(self.said(), error))?;
        let left = answer.errors().iter().map(|error| {
            let said = error.message().unwrap_or_default();
            (
                error.key().unwrap_or_default().to_owned(),
                refused(self.said(), 0, error.code().unwrap_or_default(), said),
            )
        });
        Ok(left.collect())
    }
}

impl Deref for Writer {
    type Target = Bucket;

    fn deref(&self) -> &Bucket {
        &self.0
    }
}
