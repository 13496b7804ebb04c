//! One bucket, to look at.

use aws_sdk_s3::Client;
use aws_sdk_s3::types::{BucketVersioningStatus, EncodingType, ExpirationStatus, LifecycleRule};
use jiff::Timestamp;

use super::client;
use super::fault::{DENIED, UNKNOWN, of};
use super::flow::Flow;
use super::list::{Content, Objects, Page, Start, content, objects, page, time};
use super::place::Place;
use crate::model::{Fault, RetryClass};

pub struct Bucket {
    pub(super) client: Client,
    pub(super) name: String,
    said: String,
    flow: Flow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    Enabled,
    Suspended,
    Never,
}

/// What is current under a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Current {
    pub id: String,
    pub content: Content,
    /// When it was written, in whole seconds.
    pub time: Option<Timestamp>,
}

/// A rule that takes old versions away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    pub rule: String,
    pub days: u64,
}

impl Bucket {
    pub async fn open(place: &Place, flow: Flow) -> Result<Self, Fault> {
        let client = client::client(place).await?;
        Ok(Self { client, name: place.bucket.clone(), said: place.said(), flow })
    }

    /// What people call it.
    pub fn said(&self) -> &str {
        &self.said
    }

    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    pub async fn versioning(&self) -> Result<Versioning, Fault> {
        let answer = self.flow.again(|| async {
            match self.client.get_bucket_versioning().bucket(&self.name).send().await {
                Ok(answer) => Ok(versioning(answer.status().map(BucketVersioningStatus::as_str))),
                Err(error) => {
                    let body = error.raw_response().and_then(|answer| answer.body().bytes()).unwrap_or_default();
                    renamed(body).ok_or_else(|| of(&self.said, error))
                }
            }
        });
        match answer.await {
            // Without the call there are no versions either.
            Err(fault) if fault.code == UNKNOWN => Ok(Versioning::Never),
            answer => answer,
        }
    }

    /// Without versions there is nothing to bring back, and writing would destroy what is there.
    pub async fn keeps_versions(&self) -> Result<(), Fault> {
        let why = match self.versioning().await? {
            Versioning::Enabled => return Ok(()),
            Versioning::Suspended => "keeps no versions any more: versioning is suspended",
            Versioning::Never => "keeps no versions",
        };
        Err(Fault::new("RG2909", format!("{} {why}; nothing was changed", self.said)).hint(
            "look at the name. Older versions of a suspended bucket can be brought back once versioning is enabled again; a bucket \
             that never had it comes back only from a copy",
        ))
    }

    /// Without its last page a listing says nothing.
    pub fn broke_off(&self) -> Fault {
        Fault::new("RG2907", format!("the listing of {} broke off", self.said)).retry(RetryClass::Later)
    }

    /// The rules under which versions that are not the current one are taken away; none where nobody may say.
    pub async fn expiries(&self) -> Result<Option<Vec<Expiry>>, Fault> {
        let answer = self.flow.again(|| async {
            let call = self.client.get_bucket_lifecycle_configuration().bucket(&self.name);
            call.send().await.map_err(|e| of(&self.said, e))
        });
        match answer.await {
            Ok(answer) => Ok(Some(answer.rules().iter().filter_map(expiry).collect())),
            Err(fault) if fault.code == DENIED => Ok(None),
            // No rules are an error here, and not every server has any.
            Err(fault) if fault.retry == RetryClass::Never => Ok(Some(Vec::new())),
            Err(fault) => Err(fault),
        }
    }

    /// Up to 1,000 versions and markers.
    pub async fn versions(&self, prefix: &str, start: &Start) -> Result<Page, Fault> {
        let answer = self.flow.again(|| async {
            let call = self.client.list_object_versions().bucket(&self.name).prefix(prefix);
            let call = call.encoding_type(EncodingType::Url);
            let call = call.set_key_marker(start.key.clone()).set_version_id_marker(start.version.clone());
            call.send().await.map_err(|e| of(&self.said, e))
        });
        let page = page(answer.await?).ok_or_else(|| {
            Fault::new("RG2907", format!("{} lists versions without their key or time", self.said))
                .hint("this server's listing cannot be relied on")
        })?;
        for entries in [&page.versions, &page.markers] {
            // What is known of a key is complete when the next one comes.
            if !entries.is_sorted_by(|one, other| one.key.as_bytes() <= other.key.as_bytes()) {
                return Err(self.out_of_order());
            }
        }
        Ok(page)
    }

    fn out_of_order(&self) -> Fault {
        Fault::new("RG2907", format!("{} does not list keys in their order", self.said))
            .hint("this server's listing cannot be relied on")
    }

