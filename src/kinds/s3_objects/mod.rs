//! `s3.objects`: how many objects there are in a bucket, and how large they are together, by listing them.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::kind::{Foresight, Kind, Next, Op, Outputs, ReadCx, Role};
use crate::model::{Effect, Fault};
use crate::provider::s3::{self, Bucket, Flow, Place};
use crate::runbook::catalog::{Complaint, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub place: Place,
    /// Only those whose key begins so; all of them unless said.
    #[serde(default)]
    pub prefix: String,
}

pub struct S3Objects;

impl Kind for S3Objects {
    const NAME: &'static str = "s3.objects";
    const PAGE: &'static str = include_str!("page.md");
    const ROLE: Role = Role::Probe;
    const PREPARES: bool = false;

    type Params = Params;
    type Prior = ();

    fn example() -> &'static str {
        "\
id: media-are-there
uses: s3.objects
with:
  bucket: media
  prefix: uploads/
"
    }

    fn main_value(outputs: &Outputs) -> Value {
        outputs.get("count").cloned().unwrap_or_default()
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        s3::check(with)
    }

    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::Read
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::reading(Place::foreseen(with))
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("count", OutputType::Integer), ("bytes", OutputType::Integer)])
    }

    async fn watch(&self, _: &ReadCx, op: &Op<Params, ()>) -> Result<Next, Fault> {
        let bucket = Bucket::open(&op.params.place, Flow::of_a_look()).await?;
        let (count, bytes) = bucket.count(&op.params.prefix).await?;
        let outputs = [("count", json!(count)), ("bytes", json!(bytes))];
        Ok(Next::Done(outputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
    }
}
