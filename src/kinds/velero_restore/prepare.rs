//! Looks, before anything is made, at all that would make the restore fail.

use serde_json::Value;

use super::Prior;
use super::location::Location;
use super::params::{Params, Policy};
use super::scratch;
use crate::kind::{Op, Prepared, ReadCx};
use crate::model::Fault;
use crate::provider::kubernetes::{Cluster, Named, field, is_made_by, metadata};
use crate::provider::velero;

pub async fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    let with = &op.params;
    let cluster = Cluster::open(cx, &with.reach()).await?;
    let server = velero_is_there(&cluster, with).await?;
    let backup = velero::choose(&cluster, &with.namespace, &with.backup).await?;
    velero::judge(&backup)?;
    velero::holds(&backup, &with.include_namespaces)?;
    let location = velero::available(&cluster, &with.namespace, &backup).await?;
    let remedy = remedy(with, &backup, &location);
    let location = with.read_only_location.then(|| Location::of(&location));
    let name = metadata(&backup, "name").to_owned();
    taken(cx, &cluster, op, &name).await?;
    let mut changes = vec![format!("restored into {}", cluster.identity.words())];
    changes.extend(standing_still(&server));
    changes.extend(velero::words(&backup));
    changes.extend(remedy);
    changes.extend(scope(with));
    changes.extend(location.as_ref().map(Location::words));
    changes.extend(standing(&cluster, with).await?);
    let (made, lines) = scratch::foreseen(cx, &cluster, op).await?;
    changes.extend(lines);
    let restored_to = velero::completed(&backup).map(|at| at.to_string());
    let prior = Prior { cluster: cluster.identity, backup: name, restored_to, location };
    Ok(Prepared::new(prior, changes).creating(made))
}

/// Its definitions, and the Deployment that it reads itself when it restores pods.
async fn velero_is_there(cluster: &Cluster, with: &Params) -> Result<Value, Fault> {
    let (server, space) = (&cluster.identity.server, &with.namespace);
    let absent = |what: String| {
        Fault::new("RG3101", what)
            .hint("install it with the plugins and the location that the backup was made with, the location ReadOnly; then `regrow retry STEP`")
    };
    if let Err(fault) = cluster.place(&with.named("Restore", "any")).await {
        return Err(match fault.code.as_str() {
            "RG3009" => absent(format!("Velero is not installed in the cluster at {server}")),
            _ => fault,
        });
    }
    let deployment = Named { namespace: Some(space.clone()), ..Named::parse("deployment/velero", None)? };
    match cluster.place(&deployment).await?.find().await? {
        Some(live) => Ok(live),
        None => Err(absent(format!("there is no Velero in the namespace `{space}` of the cluster at {server}"))),
    }
}

/// It may run elsewhere, so that is only said.
fn standing_still(deployment: &Value) -> Option<String> {
    let stopped = field(deployment, "spec.replicas") == 0;
    stopped.then(|| "the Deployment of Velero is set to 0 pods: nobody may take the restore up".to_owned())
}

/// Against what an expired backup is in danger of.
fn remedy(with: &Params, backup: &Value, location: &Value) -> Option<String> {
    let writable = field(location, "spec.accessMode") != "ReadOnly" && !with.read_only_location;
    velero::expiry(backup)
        .filter(|_| writable)
        .map(|_| "`read_only_location: true` keeps Velero from deleting it meanwhile".to_owned())
}

/// Whether the cluster would take the `Restore`: its roles, its definition, its name. One that an earlier attempt made is looked
/// at by this one.
async fn taken(cx: &ReadCx, cluster: &Cluster, op: &Op<Params, ()>, backup: &str) -> Result<(), Fault> {
    let body = op.params.restore(&op.id, backup);
    let place = cluster.place(&op.params.named("Restore", metadata(&body, "name"))).await?;
    if place.foresee_create(cx, &body).await? {
        return Ok(());
    }
    match place.find().await? {
        Some(live) if !is_made_by(cx, &live, &op.id)? => Err(foreign(metadata(&body, "name"))),
        _ => Ok(()),
    }
}

/// Of that name, and not of this operation.
pub fn foreign(name: &str) -> Fault {
    Fault::new("RG3108", format!("a Restore `{name}` is there already, and is not of this step"))
        .hint("look who made it: an earlier run of the same name, or somebody else; a run under another name makes one of another name")
}

/// What comes back, and what does not.
fn scope(with: &Params) -> Vec<String> {
    let named = |what: &str, list: &[String]| (!list.is_empty()).then(|| format!("{what} {}", list.join(", ")));
    let mut lines: Vec<String> = [
        named("only the namespaces", &with.include_namespaces),
        named("without the namespaces", &with.exclude_namespaces),
        named("only", &with.include_resources),
        named("without", &with.exclude_resources),
    ]
    .into_iter()
    .flatten()
    .collect();
    lines.extend(with.namespace_mapping.iter().map(|(from, to)| format!("the namespace {from} comes back as {to}")));
    lines.extend(with.cluster_resources.map(|comes| match comes {
        true => "what stands in no namespace comes back, too".to_owned(),
        false => "what stands in no namespace does not come back".to_owned(),
    }));
    if with.restore_volumes == Some(false) {
        lines.push("volumes do not come back from their snapshots".to_owned());
    }
    lines.push(match with.existing_resource_policy {
        Policy::None => "what is there already stays as it is".to_owned(),
        Policy::Update => "what is there already becomes as in the backup".to_owned(),
    });
    lines
}

/// Namespaces that are not empty ground. Those of a drill are looked at by themselves.
async fn standing(cluster: &Cluster, with: &Params) -> Result<Vec<String>, Fault> {
    let mut lines = Vec::new();
    if with.own_namespaces {
        return Ok(lines);
    }
    for from in &with.include_namespaces {
        let name = with.namespace_mapping.get(from).unwrap_or(from);
        let Ok(named) = Named::parse(&format!("namespace/{name}"), None) else { continue };
        let live: Option<Value> = cluster.place(&named).await?.find().await?;
        lines.extend(live.map(|_| format!("the namespace {name} is there already")));
    }
    Ok(lines)
}
