//! A copy in parts, of what is too large for one call. Unlike that, it begins with nothing: everything that belongs to the
//! object is read from the version and sent along.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass};

use super::fault::{UNKNOWN, of};
use super::pass::like;
use super::write::{By, Origin, Writer};
use crate::model::Fault;

/// Of one call.
pub const LARGEST_COPY: u64 = 5 << 30;
/// How large parts are, unless there would be too many.
pub const PART: u64 = 256 << 20;
const MOST_PARTS: u64 = 10_000;
/// Of all parts but the last.
const LEAST_PART: u64 = 5 << 20;

/// How large each part is.
pub fn cut(size: u64, part: u64) -> Vec<u64> {
    let part = part.max(size.div_ceil(MOST_PARTS)).max(1);
    (0..size.div_ceil(part)).map(|at| part.min(size - at * part)).collect()
}

impl Origin<'_> {
    /// The parts in which it was uploaded, where that is so and the server tells: a copy in the same parts has the same ETag.
    pub async fn parts(&self) -> Result<Option<Vec<u64>>, Fault> {
        let count = self.content.etag.split_once('-').and_then(|(_, count)| count.parse::<u64>().ok());
        let Some(count) = count.filter(|count| (1..=MOST_PARTS).contains(count)) else { return Ok(None) };
        let head = self.bucket.client.head_object().bucket(&self.bucket.name).key(self.key).part_number(1);
        let head = head.set_version_id(self.id.map(str::to_owned)).set_if_match(self.only_if()).send().await;
        let head = match head.map_err(|error| of(self.bucket.said(), error)) {
            Ok(head) => head,
            Err(fault) if fault.code == UNKNOWN => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let first = head.content_length().and_then(|size| u64::try_from(size).ok()).unwrap_or(0);
        let is_known = first > 0 && (count == 1 || first >= LEAST_PART);
        Ok(is_known.then(|| cut(self.content.size, first)).filter(|parts| parts.len() as u64 == count))
    }
}

impl Writer {
    /// As [`Writer::copy`], in parts of these sizes. What was begun and does not come to its end is given up, so that nobody
    /// pays for its parts. `done` is told the bytes of each part.
    pub async fn copy_in_parts(
        &self,
        key: &str,
        from: &Origin<'_>,
        by: By,
        parts: &[u64],
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<String, Fault> {
        let id = from.id.map(str::to_owned);
        let head = from.bucket.client.head_object().bucket(&from.bucket.name).key(from.key).set_version_id(id);
        let head = head.set_if_match(from.only_if()).send().await;
        let head = head.map_err(|error| of(from.bucket.said(), error))?;
        let tags = from.tags().await?;
        let begin = self.client.create_multipart_upload().bucket(&self.name).key(key);
        let begin = begin.storage_class(StorageClass::from(from.content.class.as_str()));
        let begun = like!(begin, head, tags).send().await.map_err(|error| of(self.said(), error))?;
        let upload = begun.upload_id().unwrap_or_default();
        let copied = self.copy_parts(key, from, by, upload, parts, done).await;
        if copied.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
            // The first failure is the one to tell; a server that is gone keeps the parts until its rules take them.
            let _ = abort.send().await;
        }
        copied
    }

