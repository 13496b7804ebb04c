//! `kubernetes.patch`: some fields of one object become as they are to be, and their former values are kept.
//!
//! The story of a step: `prepare` has the server work the patch out without keeping it, and takes what that changes, field by
//! field, once. What is written is these fields and nothing else, bound to the version of the object that was looked at, with
//! the operation's id as an annotation.
//!
//! Promises: what is written is what was shown; a patch that adds to a list adds once, whatever was killed; a field that
//! somebody else moved is not overwritten, neither by the step nor by its undo.

mod stand;
mod work;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub use stand::Prior;

use crate::kind::{Foresight, Found, Kind, Next, Op, Outputs, Prepared, ReadCx, Undone, WorkCx, WriteCx};
use crate::model::{Effect, Fault};
use crate::provider::kubernetes::{self, Form, Named, Reach, Target};
use crate::runbook::catalog::{Complaint, Known, Late, OutputType, Shape};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub reach: Reach,
    #[serde(flatten)]
    pub target: Target,
    /// The fields as they are to be: a map as in manifests, or for `type: json` a list of operations.
    pub patch: Value,
    /// How it is written: `strategic` as `kubectl patch` has it, unless said; `merge`, also for kinds of operators; `json`.
    #[serde(default, rename = "type")]
    pub form: Form,
}

pub struct KubernetesPatch;

impl Kind for KubernetesPatch {
    const NAME: &'static str = "kubernetes.patch";
    const PAGE: &'static str = include_str!("page.md");
    /// A cluster may go away in between; it is waited for.
    const WORKS: bool = true;

    type Params = Params;
    type Prior = Prior;

    fn example() -> &'static str {
        "\
id: nightly-jobs-pause
uses: kubernetes.patch
needs: []
with:
  context: production
  namespace: edx
  object: cronjob/clear-sessions
  patch: { spec: { suspend: true } }
undo: restore_fields
"
    }

    fn check(&self, with: &Late<'_>) -> Vec<Complaint> {
        let version = with.has(&["api_version"]).then(|| with.text(&["api_version"]).unwrap_or("v1"));
        let named = with.text(&["object"]).and_then(|text| Named::parse(text, version).ok());
        let secret = named.and_then(|named| no_secret(&named).err());
        let secret = secret.map(|fault| Complaint::of(&["object"], "RG3014", fault));
        [kubernetes::check_reach(with), kubernetes::check_object(with), Vec::from_iter(secret), check_patch(with)]
            .concat()
    }

    /// What it comes to is worked out once; doing that twice gives the same, and it is bound to what it replaces.
    fn effect(&self, _: &Late<'_>) -> Effect {
        Effect::ConvergentSet
    }

    fn foresee(&self, with: &Late<'_>) -> Foresight {
        Foresight::touching([format!("fields of {}", kubernetes::foreseen(with, "object"))])
    }

    fn outputs(&self, _: &Late<'_>) -> Shape {
        Shape::of([("changed", OutputType::Boolean), ("fields", OutputType::List)])
    }

    fn undos(&self) -> &'static [&'static str] {
        &["restore_fields"]
    }

    async fn prepare(&self, cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        work::prepare(cx, &op.params).await
    }

    async fn find(&self, cx: &ReadCx, op: &Op<Params, Prior>) -> Result<Found, Fault> {
        work::settle(cx, op).await
    }

    async fn work(&self, cx: &WorkCx, op: &Op<Params, Prior>) -> Result<Next, Fault> {
        work::work(cx, op).await
    }

    async fn undo(&self, cx: &WriteCx, op: &Op<Params, Prior>, _: &Value, outputs: &Outputs) -> Result<Undone, Fault> {
        work::restore_fields(cx, op, outputs["changed"] == true).await
    }
}

/// The former values of fields are kept in the journal, where no secret may stand.
fn no_secret(named: &Named) -> Result<(), Fault> {
    if named.kind.group.is_empty() && named.kind.kind == "Secret" {
        return Err(Fault::new("RG3014", "a Secret is not patched: what it held would have to be kept in the journal")
            .hint("`kubernetes.apply` writes it from a manifest"));
    }
    Ok(())
}

/// What is wrong with a patch, whatever object it is for.
fn sound(form: Form, patch: &Value) -> Result<(), Fault> {
    let wrong = |what: String, hint: &str| Err(Fault::new("RG3014", what).hint(hint));
    let status = |what: &str| {
        wrong(format!("{what}: controllers write the status, no patch does"), "patch what they work from, `spec`")
    };
    match (form, patch) {
        (Form::Json, Value::Array(operations)) => {
            let path = |operation: &Value| operation["path"].as_str().unwrap_or_default().to_owned();
            if operations.is_empty() || operations.iter().any(|one| !one["op"].is_string() || !one["path"].is_string())
            {
                return wrong(
                    "it holds something that is no operation".into(),
                    "each has `op`, `path` and mostly `value`",
                );
            }
            match operations.iter().map(path).find(|path| path == "/status" || path.starts_with("/status/")) {
                Some(path) => status(&format!("`{path}`")),
                None => Ok(()),
            }
        }
        (Form::Json, _) => {
            wrong("it is no list of operations".into(), "for example `[{op: remove, path: /spec/paused}]`")
        }
        (_, Value::Object(map)) if map.contains_key("status") => status("`status`"),
        (_, Value::Object(map)) if !map.is_empty() && map.get("metadata").is_none_or(Value::is_object) => Ok(()),
        (_, Value::Array(_)) => wrong("it is a list".into(), "a list of operations goes with `type: json`"),
        _ => wrong("it changes nothing".into(), "for example `{spec: {suspend: true}}`"),
    }
}

fn check_patch(with: &Late<'_>) -> Vec<Complaint> {
    let form = match with.get(&["type"]) {
        Known::Absent => Form::default(),
        Known::Known(Value::String(text)) if text == "merge" => Form::Merge,
        Known::Known(Value::String(text)) if text == "json" => Form::Json,
        Known::Known(Value::String(text)) if text == "strategic" => Form::Strategic,
        // What it is to be is told by the schema, or by the run.
        _ => return Vec::new(),
    };
    let Known::Known(patch) = with.get(&["patch"]) else { return Vec::new() };
    sound(form, patch).err().map(|fault| Complaint::of(&["patch"], "RG3014", fault)).into_iter().collect()
}
