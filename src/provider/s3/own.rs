//! A bucket that a step makes for itself: in the place of one that is gone, or beside production.
//!
//! The story: that it is going to be made is noted, then it is made, then it gets a tag with the name of the operation. By
//! that tag it is known from then on. Whoever dies between the last two leaves a bucket without a tag: it is ours if the note
//! is there, and the bucket came when the note did, has no tag at all, and holds nothing.
//!
//! Promises: nothing is written to or taken out of a bucket that is not this operation's; it is taken away with its tag last,
//! so that it is known as ours wherever that was cut off.

use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, Tag, Tagging};
use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bucket::Bucket;
use super::client::ANY_REGION;
use super::fault::of;
use super::list::Start;
use super::place::{Place, parallel};
use super::progress::unkept;
use super::together::together;
use super::write::{DELETED_AT_ONCE, Writer};
use crate::kind::{Made, Op, ReadCx, WriteCx, kept};
use crate::model::ledger::LedgerEntry;
use crate::model::{Fault, OpId, RetryClass};

const TAG: &str = "regrow.dev/operation";
/// Holds when the bucket was going to be made.
const NOTE: &str = "bucket";
/// A server does not listen to clocks that are further from its own.
const APART: SignedDuration = SignedDuration::from_mins(15);
#[derive(Debug, PartialEq, Eq)]
enum Whose {
    /// There is none of that name.
    Nobodys,
    Ours,
    /// Ours, and its maker died before it was tagged.
    Unmarked,
    Others,
}

/// What the ledger keeps of it.
#[derive(Serialize, Deserialize)]
struct Details {
    op: OpId,
    bucket: String,
    endpoint: Option<String>,
    region: Option<String>,
}

/// As it stands in the ledger before it is made.
pub fn made(op: &OpId, place: &Place) -> Made {
    let details = json!({ "op": op, "bucket": place.bucket, "endpoint": place.endpoint, "region": place.region });
    Made { kind: "s3 bucket".to_owned(), id: place.address(), scratch: false, details }
}

/// Takes it away with all that is in it. `with`: where the step that made it was to go, and as whom.
pub async fn remove(cx: &WriteCx, entry: &LedgerEntry, with: Option<Place>) -> Result<(), Fault> {
    let left = |why: &str| {
        Fault::new("RG2918", format!("{} is not taken away: {why}", entry.what()))
            .hint("look at it, and take it away by hand if it is to go")
    };
    let details: Details = serde_json::from_value(entry.details.clone())
        .map_err(|error| left("the ledger does not say whose it is").caused_by(&error))?;
    let with = with.ok_or_else(|| left("its step is to be done anew, and nobody knows the keys before that"))?;
    let Details { op, bucket, endpoint, region } = details;
    let bucket = Writer::open(cx, &Place { bucket, endpoint, region, ..with }, parallel()).await?;
    loop {
        match bucket.whose(cx, &op).await? {
            Whose::Nobodys => return Ok(()),
            Whose::Others => return Err(left("it is not what this run made")),
            Whose::Ours | Whose::Unmarked => {}
        }
        let page = bucket.versions("", &Start::default()).await?;
        let all = page.versions.into_iter().chain(page.markers);
        let all: Vec<_> = all.map(|entry| (entry.key, Some(entry.id))).collect();
        if all.is_empty() {
            return bucket.flow().again(|| bucket.take_away()).await;
        }
        bucket.empty(&all).await?;
    }
}

impl Bucket {
    /// Whether it is there already, made by this operation. One that is others' is refused.
    pub async fn is_made(&self, cx: &ReadCx, op: &OpId) -> Result<bool, Fault> {
        match self.whose(cx, op).await? {
            Whose::Nobodys => Ok(false),
            Whose::Ours | Whose::Unmarked => Ok(true),
            Whose::Others => Err(self.is_others()),
        }
    }

