//! Which bucket, where, and as whom, as the runbook writes it.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::flow::MOST_PARALLEL;
use crate::model::Fault;
use crate::model::secret::Secret;
use crate::runbook::catalog::{Complaint, Known, Late};

/// A bucket.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct Place {
    /// Its name.
    pub bucket: String,
    /// An S3 server that is not AWS, such as `https://fra1.digitaloceanspaces.com`; the bucket is then a part of the path.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// Else that of the profile, else `us-east-1` where an `endpoint` is named.
    #[serde(default)]
    pub region: Option<String>,
    /// A profile of the AWS configuration under `HOME`; `default` unless said. Not looked at with `access_key_id`.
    #[serde(default)]
    pub profile: Option<String>,
    /// With `secret_access_key`; without both the profile is used, else the role of this machine. Variables `AWS_…` are not.
    #[serde(default)]
    pub access_key_id: Option<Secret>,
    /// Belongs to `access_key_id`.
    #[serde(default)]
    pub secret_access_key: Option<Secret>,
    /// Of a temporary key.
    #[serde(default)]
    pub session_token: Option<Secret>,
}

impl Place {
    /// What people call it: `bucket media at https://fra1.digitaloceanspaces.com`.
    pub fn said(&self) -> String {
        said(&self.bucket, self.endpoint.as_deref())
    }

    /// The same without the word.
    pub fn address(&self) -> String {
        address(&self.bucket, self.endpoint.as_deref())
    }

    /// Whether one server holds both, and whoever reads the one may ask it to write the other: then it copies by itself.
    pub fn is_beside(&self, other: &Self) -> bool {
        self.endpoint() == other.endpoint()
            && (&self.profile, &self.access_key_id, &self.secret_access_key, &self.session_token)
                == (&other.profile, &other.access_key_id, &other.secret_access_key, &other.session_token)
    }

    /// Whether both are one bucket.
    pub fn is_same(&self, other: &Self) -> bool {
        self.endpoint() == other.endpoint() && self.bucket == other.bucket
    }

    /// In one form, however it is written: what is no address stays as it is, and is complained of elsewhere.
    fn endpoint(&self) -> Option<String> {
        self.endpoint.as_deref().map(|text| endpoint(text).map_or_else(|_| text.to_owned(), String::from))
    }

    /// What [`Place::said`] says, from a `with` whose templates are not filled in; none without the bucket's name.
    pub fn foreseen(with: &Late<'_>) -> Option<String> {
        Self::foreseen_in(with, "bucket")
    }

    /// The same where the name stands in another field.
    pub fn foreseen_in(with: &Late<'_>, field: &str) -> Option<String> {
        with.text(&[field]).map(|bucket| said(bucket, with.text(&["endpoint"])))
    }
}

fn said(bucket: &str, endpoint: Option<&str>) -> String {
    format!("bucket {}", address(bucket, endpoint))
}

fn address(bucket: &str, endpoint: Option<&str>) -> String {
    match endpoint {
        Some(endpoint) => format!("{bucket} at {}", endpoint.trim_end_matches('/')),
        None => bucket.to_owned(),
    }
}

/// The address of a server, if it is one.
pub fn endpoint(text: &str) -> Result<Url, Fault> {
    let wrong = |why: &str| {
        Fault::new("RG2901", format!("`endpoint` is no address of an S3 server: {why}"))
            .hint("for example https://fra1.digitaloceanspaces.com, without the bucket")
    };
    let url = Url::parse(text.trim()).map_err(|error| wrong(&error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("it begins with neither http:// nor https://"));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(wrong("it has a path"));
    }
    Ok(url)
}

pub fn check(with: &Late<'_>) -> Vec<Complaint> {
    let mut found: Vec<Complaint> = with
        .text(&["endpoint"])
        .and_then(|text| endpoint(text).err())
        .map(|fault| Complaint::of(&["endpoint"], "RG2901", fault))
        .into_iter()
        .collect();
    found.extend(check_name(with, "bucket"));
    let has = |name: &str| with.get(&[name]) != Known::Absent;
    for (one, other) in [("access_key_id", "secret_access_key"), ("secret_access_key", "access_key_id")] {
        if has(one) && !has(other) {
            let fault = Fault::new("RG2901", format!("`{one}` without `{other}`")).hint("give both, or neither");
            found.push(Complaint::of(&[one], "RG2901", fault));
        }
    }
    found
}

/// Of a bucket that is there.
pub fn check_name(with: &Late<'_>, field: &str) -> Option<Complaint> {
    let is_wrong = |name: &&str| name.is_empty() || name.contains('/');
    with.text(&[field]).filter(is_wrong).map(|_| {
        let fault = Fault::new("RG2901", "this is no name of a bucket")
            .hint("the name alone: what follows a slash belongs under `prefix`");
        Complaint::of(&[field], "RG2901", fault)
    })
}

/// Of the `bucket` that is going to be made.
pub fn check_made(with: &Late<'_>) -> Option<Complaint> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_wrong = |name: &&str| {
        let ends = name.starts_with(fits) && name.ends_with(fits);
        !(3..=63).contains(&name.len()) || !ends || !name.chars().all(|c| fits(c) || "-.".contains(c))
    };
    with.text(&["bucket"]).filter(is_wrong).map(|_| {
        let fault = Fault::new("RG2901", "no bucket of that name can be made")
            .hint("3 to 63 of a-z, 0-9, `-` and `.`, with a letter or digit at both ends");
        Complaint::of(&["bucket"], "RG2901", fault)
    })
}

/// How many calls at once unless a runbook says it.
pub fn parallel() -> usize {
    16
}

pub fn check_parallel(with: &Late<'_>) -> Option<Complaint> {
    let Known::Known(Value::Number(number)) = with.get(&["max_parallel"]) else { return None };
    let is_fine = number.as_u64().is_some_and(|number| (1..=MOST_PARALLEL as u64).contains(&number));
    (!is_fine).then(|| {
        let fault = Fault::new("RG2908", format!("`max_parallel` is from 1 to {MOST_PARALLEL}"))
            .hint("leave it out for 16, which most servers take");
        Complaint::of(&["max_parallel"], "RG2908", fault)
    })
}
