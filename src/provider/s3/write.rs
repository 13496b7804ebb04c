//! One bucket, to change. Every call here is made once: whoever calls decides what becomes of an answer that was lost.

use std::future::Future;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier, StorageClass, TaggingDirective};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};

use super::bucket::Bucket;
use super::fault::{BUSY, UNKNOWN, of, refused};
use super::flow::Flow;
use super::list::{Content, encode};
use super::place::Place;
use crate::kind::WriteCx;
use crate::model::{Fault, RetryClass};

/// In one call: a server deletes one after the other, so more of them are no gain.
pub const DELETED_AT_ONCE: usize = 250;
/// So many calls at once where no list is taken.
const ONE_BY_ONE: usize = 8;

pub struct Writer {
    bucket: Bucket,
    /// Copies are asked for only where nothing is.
    guards: AtomicBool,
}

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
        let bucket = Bucket::open(place, Flow::of_work(most)).await?;
        Ok(Self { bucket, guards: AtomicBool::new(false) })
    }

    /// What somebody else wrote under a key meanwhile stays: a copy of ours is refused there.
    pub fn guarding(mut self) -> Self {
        self.guards = AtomicBool::new(true);
        self
    }

    /// Whether the server still is asked for that: not where it has said that it cannot.
    pub fn guards(&self) -> bool {
        self.guards.load(Ordering::Relaxed)
    }

    /// `call` is given what it may find there.
    pub(super) async fn guarded<T, F>(&self, call: impl Fn(Option<String>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        if !self.guards() {
            return call(None).await;
        }
        match call(Some("*".to_owned())).await {
            Err(fault) if fault.code == UNKNOWN => {
                let made = call(None).await?;
                self.guards.store(false, Ordering::Relaxed);
                Ok(made)
            }
            answer => answer,
        }
    }

    /// Makes it the current version of that key, with its metadata, tags and storage class. For what is no larger than
    /// [`super::LARGEST_COPY`]. Returns the ETag of the copy.
    pub async fn copy(&self, key: &str, from: &Origin<'_>, by: By) -> Result<String, Fault> {
        let copied = self.guarded(|only| async move {
            match by {
                By::Us => self.pass(key, from, only).await,
                By::Server => self.copy_there(key, from, only).await,
            }
        });
        copied.await
    }

    async fn copy_there(&self, key: &str, from: &Origin<'_>, only: Option<String>) -> Result<String, Fault> {
        let call = self.client.copy_object().bucket(&self.name).key(key).copy_source(from.path());
        let call = call.metadata_directive(MetadataDirective::Copy).tagging_directive(TaggingDirective::Copy);
        let call = call.set_copy_source_if_match(from.only_if()).set_if_none_match(only);
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
        let (listed, mut singly): (Vec<_>, Vec<_>) = what.iter().cloned().partition(|(key, _)| fits_a_list(key));
        let mut left = Vec::new();
        if !listed.is_empty() {
            match self.delete_listed(&listed).await {
                Ok(refused) => left = refused,
                // It does not take such a list, or not with this in it. If it is no matter of the list, each key says so.
                Err(fault) if ["RG2907", UNKNOWN].contains(&fault.code.as_str()) => singly.extend(listed),
                Err(fault) => return Err(fault),
            }
        }
        let each = singly.into_iter().map(|what| -> BoxFuture<'_, _> { Box::pin(self.delete_one(what)) });
        let each: Vec<_> = stream::iter(each.collect::<Vec<_>>()).buffered(ONE_BY_ONE).collect().await;
        left.extend(each.into_iter().flatten());
        Ok(left)
    }

    async fn delete_one(&self, (key, id): (String, Option<String>)) -> Option<(String, Fault)> {
        let call = self.client.delete_object().bucket(&self.name).key(&key).set_version_id(id);
        let answer = call.send().await.map_err(|error| of(self.said(), error));
        answer.err().map(|fault| (key, fault))
    }

    async fn delete_listed(&self, what: &[(String, Option<String>)]) -> Result<Vec<(String, Fault)>, Fault> {
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
        &self.bucket
    }
}

/// A list is XML, which has no way to write some characters that a key may hold.
fn fits_a_list(key: &str) -> bool {
    !key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}
