//! Patches as `kubectl patch` takes them, worked out by the server.

use hyper::header::HeaderValue;
use kube::api::{Patch, PatchParams, ValidationDirective};
use kube::core::Request;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::object::Place;
use super::{MANAGER, put};
use crate::kind::ReadCx;
use crate::model::Fault;

/// How a patch is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// As `kubectl patch` takes it: items of lists are found by their name. Not for kinds of operators.
    #[default]
    Strategic,
    /// A JSON merge patch: a list is replaced as a whole, null takes a field away.
    Merge,
    /// A JSON patch: a list of operations.
    Json,
}

impl Form {
    /// So that it is refused where the object has another version by now.
    fn bound(self, patch: &Value, version: &str) -> Value {
        let mut patch = patch.clone();
        match &mut patch {
            Value::Array(list) => {
                list.push(json!({"op": "replace", "path": "/metadata/resourceVersion", "value": version}));
            }
            other => put(other, "/metadata/resourceVersion", Some(&json!(version))),
        }
        patch
    }

    fn media_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Form::Strategic => "application/strategic-merge-patch+json",
            Form::Merge => "application/merge-patch+json",
            Form::Json => "application/json-patch+json",
        })
    }
}

impl Place {
    /// What a patch would make of the object in that version, none if it has another by now. Nothing is changed: the server
    /// does all but keep it.
    pub async fn foresee_patch(
        &self,
        _: &ReadCx,
        form: Form,
        patch: &Value,
        version: &str,
    ) -> Result<Option<Value>, Fault> {
        let params = PatchParams {
            dry_run: true,
            field_manager: Some(MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
            ..PatchParams::default()
        };
        let bound = form.bound(patch, version);
        let mut request = Request::new(self.api.resource_url())
            .patch(&self.name, &params, &Patch::Merge(&bound))
            .map_err(|error| self.unaskable(&error))?;
        request.headers_mut().insert("content-type", form.media_type());
        match self.api.clone().into_client().request(request).await {
            Ok(object) => Ok(Some(object)),
            Err(kube::Error::Api(status)) if status.code == 409 => Ok(None),
            Err(kube::Error::Api(status)) if status.code == 415 => {
                Err(Fault::new("RG3012", format!("{} takes no strategic patch", self.what))
                    .hint("its kind comes with an operator: write the patch for `type: merge`"))
            }
            Err(error) => Err(self.fault(&error)),
        }
    }
}
