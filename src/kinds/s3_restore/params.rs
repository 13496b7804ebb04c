//! What is brought back, as the runbook writes it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::Foresight;
use crate::model::Fault;
use crate::provider::s3::{self, Place};
use crate::runbook::catalog::{Complaint, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub place: Place,
    /// The moment wanted, as RFC 3339: the last at which the objects were surely good.
    pub as_of: String,
    /// Only objects whose key begins so; the whole bucket unless said.
    #[serde(default)]
    pub prefix: String,
    /// Objects that were not there at `as_of` are deleted, each by a marker that can be taken away again; they stay unless said.
    #[serde(default)]
    pub delete_newer: bool,
    /// How many calls at once: 16 unless said. A server that asks for less is given less.
    #[serde(default = "s3::parallel")]
    pub max_parallel: usize,
}

impl Params {
    /// What people call it: the bucket, and the part of it.
    pub fn said(&self) -> String {
        match self.prefix.as_str() {
            "" => self.place.said(),
            prefix => format!("{}, prefix {prefix}", self.place.said()),
        }
    }
}

/// The moment that `as_of` names.
pub fn moment(text: &str) -> Result<Timestamp, Fault> {
    crate::runbook::moment::parse(text, "RG2908")
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = s3::check(with);
    found.extend(
        with.text(&["as_of"])
            .and_then(|text| moment(text).err())
            .map(|fault| Complaint::of(&["as_of"], "RG2908", fault)),
    );
    found.extend(s3::check_parallel(with));
    found
}

pub fn foresee(with: &Late<'_>) -> Foresight {
    let part = with.text(&["prefix"]).filter(|prefix| !prefix.is_empty());
    let place = Place::foreseen(with);
    Foresight::touching(place.map(|place| match part {
        Some(prefix) => format!("{place}, prefix {prefix}"),
        None => place,
    }))
}
