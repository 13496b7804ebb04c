//! What a call that failed means, and whether it may go away.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::model::fault::add_causes;
use crate::model::{Fault, RetryClass};

/// The code of a server that asks for less.
pub const BUSY: &str = "RG2904";
/// The code of a server that does not let us.
pub const DENIED: &str = "RG2903";
/// The code of a bucket that lies in another region.
const ELSEWHERE: &str = "RG2905";
/// The code of a call of which nobody can tell whether it arrived.
pub const UNREACHED: &str = "RG2902";
/// The code of a server that does not know a call, or something in it.
pub const UNKNOWN: &str = "RG2921";

/// Of a call to `place`.
pub fn of<E>(place: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let status = error.raw_response().map(|response| response.status().as_u16());
    let (code, said) = match error.as_service_error() {
        Some(service) => (
            service.code().unwrap_or_default().to_owned(),
            service.message().map_or_else(|| service.to_string(), str::to_owned),
        ),
        None => {
            let mut fault = unreached(place);
            add_causes(&mut fault.causes, &error);
            return fault;
        }
    };
    let mut fault = refused(place, status.unwrap_or_default(), &code, &said);
    let region = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
    if let Some(region) = region.filter(|_| fault.code == ELSEWHERE) {
        fault = fault.hint(format!("it lies there: `region: {region}`"));
    }
    if code.is_empty() {
        // No error as S3 words it: why it is none lies deeper.
        fault.causes.clear();
        add_causes(&mut fault.causes, &error);
    }
    fault
}

fn unreached(place: &str) -> Fault {
    Fault::new(UNREACHED, format!("{place} cannot be reached, or does not answer as an S3 server does"))
        .hint(
            "look whether the endpoint is right and can be reached from here; work that was begun goes on where it was",
        )
        .retry(RetryClass::Later)
}

/// What a server said in words of its own.
pub fn refused(place: &str, status: u16, code: &str, said: &str) -> Fault {
    let mut fault = match (code, status) {
        ("NoSuchBucket", _) => Fault::new("RG2906", format!("{place} does not exist"))
            .hint("look at `bucket`, `endpoint` and `region`; a bucket that was deleted takes its versions with it"),
        // It will not know it by and by either.
        ("NotImplemented" | "MethodNotAllowed", _) | (_, 405 | 501) => {
            Fault::new(UNKNOWN, format!("{place} does not know this call"))
                .hint("this server does less than S3; what needs the call cannot be done with it")
        }
        (
            "SlowDown"
            | "Throttling"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "TooManyRequests"
            | "TooManyRequestsException"
            | "ServiceUnavailable"
            | "InternalError"
            | "RequestTimeout"
            | "XMinioServerNotInitialized"
            | "OperationAborted"
            | "ConditionalRequestConflict",
            _,
        )
        | (_, 429 | 500..=599) => Fault::new(BUSY, format!("{place} is busy or broken")).retry(RetryClass::Later),
        // AWS says so with 403, and no right would help.
        ("InvalidObjectState", _) => Fault::new("RG2907", format!("{place} does not give what lies in an archive"))
            .hint("have it brought out of the archive first (`aws s3api restore-object`)"),
        (
            "AccessDenied"
            | "AllAccessDisabled"
            | "InvalidAccessKeyId"
            | "SignatureDoesNotMatch"
            | "ExpiredToken"
            | "InvalidToken"
            | "RequestTimeTooSkewed",
            _,
        )
        | (_, 401 | 403) => Fault::new(DENIED, format!("{place} does not let us: {code}"))
            .hint("look at the keys, at their rights, and at the clock of this machine"),
        (
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => Fault::new(ELSEWHERE, format!("{place} lies in another region, or at another endpoint"))
            .hint("name the right `region`"),
        ("", _) => Fault::new("RG2907", format!("{place} answers {status}")),
        _ => Fault::new("RG2907", format!("{place} refuses: {code}")),
    };
    let said = said.trim();
    fault
        .causes
        .extend((!said.is_empty()).then(|| if code.is_empty() { said.to_owned() } else { format!("{code}: {said}") }));
    if code == "InvalidObjectState" {
        // Of many keys only the cause is told.
        fault.causes = vec![format!("{code}: it lies in an archive, and has to be brought out of it first")];
    }
    fault
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::super::client::client;
    use super::*;

    #[test]
    fn what_a_server_does_not_know_is_not_asked_again() {
        let of = |code: &str, status| refused("bucket b", status, code, "as told");
        for (code, status) in [("NotImplemented", 501), ("", 501), ("MethodNotAllowed", 405), ("", 405)] {
            let fault = of(code, status);
            assert_eq!((fault.code.as_str(), fault.retry), (UNKNOWN, RetryClass::Never), "{code} {status}");
        }
        for (code, status) in [("InternalError", 500), ("", 503), ("ConditionalRequestConflict", 409)] {
            assert!(of(code, status).retry.is_transient(), "{code} {status}");
        }
    }

    #[test]
    fn what_lies_in_an_archive_is_no_matter_of_rights() {
        let fault = refused("bucket b", 403, "InvalidObjectState", "The operation is not valid");
        assert_eq!(fault.code, "RG2907");
        assert!(fault.hint.unwrap().contains("restore-object") && fault.causes[0].contains("archive"));
    }

    #[tokio::test]
    async fn where_a_bucket_lies_is_said_if_the_server_tells() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4096]);
            let body = "<Error><Code>PermanentRedirect</Code></Error>";
            let head = "HTTP/1.1 301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1\r\nConnection: close";
            write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        });
        let place = serde_json::json!({
            "bucket": "b", "endpoint": endpoint, "access_key_id": "key", "secret_access_key": "secret",
        });
        let client = client(&serde_json::from_value(place).unwrap()).await.unwrap();
        let fault = of("bucket b", client.list_objects_v2().bucket("b").send().await.unwrap_err());
        tokio::task::spawn_blocking(|| server.join().unwrap()).await.unwrap();
        assert_eq!(fault.code, ELSEWHERE);
        assert!(fault.hint.unwrap().contains("region: eu-west-1"));
    }
}
