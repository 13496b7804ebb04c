//! The calls of `s3.restore`, and nothing else: nothing is kept, and nothing is looked at again but the listings.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ObjectVersion, StorageClass};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, TryStreamExt, stream};
use jiff::Timestamp;

use crate::WIDTH;
use crate::bucket::{Bucket, Server};

/// Seconds. Three listings: of what is to be done, of what is done, and of the proof.
pub fn restore(server: &Server, bucket: &Bucket) -> Result<f64> {
    let began = Instant::now();
    server.runtime.block_on(async {
        let (client, name) = (&server.client, bucket.name.as_str());
        client.get_bucket_versioning().bucket(name).send().await?;
        list(client, bucket).await?;
        let todo = list(client, bucket).await?;
        let markers = todo.markers.chunks(250).map(|some| delete(client, name, some).boxed());
        let copies = todo.copies.iter().map(|version| copy(client, name, version).boxed());
        let calls: Vec<BoxFuture<'_, Result<()>>> = markers.chain(copies).collect();
        stream::iter(calls.into_iter().map(Ok)).try_buffer_unordered(WIDTH).try_collect::<()>().await?;
        list(client, bucket).await?;
        anyhow::Ok(())
    })?;
    Ok(began.elapsed().as_secs_f64())
}

#[derive(Default)]
struct Todo {
    markers: Vec<ObjectIdentifier>,
    copies: Vec<ObjectVersion>,
}

async fn list(client: &Client, bucket: &Bucket) -> Result<Todo> {
    let mut todo = Todo::default();
    let (mut key, mut version) = (None, None);
    let mut overwritten = None;
    loop {
        let call = client.list_object_versions().bucket(&bucket.name).set_key_marker(key);
        let page = call.set_version_id_marker(version).send().await?;
        for marker in page.delete_markers() {
            let id = ObjectIdentifier::builder().set_key(marker.key.clone()).set_version_id(marker.version_id.clone());
            todo.markers.push(id.build()?);
        }
        for object in page.versions() {
            let time = object.last_modified().context("no time")?;
            let time = Timestamp::new(time.secs(), i32::try_from(time.subsec_nanos())?)?;
            if time > bucket.as_of {
                overwritten.clone_from(&object.key);
            } else if overwritten.is_some() && overwritten == object.key {
                todo.copies.push(object.clone());
            }
        }
        if !page.is_truncated().unwrap_or(false) {
            return Ok(todo);
        }
        (key, version) = (page.next_key_marker, page.next_version_id_marker);
    }
}

async fn delete(client: &Client, bucket: &str, some: &[ObjectIdentifier]) -> Result<()> {
    let list = Delete::builder().set_objects(Some(some.to_vec())).quiet(true).build()?;
    let answer = client.delete_objects().bucket(bucket).delete(list).send().await?;
    ensure!(answer.errors().is_empty(), "{:?}", answer.errors());
    Ok(())
}

async fn copy(client: &Client, bucket: &str, version: &ObjectVersion) -> Result<()> {
    let (key, id) = (version.key().unwrap_or_default(), version.version_id().unwrap_or_default());
    let call = client.copy_object().bucket(bucket).key(key).copy_source(format!("{bucket}/{key}?versionId={id}"));
    call.storage_class(StorageClass::Standard).send().await?;
    Ok(())
}
