//! A bucket with a history, made again for each that is measured.

use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation,
};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use futures_util::{TryStreamExt, stream};
use jiff::{Timestamp, Unit};
use rig::servers::moto::{KEY, REGION, SECRET};
use tokio::runtime::Runtime;

/// A server, and a client of it.
pub struct Server {
    pub endpoint: String,
    pub client: Client,
    pub runtime: Runtime,
}

impl Server {
    pub fn of(endpoint: &str) -> Result<Self> {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(Credentials::new(KEY, SECRET, None, None, "rig"))
            .region(Region::new(REGION))
            .endpoint_url(endpoint)
            .force_path_style(true)
            .retry_config(RetryConfig::disabled())
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Ok(Self { endpoint: endpoint.to_owned(), client: Client::from_conf(config.build()), runtime: Runtime::new()? })
    }
}

pub struct Bucket {
    pub name: String,
    /// Before everything that was lost.
    pub as_of: Timestamp,
    /// Each key with its ETag then.
    held: BTreeMap<String, String>,
}

/// `REGROW_BENCH_KEYS`.
fn keys() -> usize {
    env::var("REGROW_BENCH_KEYS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

impl Bucket {
    pub fn make(server: &Server, name: &str) -> Result<Self> {
        server.runtime.block_on(Self::made(server, name))
    }

    async fn made(server: &Server, name: &str) -> Result<Self> {
        let client = &server.client;
        client.create_bucket().bucket(name).send().await?;
        let on = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
        client.put_bucket_versioning().bucket(name).versioning_configuration(on).send().await?;
        each(0..keys(), |at| put(client, name, at, "good")).await?;
        let held = now(client, name).await?;
        // In a second of its own: servers count whole ones.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let as_of = Timestamp::now().round(Unit::Second)?;
        tokio::time::sleep(Duration::from_millis(1600)).await;
        each((0..keys()).step_by(2), async |at| {
            client.delete_object().bucket(name).key(key(at)).send().await?;
            Ok(())
        })
        .await?;
        each((1..keys()).step_by(4), |at| put(client, name, at, "bad")).await?;
        Ok(Self { name: name.to_owned(), as_of, held })
    }

    /// That it holds what it held.
    pub fn check(&self, server: &Server) -> Result<()> {
        let held = server.runtime.block_on(now(&server.client, &self.name))?;
        ensure!(held == self.held, "{} does not hold what it held", self.name);
        // The server tidies up what was written, and the next one begins on a quiet machine.
        thread::sleep(Duration::from_secs(1));
        Ok(())
    }
}

fn key(at: usize) -> String {
    format!("many/{:02}/{at:06}", at % 50)
}

async fn put(client: &Client, bucket: &str, at: usize, text: &str) -> Result<()> {
    let body = ByteStream::from(format!("{text} {at}").repeat(40).into_bytes());
    client.put_object().bucket(bucket).key(key(at)).body(body).metadata("of", "regrow").send().await?;
    Ok(())
}

async fn each<F>(items: impl Iterator<Item = usize>, what: impl Fn(usize) -> F) -> Result<()>
where
    F: Future<Output = Result<()>>,
{
    stream::iter(items.map(|at| Ok(what(at)))).try_buffer_unordered(32).try_collect().await
}

async fn now(client: &Client, bucket: &str) -> Result<BTreeMap<String, String>> {
    let (mut found, mut pages) = (BTreeMap::new(), client.list_objects_v2().bucket(bucket).into_paginator().send());
    while let Some(page) = pages.next().await {
        for object in page?.contents() {
            let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
            found.insert(text(object.key()), text(object.e_tag()));
        }
    }
    Ok(found)
}
