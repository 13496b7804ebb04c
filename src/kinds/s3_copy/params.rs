//! What is copied whereto, as the runbook writes it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::kind::{Foresight, Rehearsal, Scratch};
use crate::model::Fault;
use crate::provider::s3::{self, By, Place};
use crate::runbook::catalog::{Complaint, Known, Late};

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// The bucket that is read.
    pub source: End,
    /// The bucket that is written. It has to be there, unless it says `create`.
    pub target: Target,
    /// Only objects of the source whose key begins so; the whole bucket unless said.
    #[serde(default)]
    pub prefix: String,
    /// What their keys begin with in the target, in the place of `prefix`; the keys stay as they are unless said.
    #[serde(default)]
    pub target_prefix: Option<String>,
    /// Objects of the target that differ from those of the source are overwritten, and stay as older versions: the target has
    /// to keep versions then. Unless said, the step fails before it begins where there is such an object.
    #[serde(default)]
    pub overwrite: bool,
    /// How many calls at once: 16 unless said. A server that asks for less is given less.
    #[serde(default = "s3::parallel")]
    pub max_parallel: usize,
}

/// The bucket that is read.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    #[serde(flatten)]
    pub place: Place,
}

/// The bucket that is written.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    #[serde(flatten)]
    pub place: Place,
    /// It is made by this step, and must not be there yet.
    #[serde(default)]
    pub create: bool,
}

impl Params {
    pub fn target_prefix(&self) -> &str {
        self.target_prefix.as_deref().unwrap_or(&self.prefix)
    }

    pub fn by(&self) -> By {
        if self.source.place.is_beside(&self.target.place) { By::Server } else { By::Us }
    }
}

/// `bucket media-copy, prefix uploads/`
pub fn said(place: &str, prefix: &str) -> String {
    match prefix {
        "" => place.to_owned(),
        prefix => format!("{place}, prefix {prefix}"),
    }
}

/// A copy into what is copied would find its own copies.
pub fn apart(source: &Place, target: &Place, prefix: &str, target_prefix: &str) -> Result<(), Fault> {
    if source.is_same(target) { same(prefix, target_prefix) } else { Ok(()) }
}

/// The same of what is known to be one bucket.
pub fn same(prefix: &str, target_prefix: &str) -> Result<(), Fault> {
    if !prefix.starts_with(target_prefix) && !target_prefix.starts_with(prefix) {
        return Ok(());
    }
    Err(Fault::new("RG2915", "source and target are the same objects").hint(
        "name two buckets, or two prefixes of which neither begins with the other; `s3.restore` brings a bucket back from its own \
         versions",
    ))
}

pub fn nothing_overwritten() -> Fault {
    Fault::new("RG2919", "`overwrite` with `create`: in a bucket that is made, nothing is overwritten")
        .hint("leave `overwrite` out, or `create` where the bucket is there")
}

/// The same in a drill, into a bucket that is made for it.
pub fn beside(with: &Late<'_>, scratch: &Scratch<'_>) -> Rehearsal {
    moved(with, scratch).map_or(Rehearsal::Planned, Rehearsal::Beside)
}

fn moved(with: &Late<'_>, scratch: &Scratch<'_>) -> Option<Value> {
    let bucket = with.text(&["target", "bucket"])?;
    let mut fields = with.value.as_object()?.clone();
    fields.remove("overwrite");
    let target = fields.get_mut("target")?.as_object_mut()?;
    target.insert("bucket".into(), scratch.bucket(bucket).into());
    target.insert("create".into(), true.into());
    Some(fields.into())
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found = Vec::new();
    for end in ["source", "target"] {
        if let Known::Known(value) = with.get(&[end]) {
            found.extend(s3::check(&Late { value }).into_iter().map(|mut complaint| {
                complaint.path.insert(0, end.to_owned());
                complaint
            }));
        }
    }
    found.extend(s3::check_parallel(with));
    let makes_it = with.get(&["target", "create"]) == Known::Known(&true.into());
    if let Known::Known(value) = with.get(&["target"])
        && makes_it
    {
        let path = ["target", "bucket"].map(str::to_owned);
        let made = s3::check_made(&Late { value }).filter(|_| found.iter().all(|it| it.path != path));
        found.extend(made.map(|complaint| Complaint { path: path.into(), ..complaint }));
        if with.get(&["overwrite"]) == Known::Known(&true.into()) {
            found.push(Complaint::of(&["overwrite"], "RG2919", nothing_overwritten()));
        }
    }
    let places = [["source", "bucket"], ["source", "endpoint"], ["target", "bucket"], ["target", "endpoint"]];
    let is_known = |path: &[&str]| with.get(path) != Known::Unknown;
    // Of templates only the run knows; then `prepare` says it.
    if places.iter().all(|path| is_known(path))
        && is_known(&["prefix"])
        && is_known(&["target_prefix"])
        && let Ok(params) = serde_json::from_value::<Params>(with.value.clone())
        && let Err(fault) = apart(&params.source.place, &params.target.place, &params.prefix, params.target_prefix())
    {
        found.push(Complaint::of(&["target"], "RG2915", fault));
    }
    found
}

pub fn foresee(with: &Late<'_>) -> Foresight {
    let end = |name: &str, prefix: Option<&str>| {
        let Known::Known(value) = with.get(&[name]) else { return None };
        Some(said(&Place::foreseen(&Late { value })?, prefix.unwrap_or_default()))
    };
    let prefix = with.text(&["prefix"]);
    let target_prefix = if with.has(&["target_prefix"]) { with.text(&["target_prefix"]) } else { prefix };
    Foresight {
        touches: end("target", target_prefix).into_iter().collect(),
        reads: end("source", prefix).into_iter().collect(),
        ..Foresight::default()
    }
}