    async fn copy_parts(
        &self,
        key: &str,
        from: &Origin<'_>,
        by: By,
        upload: &str,
        parts: &[u64],
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<String, Fault> {
        let (mut copied, mut start) = (Vec::new(), 0);
        for (number, size) in (1..).zip(parts) {
            let range = format!("bytes={start}-{}", start + size - 1);
            let tag = self.flow().again(|| async {
                match by {
                    By::Server => {
                        let call = self.client.upload_part_copy().bucket(&self.name).key(key).upload_id(upload);
                        let call = call.part_number(number).copy_source(from.path()).copy_source_range(range.clone());
                        let answer = call.set_copy_source_if_match(from.only_if()).send().await;
                        let answer = answer.map_err(|error| of(self.said(), error))?;
                        Ok(answer.copy_part_result().and_then(|result| result.e_tag().map(str::to_owned)))
                    }
                    By::Us => self.pass_part(key, from, upload, number, &range).await,
                }
            });
            copied.push(CompletedPart::builder().part_number(number).set_e_tag(tag.await?).build());
            done(*size);
            start += size;
        }
        let whole = CompletedMultipartUpload::builder().set_parts(Some(copied)).build();
        let whole = &whole;
        let answer = self.guarded(|only| async move {
            let call = self.client.complete_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
            let call = call.multipart_upload(whole.clone()).set_if_none_match(only);
            call.send().await.map_err(|error| of(self.said(), error))
        });
        Ok(answer.await?.e_tag().unwrap_or_default().trim_matches('"').to_owned())
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    use rig::servers::{MinIo, moto};

    use super::*;
    use crate::kind::{ReadCx, WriteCx};
    use crate::model::record::Mode;
    use crate::provider::s3::{Bucket, Flow, Place, Source, Start};

    /// As AWS has it: 10,000 parts of 5 GiB.
    const LARGEST: u64 = MOST_PARTS * LARGEST_COPY;

    #[track_caller]
    fn is_taken(size: u64, part: u64) {
        let parts = cut(size, part);
        assert_eq!(parts.iter().sum::<u64>(), size, "{size}");
        assert!(parts.len() as u64 <= MOST_PARTS, "{size}: {} parts", parts.len());
        let (last, others) = parts.split_last().unwrap();
        assert!(others.iter().all(|part| (LEAST_PART..=LARGEST_COPY).contains(part)), "{size}: {:?}", others.first());
        assert!(*last > 0 && others.first().is_none_or(|first| last <= first), "{size}: {last}");
    }

    #[test]
    fn parts_are_such_as_servers_take_at_every_limit() {
        let many = MOST_PARTS * PART;
        for size in [1, PART - 1, PART, PART + 1, LARGEST_COPY, LARGEST_COPY + 1, many - 1, many, many + 1, 5 << 40] {
            is_taken(size, PART);
        }
        is_taken(LARGEST, PART);
        assert_eq!(cut(LARGEST_COPY + 1, PART).len(), 21);
        assert_eq!(cut(5 << 40, PART).len() as u64, MOST_PARTS);
        assert_eq!(cut(12_000_000, LEAST_PART), [LEAST_PART, LEAST_PART, 1_514_240]);
    }

    proptest::proptest! {
        #[test]
        fn parts_are_such_as_servers_take(size in 1..=LARGEST, part in LEAST_PART..=LARGEST_COPY) {
            is_taken(size, part);
        }
    }

    /// With parts of the least size that servers take.
    #[tokio::test]
    async fn what_is_copied_in_parts_keeps_everything_and_what_fails_leaves_no_parts() {
        let scratch = rig::Scratch::new().unwrap();
        let server = MinIo::start(&scratch).unwrap();
        let place = serde_json::json!({
            "bucket": "large", "endpoint": server.endpoint(), "access_key_id": moto::KEY, "secret_access_key": moto::SECRET,
        });
        let place: Place = serde_json::from_value(place).unwrap();
        let read = ReadCx {
            base: "/".into(),
            work: "/".into(),
            mode: Mode::Real,
            secrets: [].into(),
            seal: None,
            rpo: Default::default(),
        };
        let bucket = Writer::open(&WriteCx::grant(read), &place, 4).await.unwrap();
        let (client, key) = (&bucket.client, "a +b/ü\n%");
        client.create_bucket().bucket("large").send().await.unwrap();
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket("large").versioning_configuration(on).send().await.unwrap();
        let body: Vec<u8> = (0..12_000_000_u32).map(|at| (at % 251) as u8).collect();
        let put = client.put_object().bucket("large").key(key).body(ByteStream::from(body.clone()));
        let put = put.metadata("of", "regrow").content_type("video/x").cache_control("no-store").tagging("a=b%20c&d=e");
        put.send().await.unwrap();
        client.put_object().bucket("large").key(key).body(ByteStream::from_static(b"bad")).send().await.unwrap();

        let old = bucket.versions("", &Start::default()).await.unwrap().versions.remove(1);
        let mut source = Source { key: key.to_owned(), id: old.id, content: old.content.unwrap() };
        let parts = cut(source.content.size, 5 << 20);
        bucket.copy_in_parts(key, &source.of(&bucket), By::Server, &parts, &|_| ()).await.unwrap();
        let now = client.get_object().bucket("large").key(key).send().await.unwrap();
        assert_eq!(now.metadata().unwrap()["of"], "regrow");
        assert_eq!((now.content_type(), now.cache_control()), (Some("video/x"), Some("no-store")));
        assert!(now.e_tag().unwrap().contains("-3"), "three parts: {:?}", now.e_tag());
        assert_eq!(now.body.collect().await.unwrap().to_vec(), body);
        let tags = client.get_object_tagging().bucket("large").key(key).send().await.unwrap();
        let tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
        assert_eq!(tags, [("a", "b c"), ("d", "e")]);

        // It is told larger than it is, so that a part fails.
        source.content.size *= 2;
        let parts = cut(source.content.size, 5 << 20);
        bucket.copy_in_parts(key, &source.of(&bucket), By::Server, &parts, &|_| ()).await.unwrap_err();
        let begun = client.list_multipart_uploads().bucket("large").prefix(key).send().await.unwrap();
        assert!(begun.uploads().is_empty(), "{begun:?}");
        assert_eq!(Bucket::open(&place, Flow::of_a_look()).await.unwrap().count("").await.unwrap(), (1, 12_000_000));
    }
}
