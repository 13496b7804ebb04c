//! `kubernetes.get`: an object as the cluster has it. That it is not there is an answer, not a fault; `expect` judges it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role, answered};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Cluster, Reach, Target, field};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    #[serde(flatten)]
    pub target: Target,
    /// A field that is put out as `value`: `spec.replicas`.
    #[serde(default)]
    pub value: Option<String>,
}

pub struct KubernetesGet;

async fn get(cx: &ReadCx, with: &Params) -> Result<Outputs, Fault> {
    let named = with.target.named()?;
    let cluster = Cluster::open(cx, &with.reach).await?;
    let found = cluster.place(&named).await?.find().await?;
    let mut outputs = Outputs::from_iter([("found".to_owned(), json!(found.is_some()))]);
    let object = found.map(|object| shown(object, &named.kind.kind)).unwrap_or_else(|| json!({}));
    if let Some(path) = &with.value {
        outputs.insert("value".to_owned(), field(&object, path).clone());
    }
    outputs.insert("object".to_owned(), object);
    Ok(outputs)
}

/// Without who wrote which field, and without what is secret.
fn shown(mut object: Value, kind: &str) -> Value {
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("managedFields");
        // What kubectl keeps of the last manifest repeats all of it, a secret's data too.
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    if kind == "Secret" {
        let hidden = object["data"].as_object_mut().into_iter().flatten();
        hidden.for_each(|(_, value)| *value = json!("***"));
    }
    object
}

impl Kind for KubernetesGet {
    const NAME: &'static str = "kubernetes.get";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;
    const LOOKS: bool = true;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: how-many-run
uses: kubernetes.get
with:
  context: production
  namespace: edx
  object: deployment/lms
  value: spec.replicas
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("value").or(outputs.get("found")).cloned().unwrap_or_default()
    }

    fn disappoints(outputs: &Outputs) -> Option<Fault> {
        let is_there = outputs.get("found") == Some(&json!(true));
        (!is_there)
            .then(|| Fault::new("RG3008", "the cluster has no such object").hint("look at its name and namespace"))
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        [kubernetes::check_reach(with), kubernetes::check_object(with)].concat()
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading([kubernetes::foreseen(with, "object")])
    }

    /// What type the field has only the cluster knows.
    fn outputs(&self, with: &Late<'_>) -> Shape {
        if with.has(&["value"]) {
            return Shape::Open;
        }
        Shape::of([("found", OutputType::Boolean), ("object", OutputType::Map)])
    }

    async fn can_begin(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<(), Fault> {
        answered::<Self>(self.watch(cx, op).await?)
    }

    async fn watch(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        get(cx, &op.params).await.map(Next::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_without_what_it_holds() {
        let last = json!({"kubectl.kubernetes.io/last-applied-configuration": "aHVudGVyMg==", "kept": "yes"});
        let secret =
            json!({"metadata": {"annotations": last, "managedFields": []}, "data": {"password": "aHVudGVyMg=="}});
        let shown = shown(secret, "Secret");
        assert_eq!(shown, json!({"metadata": {"annotations": {"kept": "yes"}}, "data": {"password": "***"}}));
        assert_eq!(field(&shown, "metadata.annotations.kept"), &json!("yes"));
        assert_eq!(field(&shown, "spec.replicas"), &Value::Null);
    }
}
