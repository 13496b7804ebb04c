//! What a call that failed means, and whether it may go away.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::model::fault::add_causes;
use crate::model::{Fault, RetryClass};

/// The code of a server that asks for less.
pub const BUSY: &str = "RG2904";
/// The code of a call of which nobody can tell whether it arrived.
pub const UNREACHED: &str = "RG2902";

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
            | "OperationAborted",
            _,
        )
        | (_, 429 | 500..=599) => Fault::new(BUSY, format!("{place} is busy or broken")).retry(RetryClass::Later),
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
        | (_, 401 | 403) => Fault::new("RG2903", format!("{place} does not let us: {code}"))
            .hint("look at the keys, at their rights, and at the clock of this machine"),
        (
            "PermanentRedirect"
            | "TemporaryRedirect"
            | "AuthorizationHeaderMalformed"
            | "IllegalLocationConstraintException",
            _,
        )
        | (_, 301 | 307) => Fault::new("RG2905", format!("{place} lies in another region, or at another endpoint"))
            .hint("name the right `region`"),
        ("", _) => Fault::new("RG2907", format!("{place} answers {status}")),
        _ => Fault::new("RG2907", format!("{place} refuses: {code}")),
    };
    let said = said.trim();
    fault
        .causes
        .extend((!said.is_empty()).then(|| if code.is_empty() { said.to_owned() } else { format!("{code}: {said}") }));
    fault
}
