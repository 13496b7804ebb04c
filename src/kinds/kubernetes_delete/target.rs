//! What is meant: one object, or those of one kind that a selector chooses.

use super::Params;
use crate::model::Fault;
use crate::provider::kubernetes::Named;
use crate::runbook::catalog::{Complaint, InPlace, Known, Late};

#[derive(Debug, PartialEq)]
pub enum Target {
    One(Named),
    /// `kind` has no name of its own.
    Chosen {
        kind: Named,
        selector: String,
    },
}

impl Target {
    pub fn of(with: &Params) -> Result<Target, Fault> {
        let text = |field: &Option<String>| field.clone();
        told(text(&with.object), text(&with.kind), text(&with.selector), text(&with.api_version))
    }

    /// Of both the kind, with a name that only one of them means.
    pub fn named(&self) -> &Named {
        match self {
            Target::One(named) | Target::Chosen { kind: named, .. } => named,
        }
    }
}

fn told(
    object: Option<String>,
    kind: Option<String>,
    selector: Option<String>,
    api_version: Option<String>,
) -> Result<Target, Fault> {
    match (object, kind, selector) {
        (Some(object), None, None) => Named::parse(&object, api_version.as_deref()).map(Target::One),
        // Without a label everything of the kind would go.
        (None, Some(kind), Some(selector)) if !selector.trim().is_empty() && !kind.contains('/') => {
            let kind = Named::parse(&format!("{kind}/any"), api_version.as_deref())?;
            Ok(Target::Chosen { kind, selector })
        }
        _ => Err(Fault::new("RG3014", "it takes `object`, or `kind` with `selector`")
            .hint("`object: job/migrate`; or `kind: job` with `selector: app=lms`")),
    }
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    // Whether a field is there is known, also where its text is not.
    let present = |field: &str, like: &str| with.has(&[field]).then(|| with.text(&[field]).unwrap_or(like).to_owned());
    let target = told(
        present("object", "pod/any"),
        present("kind", "pod"),
        present("selector", "app=any"),
        present("api_version", "v1"),
    );
    let path: &[&str] = if with.has(&["object"]) { &["object"] } else { &[] };
    target.err().map(|fault| Complaint::of(path, "RG3014", fault)).into_iter().collect()
}

pub fn in_place(with: &Late<'_>) -> InPlace {
    let text = |field: &str| match with.get(&[field]) {
        Known::Known(value) => value.as_str().map(str::to_owned),
        _ => None,
    };
    match told(text("object"), text("kind"), text("selector"), text("api_version")) {
        Ok(target) => match target.named().kind.kind.as_str() {
            "PersistentVolumeClaim" | "PersistentVolume" => InPlace::Yes("what lies on a volume may be lost with it"),
            "Namespace" => InPlace::Yes("everything in the namespace goes with it"),
            "CustomResourceDefinition" => InPlace::Yes("every object of the kind goes with its definition"),
            _ => InPlace::CannotTell,
        },
        Err(_) => InPlace::CannotTell,
    }
}