    async fn whose(&self, cx: &ReadCx, op: &OpId) -> Result<Whose, Fault> {
        let Some(tags) = self.tags().await? else { return Ok(Whose::Nobodys) };
        let noted: Option<Timestamp> = kept::read_of(cx, op, NOTE).map_err(|error| unkept().caused_by(&error))?;
        // Another run may have the same name, with its state in another folder.
        let Some(noted) = noted else { return Ok(Whose::Others) };
        if tags.iter().any(|tag| tag.key() == TAG && tag.value() == value(op)) {
            return Ok(Whose::Ours);
        }
        let is_unmarked = tags.is_empty() && self.is_unmarked(noted).await?;
        Ok(if is_unmarked { Whose::Unmarked } else { Whose::Others })
    }

    /// Where nobody says when it was made, it may as well be somebody else's: a person has to look.
    async fn is_unmarked(&self, noted: Timestamp) -> Result<bool, Fault> {
        let page = self.versions("", &Start::default()).await?;
        let holds_nothing = page.versions.is_empty() && page.markers.is_empty();
        Ok(holds_nothing && self.made().await?.is_some_and(|made| made.duration_since(noted).abs() <= APART))
    }

    /// None where there is no such bucket.
    async fn tags(&self) -> Result<Option<Vec<Tag>>, Fault> {
        let answer = self.flow().again(|| async {
            match self.client.get_bucket_tagging().bucket(&self.name).send().await {
                Ok(answer) => Ok(Some(answer.tag_set)),
                Err(error) => match error.code() {
                    Some("NoSuchBucket") => Ok(None),
                    // Some servers say so of buckets that are not there.
                    Some("NoSuchTagSet" | "NoSuchTagSetError") => Ok(self.is_there().await?.then(Vec::new)),
                    _ => Err(self.refused(error)),
                },
            }
        });
        answer.await
    }

    async fn is_there(&self) -> Result<bool, Fault> {
        match self.client.head_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(true),
            Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => Ok(false),
            Err(error) => Err(self.refused(error)),
        }
    }

    fn is_others(&self) -> Fault {
        let what =
            format!("{} is there already, and this step did not make it; nothing was written to it", self.said());
        Fault::new("RG2917", what).hint(
            "look whose it is; name another bucket, or take that one away if nobody needs it. A drill names it by its run: begin \
             another one",
        )
    }

    /// Of a call that makes it, or asks whose it is.
    fn refused<E>(&self, error: SdkError<E, HttpResponse>) -> Fault
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if matches!(error.code(), Some("NotImplemented" | "MethodNotAllowed")) {
            let what = format!("the server of {} keeps no tags of buckets: none could be known as ours", self.said());
            return Fault::new("RG2920", what)
                .hint("make the bucket by hand and copy into it; in a drill, `drill: plan` on the step only looks");
        }
        let fault = of(self.said(), error);
        if fault.code != "RG2903" {
            return fault;
        }
        fault.hint(
            "these keys need leave to make, tag and delete a bucket, or somebody else has one of that name; in a drill, \
             `drill: plan` on the step only looks",
        )
    }
}

impl Writer {
    /// Makes it, unless this operation has. Whether it is new: then it is empty.
    pub async fn make<P, Q>(&self, cx: &WriteCx, op: &Op<P, Q>, place: &Place) -> Result<bool, Fault> {
        let is_new = AtomicBool::new(false);
        let made = self.flow().again(|| async {
            match self.whose(cx, &op.id).await? {
                Whose::Ours => return Ok(()),
                Whose::Others => return Err(self.is_others()),
                Whose::Nobodys => {
                    kept::write(cx, op, NOTE, &Timestamp::now()).map_err(|error| unkept().caused_by(&error))?;
                    self.create(place).await?;
                }
                Whose::Unmarked => self.mark(&op.id).await?,
            }
            is_new.store(true, Ordering::Relaxed);
            // Looked at once more: a server may take a while to say what it has, and another one may have come first.
            Err(Fault::new("RG2907", format!("{} was made, and is not seen", self.said())).retry(RetryClass::Later))
        });
        made.await?;
        Ok(is_new.into_inner())
    }

