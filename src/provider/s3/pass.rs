//! A copy whose bytes go through us, from one server to another: never more of it in memory than is under way.

use std::collections::HashMap;

use aws_sdk_s3::primitives::{DateTime, DateTimeFormat};
use aws_sdk_s3::types::StorageClass;

use super::fault::{UNKNOWN, of};
use super::list::encode;
use super::write::{Origin, Writer};
use crate::model::{Fault, RetryClass};

/// Everything that belongs to an object beside its bytes, put into the call that makes its copy.
macro_rules! like {
    ($call:expr, $of:expr, $tags:expr) => {{
        let own = |text: Option<&str>| text.map(str::to_owned);
        $call
            .set_metadata($of.metadata().cloned())
            .set_content_type(own($of.content_type()))
            .set_content_encoding(own($of.content_encoding()))
            .set_content_disposition(own($of.content_disposition()))
            .set_content_language(own($of.content_language()))
            .set_cache_control(own($of.cache_control()))
            .set_expires($crate::provider::s3::pass::moment($of.expires_string()))
            .set_website_redirect_location(own($of.website_redirect_location()))
            .set_tagging($tags)
    }};
}
pub(super) use like;

pub(super) fn moment(text: Option<&str>) -> Option<DateTime> {
    DateTime::from_str(text?, DateTimeFormat::HttpDate).ok()
}

impl Origin<'_> {
    /// As they are sent along; none if there are none, also where the server knows of none.
    pub async fn tags(&self) -> Result<Option<String>, Fault> {
        let call = self.bucket.client.get_object_tagging().bucket(&self.bucket.name).key(self.key);
        let answer = call.set_version_id(self.id.map(str::to_owned)).send().await;
        let answer = match answer.map_err(|error| of(self.bucket.said(), error)) {
            Ok(answer) => answer,
            Err(fault) if fault.code == UNKNOWN => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let tags = answer.tag_set().iter().map(|tag| format!("{}={}", encode(tag.key()), encode(tag.value())));
        Ok(Some(tags.collect::<Vec<_>>().join("&")).filter(|tags| !tags.is_empty()))
    }
}

/// Everything that belongs to an object beside its bytes, as far as it may be read; but for `Expires`, which MinIO leaves out when
/// it copies.
#[derive(Debug, PartialEq)]
pub struct Belongings {
    metadata: Option<HashMap<String, String>>,
    headers: [Option<String>; 6],
    tags: Option<String>,
}

impl Origin<'_> {
    /// Each of its calls is sent again by itself.
    pub async fn belongings(&self) -> Result<Belongings, Fault> {
        let flow = self.bucket.flow();
        let head = flow.again(|| async {
            let head = self.bucket.client.head_object().bucket(&self.bucket.name).key(self.key);
            let head = head.set_version_id(self.id.map(str::to_owned)).set_if_match(self.only_if());
            head.send().await.map_err(|error| of(self.bucket.said(), error))
        });
        let head = head.await?;
        let headers = [
            head.content_type(),
            head.content_encoding(),
            head.content_disposition(),
            head.content_language(),
            head.cache_control(),
            head.website_redirect_location(),
        ];
        let tags = match flow.again(|| self.tags()).await {
            // Not everybody may read them, and not every server has any.
            Err(fault) if fault.retry == RetryClass::Never => None,
            tags => tags?,
        };
        let metadata = head.metadata().filter(|metadata| !metadata.is_empty()).cloned();
        Ok(Belongings { metadata, headers: headers.map(|text| text.map(str::to_owned)), tags })
    }
}

impl Writer {
    pub(super) async fn pass(&self, key: &str, from: &Origin<'_>, only: Option<String>) -> Result<String, Fault> {
        let get = from.bucket.client.get_object().bucket(&from.bucket.name).key(from.key);
        let get = get.set_version_id(from.id.map(str::to_owned)).set_if_match(from.only_if());
        let got = get.send().await.map_err(|error| of(from.bucket.said(), error))?;
        let tags = match got.tag_count() {
            Some(1..) => from.tags().await?,
            _ => None,
        };
        let put = self.client.put_object().bucket(&self.name).key(key);
        let put = put.storage_class(StorageClass::from(from.content.class.as_str()));
        let put = like!(put, got, tags).set_if_none_match(only).set_content_length(got.content_length());
        let answer = put.body(got.body).send().await.map_err(|error| of(self.said(), error))?;
        Ok(answer.e_tag().unwrap_or_default().trim_matches('"').to_owned())
    }

    pub(super) async fn pass_part(
        &self,
        key: &str,
        from: &Origin<'_>,
        upload: &str,
        number: i32,
        range: &str,
    ) -> Result<Option<String>, Fault> {
        let get = from.bucket.client.get_object().bucket(&from.bucket.name).key(from.key).range(range);
        let get = get.set_version_id(from.id.map(str::to_owned)).set_if_match(from.only_if());
        let got = get.send().await.map_err(|error| of(from.bucket.said(), error))?;
        let put = self.client.upload_part().bucket(&self.name).key(key).upload_id(upload).part_number(number);
        let put = put.set_content_length(got.content_length()).body(got.body);
        let answer = put.send().await.map_err(|error| of(self.said(), error))?;
        Ok(answer.e_tag().map(str::to_owned))
    }
}
