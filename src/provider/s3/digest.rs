//! The digest that the first servers asked for where a body says what is to go or to stay: many want it to this day and know
//! none of the checksums that came later. Both are sent.

use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

const WANTED: [&str; 2] = ["DeleteObjects", "PutBucketTagging"];

#[derive(Debug)]
pub struct Digest;

impl Intercept for Digest {
    fn name(&self) -> &'static str {
        "digest"
    }

    fn modify_before_signing(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        call: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let is_wanted = call.load::<Metadata>().is_some_and(|call| WANTED.contains(&call.name()));
        let request = context.request_mut();
        if let Some(body) = request.body().bytes().filter(|_| is_wanted) {
            let digest = STANDARD.encode(Md5::digest(body));
            request.headers_mut().insert("content-md5", digest);
        }
        Ok(())
    }
}
