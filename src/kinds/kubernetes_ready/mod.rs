//! `kubernetes.ready`: whether everything that is deployed in some namespaces runs as it is written.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role, answered};
use crate::model::{Effect, Fault, RetryClass};
use crate::provider::kubernetes::{self, Cluster, Named, Progress, Reach};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    /// Where to look; the one namespace of the step unless said.
    #[serde(default)]
    pub namespaces: Option<Vec<String>>,
}

pub struct KubernetesReady;

async fn look(cx: &ReadCx, with: &Params) -> Result<Outputs, Fault> {
    let cluster = Cluster::open(cx, &with.reach).await?;
    let (mut not_ready, mut count) = (Vec::new(), 0);
    for namespace in with.namespaces.as_ref().unwrap_or(&vec![cluster.namespace.clone()]) {
        let found = kubernetes::workloads(&cluster, namespace).await?;
        // A namespace that is not there is listed like one in which nothing is deployed.
        if found.is_empty() {
            is_there(&cluster, namespace).await?;
        }
        for (kind, object) in found {
            count += 1;
            if let Progress::Lacks(what) | Progress::Failed(what) = kubernetes::progress(kind, &object) {
                let name = object["metadata"]["name"].as_str().unwrap_or("?");
                not_ready.push(format!("{namespace}/{}/{name}: {what}", kind.to_lowercase()));
            }
        }
    }
    let outputs = [("ready", json!(not_ready.is_empty())), ("not_ready", json!(not_ready)), ("count", json!(count))];
    Ok(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

async fn is_there(cluster: &Cluster, namespace: &str) -> Result<(), Fault> {
    let named = Named::parse(&format!("namespace/{namespace}"), None)?;
    match cluster.place(&named).await?.get().await {
        Ok(_) => Ok(()),
        Err(fault) if fault.code == "RG3008" => Err(fault.retry(RetryClass::Later)),
        Err(fault) => Err(fault),
    }
}

impl Kind for KubernetesReady {
    const NAME: &'static str = "kubernetes.ready";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: all-run
uses: kubernetes.ready
with:
  context: production
  namespaces: [edx, edx-workers]
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("ready").cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        let late: Vec<&str> = outputs.get("not_ready")?.as_array()?.iter().filter_map(Value::as_str).collect();
        let mut fault =
            Fault::new("RG3015", format!("{} workloads are not ready", late.len())).retry(RetryClass::Later);
        fault.causes.extend(late.iter().map(|line| (*line).to_owned()));
        (!late.is_empty()).then_some(fault)
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        kubernetes::check_reach(with)
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        let place = kubernetes::of_cluster(with);
        Foresight::reading([format!("what is deployed in namespaces{place}")])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("ready", OutputType::Boolean), ("not_ready", OutputType::List), ("count", OutputType::Integer)])
    }

    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        answered::<Self>(self.watch(cx, op).await?)
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        look(cx, &op.params).await.map(Next::Done)
    }
}
