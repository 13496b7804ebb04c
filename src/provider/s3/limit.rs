//! A server that never stops answering is not listened to until all memory is used up.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::orchestrator::Metadata;
use http_body_util::Limited;

/// Four times the longest page: a thousand keys of 1,024 bytes, each of which takes three characters, and what is told of them.
const LONGEST: usize = 16 << 20;

#[derive(Debug)]
pub struct Limit;

impl Intercept for Limit {
    fn name(&self) -> &'static str {
        "limit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        call: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // An object is passed on as it comes, and as long as it is.
        if call.load::<Metadata>().is_some_and(|call| call.name() == "GetObject") {
            return Ok(());
        }
        let body = std::mem::replace(context.response_mut().body_mut(), SdkBody::taken());
        *context.response_mut().body_mut() = SdkBody::from_body_1_x(Limited::new(body, LONGEST));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::super::client::client;
    use super::*;

    /// What a server can send without being heard to the end: more than the limit and what lies in the buffers of the line.
    const ENDLESS: usize = 8 * LONGEST;

    #[tokio::test]
    async fn a_listing_without_end_is_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>");
            let block = [b' '; 1 << 16];
            (0..ENDLESS / block.len()).take_while(|_| stream.write_all(&block).is_ok()).count() * block.len()
        });
        let place = serde_json::json!({
            "bucket": "b", "endpoint": endpoint, "access_key_id": "key", "secret_access_key": "secret",
        });
        let client = client(&serde_json::from_value(place).unwrap()).await.unwrap();
        client.list_objects_v2().bucket("b").send().await.unwrap_err();
        drop(client);
        let sent = tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        assert!(sent < ENDLESS, "{sent} bytes were taken");
    }
}
