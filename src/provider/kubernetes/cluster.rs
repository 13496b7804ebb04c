//! A cluster that answers, and who it is.

use kube::api::{ApiResource, DynamicObject, ListParams};
use kube::core::GroupVersionKind;
use kube::core::discovery::Scope;
use kube::{Api, Client};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::fault;
use super::object::{Named, Place};
use super::reach::{Door, Reach};
use crate::kind::ReadCx;
use crate::model::Fault;
use crate::provider::mask::Masker;

/// Which cluster it is: what its API server cannot have in common with another's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Of the namespace `kube-system`, which lives as long as the cluster does.
    pub uid: String,
    /// For people: where it was found.
    pub server: String,
}

pub struct Cluster {
    pub identity: Identity,
    /// The one that is meant where an object names none.
    pub namespace: String,
    client: Client,
    masker: Masker,
}

const SELF: &str = "kube-system";

impl Identity {
    /// For people, and for what an approval is bound to: a cluster that was made anew keeps its address.
    pub fn words(&self) -> String {
        let uid: String = self.uid.chars().take(8).collect();
        format!("cluster {uid} at {}", self.server)
    }
}

impl Cluster {
    pub async fn open(cx: &ReadCx, reach: &Reach) -> Result<Cluster, Fault> {
        let Door { client, server, namespace, masker } = reach.door(cx).await?;
        let spaces: Api<k8s_openapi::api::core::v1::Namespace> = Api::all(client.clone());
        let own = spaces.get_metadata(SELF).await.map_err(|error| {
            let fault = masker.masked(fault::of(&error, &server));
            if fault.code == "RG3005" {
                return fault.hint("let it `get` the namespace `kube-system`, by which regrow knows the cluster again");
            }
            fault
        })?;
        let uid = own
            .metadata
            .uid
            .ok_or_else(|| Fault::new("RG3012", format!("the server at {server} does not say which cluster it is")))?;
        Ok(Cluster { identity: Identity { uid, server }, namespace, client, masker })
    }

    /// The same, held against what was journaled: another one stops the step.
    pub async fn open_as(cx: &ReadCx, reach: &Reach, pinned: &Identity) -> Result<Cluster, Fault> {
        let cluster = Cluster::open(cx, reach).await?;
        if cluster.identity.uid == pinned.uid {
            return Ok(cluster);
        }
        let now = &cluster.identity;
        let mut fault =
            Fault::new("RG3007", format!("{} is another cluster than the one this step was prepared for", now.server))
                .hint("nothing was written; look which cluster the kubeconfig and its context lead to");
        fault.causes.push(format!("prepared: {} at {}", pinned.uid, pinned.server));
        fault.causes.push(format!("now: {} at {}", now.uid, now.server));
        Err(fault)
    }

    /// Where an object is kept. Asks the cluster what it knows of the kind.
    pub async fn place(&self, named: &Named) -> Result<Place, Fault> {
        let known = kube::discovery::pinned_kind(&self.client, &named.kind).await;
        let (resource, facts) =
            known.map_err(|error| self.masker.masked(fault::of_discovery(&error, &self.identity.server, named)))?;
        let api: Api<DynamicObject> = match facts.scope {
            Scope::Cluster => Api::all_with(self.client.clone(), &resource),
            Scope::Namespaced => {
                let namespace = named.namespace.as_deref().unwrap_or(&self.namespace);
                Api::namespaced_with(self.client.clone(), namespace, &resource)
            }
        };
        Ok(Place::new(api, named, &self.identity.server, self.masker.clone()))
    }

    pub(super) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(super) fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Everything of one kind in a namespace that `selector` chooses.
    pub async fn list(&self, kind: &GroupVersionKind, namespace: &str, selector: &str) -> Result<Vec<Value>, Fault> {
        let resource = ApiResource::from_gvk(kind);
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), namespace, &resource);
        let found = api.list(&ListParams::default().labels(selector)).await;
        let found = found.map_err(|error| self.masker.masked(fault::of(&error, &self.identity.server)))?;
        let value = |object| serde_json::to_value(object).unwrap_or_default();
        Ok(found.items.into_iter().map(value).collect())
    }
}

/// Whether the cluster could not be asked at all, which may be over by the time somebody looks again.
pub(super) fn is_away(fault: &Fault) -> bool {
    fault.retry.is_transient() && matches!(fault.code.as_str(), "RG3001" | "RG3006")
}