    async fn create(&self, place: &Place) -> Result<(), Fault> {
        let region = self.client.config().region().map(|region| region.as_ref());
        let location = location(place, region).map(|region| {
            CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build()
        });
        let call = self.client.create_bucket().bucket(&self.name).set_create_bucket_configuration(location);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                // Which of us made it is seen next.
                Some("BucketAlreadyOwnedByYou") => Ok(()),
                Some("BucketAlreadyExists") => Err(self.is_others()),
                _ => Err(self.refused(error)),
            },
        }
    }

    async fn mark(&self, op: &OpId) -> Result<(), Fault> {
        let broken = |error: aws_sdk_s3::error::BuildError| Fault::new("RG2907", "no tag").caused_by(&error);
        let tag = Tag::builder().key(TAG).value(value(op)).build().map_err(broken)?;
        let tags = Tagging::builder().tag_set(tag).build().map_err(broken)?;
        let call = self.client.put_bucket_tagging().bucket(&self.name).tagging(tags);
        call.send().await.map(|_| ()).map_err(|error| self.refused(error))
    }

    async fn empty(&self, what: &[(String, Option<String>)]) -> Result<(), Fault> {
        let parts = what.chunks(DELETED_AT_ONCE);
        let jobs = parts.map(|part| -> BoxFuture<'_, _> { Box::pin(self.flow().again(|| self.delete_all(part))) });
        together(self.flow(), jobs.collect()).await
    }

    async fn delete_all(&self, what: &[(String, Option<String>)]) -> Result<(), Fault> {
        match self.delete(what).await?.into_iter().next() {
            None => Ok(()),
            Some((key, mut fault)) => {
                fault.causes.push(format!("it holds {key}"));
                Err(fault)
            }
        }
    }

    async fn take_away(&self) -> Result<(), Fault> {
        match self.client.delete_bucket().bucket(&self.name).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("NoSuchBucket") => Ok(()),
            Err(error) => Err(of(self.said(), error)),
        }
    }
}

/// Where a bucket is to lie, for servers that want to be told.
fn location<'a>(place: &Place, region: Option<&'a str>) -> Option<&'a str> {
    let counts = place.endpoint.is_none() || place.region.is_some();
    region.filter(|region| counts && *region != ANY_REGION)
}

/// What the tag holds: what servers take of the operation's name, and what tells it from others.
fn value(op: &OpId) -> String {
    let is_taken = |c: &char| c.is_ascii_alphanumeric() || "+-=._:/@".contains(*c);
    let name: String = op.as_str().chars().filter(is_taken).take(200).collect();
    format!("{name}.{}", op.short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Address;

    #[test]
    fn a_tag_is_such_as_servers_take_and_of_one_operation_alone() {
        let run = "7qk2".parse().unwrap();
        let of = |step: &str| value(&OpId::new(&run, &step.parse::<Address>().unwrap(), 1));
        assert!(of("block/assets").starts_with("7qk2.block/assets.1."));
        assert_ne!(of("each:a#b"), of("each:ab"));
        let long = of(&format!("each:{}", "ä€".repeat(300)));
        assert!(long.is_ascii() && long.len() <= 256, "{long}");
    }

    #[test]
    fn a_server_is_told_where_the_bucket_lies_only_where_that_is_known() {
        let place = |text: &str| serde_json::from_str::<Place>(text).unwrap();
        let aws = place(r#"{"bucket": "a"}"#);
        assert_eq!(location(&aws, Some("eu-central-1")), Some("eu-central-1"));
        assert_eq!(location(&aws, Some("us-east-1")), None);
        let other = place(r#"{"bucket": "a", "endpoint": "https://fra1.example"}"#);
        assert_eq!(location(&other, Some("us-east-1")), None);
        let told = place(r#"{"bucket": "a", "endpoint": "https://fra1.example", "region": "fra1"}"#);
        assert_eq!(location(&told, Some("fra1")), Some("fra1"));
    }
}
