//! What is brought back, as the runbook writes it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::kind::{Foresight, Rehearsal, Scratch};
use crate::model::Fault;
use crate::provider::s3::{self, Place};
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(flatten)]
    pub place: Place,
    /// The bucket whose versions are read, on the same server and with the same keys: then `bucket` is made by this step, and gets
    /// the objects as they were. Unless said, `bucket` itself goes back.
    #[serde(default)]
    pub source: Option<String>,
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
    /// Where the versions are.
    pub fn origin(&self) -> Place {
        let bucket = self.source.as_ref().unwrap_or(&self.place.bucket).clone();
        Place { bucket, ..self.place.clone() }
    }

    /// What people call it: the bucket whose versions are read, and the part of it.
    pub fn said(&self) -> String {
        let place = self.origin().said();
        match self.prefix.as_str() {
            "" => place,
            prefix => format!("{place}, prefix {prefix}"),
        }
    }

    /// The same rules as in [`check`], once everything is known.
    pub fn refuse_contradictions(&self) -> Result<(), Fault> {
        match &self.source {
            Some(_) if self.delete_newer => Err(nothing_newer()),
            Some(source) if *source == self.place.bucket => Err(is_itself()),
            _ => Ok(()),
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
    if !with.has(&["source"]) {
        return found;
    }
    found.extend(s3::check_name(with, "source"));
    found.extend(s3::check_made(with).filter(|_| found.iter().all(|it| it.path != ["bucket"])));
    if with.text(&["source"]).is_some_and(|source| with.text(&["bucket"]) == Some(source)) {
        found.push(Complaint::of(&["source"], "RG2915", is_itself()));
    }
    if with.get(&["delete_newer"]) == Known::Known(&true.into()) {
        found.push(Complaint::of(&["delete_newer"], "RG2919", nothing_newer()));
    }
    found
}

fn nothing_newer() -> Fault {
    Fault::new("RG2919", "`delete_newer` with `source`: in a bucket that is made, nothing is newer")
        .hint("leave `delete_newer` out")
}

fn is_itself() -> Fault {
    Fault::new("RG2915", "source and target are the same objects")
        .hint("without `source` a bucket goes back by its own versions")
}

/// The same in a drill: what it was to bring back is read, and comes into a bucket that is made for it.
pub fn beside(with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
    let (Some(bucket), Some(fields)) = (with.text(&["bucket"]), with.value.as_object()) else {
        return Rehearsal::Planned;
    };
    let mut fields = fields.clone();
    fields.remove("delete_newer");
    if !with.has(&["source"]) {
        fields.insert("source".into(), bucket.into());
    }
    fields.insert("bucket".into(), scratch.bucket(bucket).into());
    Rehearsal::Beside(fields.into())
}

pub fn foresee(with: &Late<'_>) -> Foresight {
    let part = with.text(&["prefix"]).filter(|prefix| !prefix.is_empty());
    let place = Place::foreseen(with).map(|place| match part {
        Some(prefix) => format!("{place}, prefix {prefix}"),
        None => place,
    });
    Foresight { reads: Place::foreseen_in(with, "source").into_iter().collect(), ..Foresight::touching(place) }
}
