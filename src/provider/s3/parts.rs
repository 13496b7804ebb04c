//! A copy in parts, of what is too large for one call. Unlike that, it begins with nothing: everything that belongs to the
//! object is read from the version and sent along.

use aws_sdk_s3::operation::create_multipart_upload::builders::CreateMultipartUploadFluentBuilder;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart, StorageClass, Tag};

use super::fault::of;
use super::list::encode;
use super::write::{Source, Writer};
use crate::model::Fault;

/// Of one call.
pub const LARGEST_COPY: u64 = 5 << 30;
/// How large parts are, unless there would be too many.
pub const PART: u64 = 256 << 20;
const MOST_PARTS: u64 = 10_000;

impl Writer {
    /// As [`Writer::copy`], in parts of that size. What was begun and does not come to its end is given up, so that nobody
    /// pays for its parts.
    pub async fn copy_in_parts(&self, source: &Source, part: u64) -> Result<(), Fault> {
        let head = self.client.head_object().bucket(&self.name).key(&source.key).version_id(&source.id).send().await;
        let head = head.map_err(|error| of(self.said(), error))?;
        let tags = self.client.get_object_tagging().bucket(&self.name).key(&source.key).version_id(&source.id);
        let tags = tags.send().await.map_err(|error| of(self.said(), error))?;
        let begin = self.client.create_multipart_upload().bucket(&self.name).key(&source.key);
        let begin = begin.storage_class(StorageClass::from(source.content.class.as_str()));
        let begun = like(begin, &head, tags.tag_set()).send().await.map_err(|error| of(self.said(), error))?;
        let upload = begun.upload_id().unwrap_or_default();
        let copied = self.copy_parts(source, upload, part.max(source.content.size.div_ceil(MOST_PARTS))).await;
        if copied.is_err() {
            let abort = self.client.abort_multipart_upload().bucket(&self.name).key(&source.key).upload_id(upload);
            // The first failure is the one to tell; a server that is gone keeps the parts until its rules take them.
            let _ = abort.send().await;
        }
        copied
    }

    async fn copy_parts(&self, source: &Source, upload: &str, part: u64) -> Result<(), Fault> {
        let (size, mut done, mut from, mut number) = (source.content.size, Vec::new(), 0, 1);
        while from < size {
            let to = (from + part).min(size);
            let copied = self.flow().again(|| async {
                let call = self.client.upload_part_copy().bucket(&self.name).key(&source.key).upload_id(upload);
                let call = call.part_number(number).copy_source(self.source(source));
                let call = call.copy_source_range(format!("bytes={from}-{}", to - 1));
                call.send().await.map_err(|error| of(self.said(), error))
            });
            let tag = copied.await?.copy_part_result().and_then(|result| result.e_tag().map(str::to_owned));
            done.push(CompletedPart::builder().part_number(number).set_e_tag(tag).build());
            (from, number) = (to, number + 1);
        }
        let whole = CompletedMultipartUpload::builder().set_parts(Some(done)).build();
        let call = self.client.complete_multipart_upload().bucket(&self.name).key(&source.key).upload_id(upload);
        call.multipart_upload(whole).send().await.map(|_| ()).map_err(|error| of(self.said(), error))
    }
}

/// Everything that one call would have copied by itself.
fn like(
    begin: CreateMultipartUploadFluentBuilder,
    head: &HeadObjectOutput,
    tags: &[Tag],
) -> CreateMultipartUploadFluentBuilder {
    let own = |text: Option<&str>| text.map(str::to_owned);
    let tags: Vec<String> = tags.iter().map(|tag| format!("{}={}", encode(tag.key()), encode(tag.value()))).collect();
    begin
        .set_metadata(head.metadata().cloned())
        .set_content_type(own(head.content_type()))
        .set_content_encoding(own(head.content_encoding()))
        .set_content_disposition(own(head.content_disposition()))
        .set_content_language(own(head.content_language()))
        .set_cache_control(own(head.cache_control()))
        .set_website_redirect_location(own(head.website_redirect_location()))
        .set_tagging((!tags.is_empty()).then(|| tags.join("&")))
}

#[cfg(test)]
mod tests {
    use aws_sdk_s3::primitives::ByteStream;
    use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
    use rig::servers::{MinIo, moto};

    use super::*;
    use crate::kind::{ReadCx, WriteCx};
    use crate::model::record::Mode;
    use crate::provider::s3::{Bucket, Flow, Place, Start};

    /// With parts of the least size that servers take.
    #[tokio::test]
    async fn what_is_copied_in_parts_keeps_everything_and_what_fails_leaves_no_parts() {
        let scratch = rig::Scratch::new().unwrap();
        let server = MinIo::start(&scratch).unwrap();
        let place = serde_json::json!({
            "bucket": "large", "endpoint": server.endpoint(), "access_key_id": moto::KEY, "secret_access_key": moto::SECRET,
        });
        let place: Place = serde_json::from_value(place).unwrap();
        let read = ReadCx { base: "/".into(), work: "/".into(), mode: Mode::Real, secrets: [].into(), seal: None };
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
        bucket.copy_in_parts(&source, 5 << 20).await.unwrap();
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
        bucket.copy_in_parts(&source, 5 << 20).await.unwrap_err();
        let begun = client.list_multipart_uploads().bucket("large").prefix(key).send().await.unwrap();
        assert!(begun.uploads().is_empty(), "{begun:?}");
        assert_eq!(Bucket::open(&place, Flow::of_a_look()).await.unwrap().count("").await.unwrap(), (1, 12_000_000));
    }
}