    /// Up to 1,000 objects behind that key.
    pub async fn objects(&self, prefix: &str, after: Option<&str>) -> Result<Objects, Fault> {
        let answer = self.flow.again(|| async {
            let call = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
            let call = call.encoding_type(EncodingType::Url).set_start_after(after.map(str::to_owned));
            call.send().await.map_err(|e| of(&self.said, e))
        });
        let page = objects(&answer.await?).ok_or_else(|| {
            Fault::new("RG2907", format!("{} lists objects without their key or time", self.said))
                .hint("this server's listing cannot be relied on")
        })?;
        if page.more && page.objects.is_empty() {
            return Err(self.broke_off().hint("this server says that more follows, and gives nothing"));
        }
        let mut last = after;
        for object in &page.objects {
            // Whoever goes on behind a key, or holds two listings side by side, relies on it.
            if last.is_some_and(|last| last.as_bytes() >= object.key.as_bytes()) {
                return Err(self.out_of_order());
            }
            last = Some(&object.key);
        }
        Ok(page)
    }

    /// How many objects there are now, and how large they are together.
    pub async fn count(&self, prefix: &str) -> Result<(u64, u64), Fault> {
        let (mut count, mut bytes, mut after) = (0, 0, None);
        loop {
            let page = self.objects(prefix, after.as_deref()).await?;
            count += page.objects.len() as u64;
            bytes += page.objects.iter().map(|it| it.content.size).sum::<u64>();
            if !page.more {
                return Ok((count, bytes));
            }
            after = page.objects.last().map(|it| it.key.clone());
        }
    }

    /// What is current under that key; none if nothing is.
    pub async fn current(&self, key: &str) -> Result<Option<Current>, Fault> {
        let answer = self.flow.again(|| async {
            match self.client.head_object().bucket(&self.name).key(key).send().await {
                Ok(head) => Ok(Some(Current {
                    id: head.version_id().unwrap_or("null").to_owned(),
                    content: content(
                        head.e_tag(),
                        head.content_length(),
                        head.storage_class().map(|class| class.as_str()),
                    ),
                    time: head.last_modified().and_then(time),
                })),
                Err(error) if error.raw_response().is_some_and(|answer| answer.status().as_u16() == 404) => Ok(None),
                Err(error) => Err(of(&self.said, error)),
            }
        });
        answer.await
    }

    /// What was read of an object broke off.
    pub(super) fn lost(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        Fault::new("RG2902", format!("{} broke off within an object", self.said))
            .retry(RetryClass::Later)
            .caused_by(error)
    }

    /// A bucket that was made anew since is another one, whatever its name says. `then`: when it was made, as far as that was
    /// known.
    pub async fn is_still(&self, then: Option<Timestamp>) -> Result<(), Fault> {
        let (Some(then), Some(now)) = (then, self.made().await?) else { return Ok(()) };
        if then == now {
            return Ok(());
        }
        let what =
            format!("{} is another one than when this step was prepared: made at {now}, not at {then}", self.said);
        Err(Fault::new("RG2916", what).hint(
            "look who made it anew, or changed its policy; if it is the right one, `regrow rerun STEP --because WHY`",
        ))
    }

    /// When the bucket was made: what tells it from another one of its name. None where nobody may say.
    pub async fn made(&self) -> Result<Option<Timestamp>, Fault> {
        let answer = self.flow.again(|| async {
            self.client.list_buckets().prefix(&self.name).send().await.map_err(|e| of(&self.said, e))
        });
        match answer.await {
            Ok(answer) => {
                let this = answer.buckets().iter().find(|bucket| bucket.name() == Some(&self.name));
                Ok(this.and_then(|bucket| time(bucket.creation_date()?)))
            }
            Err(fault) if fault.retry == RetryClass::Never => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

fn versioning(status: Option<&str>) -> Versioning {
    match status {
        Some("Enabled") => Versioning::Enabled,
        Some(_) => Versioning::Suspended,
        None => Versioning::Never,
    }
}

/// What the answer says whose root has the name that another client calls for: there are servers that write it, and the
/// client takes none of it.
fn renamed(body: &[u8]) -> Option<Versioning> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, inner) = body.split_once("<GetBucketVersioningResponse")?;
    let status =
        inner.split_once("<Status>").and_then(|(_, rest)| rest.split_once('<')).map(|(status, _)| status.trim());
    Some(versioning(status))
}

fn expiry(rule: &LifecycleRule) -> Option<Expiry> {
    let days = rule.noncurrent_version_expiration()?.noncurrent_days()?;
    let is_on = *rule.status() == ExpirationStatus::Enabled;
    is_on.then(|| Expiry {
        rule: rule.id().unwrap_or("without a name").to_owned(),
        days: u64::try_from(days).unwrap_or(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_whose_root_is_called_otherwise_is_read() {
        let answer = |inner: &str| {
            format!(
                "<?xml version=\"1.0\"?><GetBucketVersioningResponse xmlns=\"x\">{inner}</GetBucketVersioningResponse>"
            )
        };
        let of = |inner: &str| renamed(answer(inner).as_bytes());
        assert_eq!(of("<Status>Enabled</Status>"), Some(Versioning::Enabled));
        assert_eq!(of("<Status>Suspended</Status>"), Some(Versioning::Suspended));
        assert_eq!(of(""), Some(Versioning::Never));
        assert_eq!(renamed(b"<Error><Code>AccessDenied</Code></Error>"), None);
    }
}
