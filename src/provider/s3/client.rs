//! A client for one bucket: whom it speaks for, where it goes, how long it waits.

use std::time::Duration;

use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, ProvideCredentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedCredentialsProvider,
};

use super::digest::Digest;
use super::limit::Limit;
use super::place::{Place, endpoint};
use crate::model::Fault;

/// Of a server that is not AWS, where nothing else is said: most take any, and all take this.
pub(super) const ANY_REGION: &str = "us-east-1";
/// A server copies up to 5 GB before it answers.
const ANSWERS_WITHIN: Duration = Duration::from_secs(180);

pub async fn client(place: &Place) -> Result<Client, Fault> {
    let credentials = credentials(place).await?;
    let mut config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(credentials)
        .region(Region::new(region(place).await?))
        .retry_config(RetryConfig::disabled())
        .timeout_config(
            TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).read_timeout(ANSWERS_WITHIN).build(),
        )
        .interceptor(Limit)
        .interceptor(Digest)
        // Servers older than these checksums refuse them.
        .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(text) = &place.endpoint {
        config = config.endpoint_url(endpoint(text)?.as_str()).force_path_style(true);
    }
    Ok(Client::from_conf(config.build()))
}

/// Those of the runbook, else of the profile, else of the machine. Variables of the environment are no part of it: the
/// process that does the work is not given any.
async fn credentials(place: &Place) -> Result<SharedCredentialsProvider, Fault> {
    if let (Some(id), Some(secret)) = (&place.access_key_id, &place.secret_access_key) {
        let token = place.session_token.as_ref().map(|token| token.expose().to_owned());
        return Ok(SharedCredentialsProvider::new(Credentials::new(
            id.expose(),
            secret.expose(),
            token,
            None,
            "runbook",
        )));
    }
    let name = profile(place);
    let file = ProfileFileCredentialsProvider::builder().profile_name(name).build();
    let machine = ImdsCredentialsProvider::builder().build();
    let chain = CredentialsProviderChain::first_try("profile", file).or_else("machine", machine);
    chain.provide_credentials().await.map_err(|error| {
        Fault::new("RG2903", format!("no credentials: profile `{name}` has none, and this machine has no role"))
            .hint("give `access_key_id` and `secret_access_key` from `secrets`, or name a `profile`")
            .caused_by(&error)
    })?;
    Ok(SharedCredentialsProvider::new(chain))
}

async fn region(place: &Place) -> Result<String, Fault> {
    use aws_config::meta::region::ProvideRegion;
    if let Some(region) = &place.region {
        return Ok(region.clone());
    }
    if place.endpoint.is_some() {
        return Ok(ANY_REGION.to_owned());
    }
    let file = ProfileFileRegionProvider::builder().profile_name(profile(place)).build();
    let found = file.region().await.map(|region| region.as_ref().to_owned());
    found.ok_or_else(|| Fault::new("RG2905", "nothing says in which region the bucket lies").hint("name it: `region`"))
}

fn profile(place: &Place) -> &str {
    place.profile.as_deref().unwrap_or("default")
}
