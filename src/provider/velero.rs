//! Backups of Velero: which one it is, whether it can be restored, and what there is.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::kubernetes::{Cluster, GroupVersionKind, Named, field, metadata};
use crate::kind::stock::{Held, Reach, Stock};
use crate::model::{Fault, RetryClass};

/// By which Velero marks what a schedule made.
const SCHEDULE: &str = "velero.io/schedule-name";
/// Of names that a hint repeats.
const SHOWN: usize = 5;

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Source {
    Name(String),
    Newest(Newest),
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Newest {
    /// The schedule by which it was made; the schedule itself need not be there any more.
    pub schedule: String,
    /// The moment wanted, as RFC 3339: the last at which everything was surely good.
    pub as_of: String,
}

impl Source {
    pub fn meant(&self) -> Meant<'_> {
        match self {
            Self::Name(name) => Meant::Name(name),
            Self::Newest(wanted) => Meant::Schedule(&wanted.schedule),
        }
    }
}

/// What is looked for, whatever moment is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Meant<'a> {
    Name(&'a str),
    Schedule(&'a str),
}

/// The namespace that Velero runs in unless said.
pub fn usual_namespace() -> String {
    "velero".to_owned()
}

/// A kind of Velero's own.
fn own(kind: &str) -> GroupVersionKind {
    GroupVersionKind::gvk("velero.io", "v1", kind)
}

/// An object in the namespace of Velero.
pub fn named(namespace: &str, kind: &str, name: &str) -> Named {
    Named { kind: own(kind), name: name.to_owned(), namespace: Some(namespace.to_owned()) }
}

/// As the cluster wants it.
pub fn backup_name(text: &str) -> Result<(), Fault> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if !text.is_empty() && text.len() <= 253 && text.chars().all(fits) {
        return Ok(());
    }
    Err(Fault::new("RG3109", format!("`{text}` is no name of a backup"))
        .hint("as `velero backup get` lists it; or `{schedule: NAME, as_of: TIME}` for the newest of a schedule"))
}

/// The moment that `as_of` names.
pub fn moment(text: &str) -> Result<Timestamp, Fault> {
    crate::runbook::moment::parse(text, "RG3109")
}

/// The backup that is meant.
pub async fn choose(cluster: &Cluster, namespace: &str, source: &Source) -> Result<Value, Fault> {
    match source {
        Source::Name(name) => of_name(cluster, namespace, name).await,
        Source::Newest(wanted) => {
            let as_of = moment(&wanted.as_of)?;
            if as_of > Timestamp::now() {
                return Err(Fault::new("RG3109", format!("`as_of` {as_of} lies in the future"))
                    .hint("name the last good moment"));
            }
            let all = all(cluster, namespace).await?;
            whole(&wanted.schedule, as_of, &all).map(|found| found[0].clone())
        }
    }
}

async fn all(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, Fault> {
    cluster.list(&own("Backup"), namespace, "").await
}

/// All that regrow made.
pub async fn restores(cluster: &Cluster, namespace: &str) -> Result<Vec<Value>, Fault> {
    cluster.list(&own("Restore"), namespace, "app.kubernetes.io/managed-by=regrow").await
}

async fn of_name(cluster: &Cluster, namespace: &str, name: &str) -> Result<Value, Fault> {
    backup_name(name)?;
    match cluster.place(&named(namespace, "Backup", name)).await?.find().await? {
        Some(backup) => Ok(backup),
        None => Err(absent(name, &all(cluster, namespace).await?)),
    }
}

/// Of those that the schedule made, all that were complete by then, the newest first; never none. What was written after that
/// moment may be what broke.
fn whole<'a>(schedule: &str, as_of: Timestamp, all: &'a [Value]) -> Result<Vec<&'a Value>, Fault> {
    let made: Vec<&Value> = of_schedule(schedule, all).collect();
    let whole = |backup: &&&Value| phase(backup) == "Completed" && completed(backup).is_some_and(|at| at <= as_of);
    let mut found: Vec<&Value> = made.iter().filter(whole).copied().collect();
    // Times are whole seconds; the names of a schedule's backups end with theirs.
    found.sort_by_key(|backup| std::cmp::Reverse((completed(backup), metadata(backup, "name"))));
    if !found.is_empty() {
        return Ok(found);
    }
    let what = format!("no backup of the schedule `{schedule}` was complete by {as_of}");
    let mut fault = Fault::new("RG3102", what).retry(RetryClass::Later).hint(match made.is_empty() {
        true => "there is none of that schedule: look at its name; a Velero that was just installed reads its locations once a minute",
        false => "one that is only partly whole is taken only by its name",
    });
    fault.causes = described(made);
    Err(fault)
}

fn of_schedule<'a>(schedule: &str, all: &'a [Value]) -> impl Iterator<Item = &'a Value> {
    all.iter().filter(move |backup| backup["metadata"]["labels"][SCHEDULE] == schedule)
}

/// Its location, if that can be read.
pub async fn available(cluster: &Cluster, namespace: &str, backup: &Value) -> Result<Value, Fault> {
    let location = cluster.place(&named(namespace, "BackupStorageLocation", location_of(backup))).await?;
    judge_location(backup, location.find().await?)
}

/// Where a backup lies, as far as both are there.
pub async fn location_named(cluster: &Cluster, namespace: &str, backup: &str) -> Result<Option<Value>, Fault> {
    let Some(backup) = cluster.place(&named(namespace, "Backup", backup)).await?.find().await? else { return Ok(None) };
    cluster.place(&named(namespace, "BackupStorageLocation", location_of(&backup))).await?.find().await
}

/// Whether the backup holds the namespaces that are wanted of it. Patterns are Velero's to read.
pub fn holds(backup: &Value, wanted: &[String]) -> Result<(), Fault> {
    let list = |path: &str| -> Vec<&str> {
        field(backup, path).as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let (held, left_out) = (list("spec.includedNamespaces"), list("spec.excludedNamespaces"));
    let is_pattern = |name: &str| name.contains(['*', '?', '[', '{']);
    let is_held = |name: &str| {
        let in_it = held.is_empty() || held.iter().any(|one| *one == name || is_pattern(one));
        is_pattern(name) || (in_it && !left_out.contains(&name))
    };
    let Some(missing) = wanted.iter().find(|name| !is_held(name)) else { return Ok(()) };
    let what = format!("the backup `{}` does not hold the namespace `{missing}`", metadata(backup, "name"));
    let told = match held.is_empty() || held.iter().any(|one| is_pattern(one)) {
        true => format!("it was made without: {}", left_out.join(", ")),
        false => format!("it holds: {}", held.join(", ")),
    };
    Err(Fault::new("RG3109", what).hint(format!("{told}; look at `include_namespaces`, or name another backup")))
}

/// What there is, whether or not a recovery is wanted.
pub async fn stock(cluster: &Cluster, namespace: &str, meant: Meant<'_>) -> Result<Stock, Fault> {
    let all = all(cluster, namespace).await?;
    let by_name;
    let (found, place) = match meant {
        Meant::Name(name) => {
            by_name = of_name(cluster, namespace, name).await?;
            judge(&by_name)?;
            (vec![&by_name], format!("backup {name} of Velero"))
        }
        Meant::Schedule(schedule) => {
            (whole(schedule, Timestamp::now(), &all)?, format!("schedule {schedule} of Velero"))
        }
    };
    let newest = found[0];
    available(cluster, namespace, newest).await?;
    let held = |backup: &Value| {
        let items = field(backup, "status.progress.itemsBackedUp").as_u64();
        Some(Held { name: metadata(backup, "name").to_owned(), at: completed(backup)?, bytes: None, items })
    };
    let never = || Fault::new("RG3103", format!("the backup `{}` has no end", metadata(newest, "name")));
    let whole = held(newest).ok_or_else(never)?;
    let reach = Reach::Until(whole.at);
    let before = found.get(1).and_then(|backup| held(backup));
    let since = found.last().and_then(|backup| completed(backup));
    let failed = match meant {
        Meant::Name(_) => None,
        Meant::Schedule(schedule) => of_schedule(schedule, &all).find(|backup| is_newer_failure(backup, newest)),
    };
    let doubts = expired(newest).into_iter().chain(partly(newest)).chain(failed.map(unusable)).collect();
    Ok(Stock { place, newest: whole, before, reach, since, latest: None, doubts })
}

/// Made after that one, and nothing that will become whole by waiting.
fn is_newer_failure(backup: &Value, newest: &Value) -> bool {
    let failed = matches!(phase(backup), "PartiallyFailed" | "Failed" | "FailedValidation");
    failed && time(backup, "metadata.creationTimestamp") > time(newest, "metadata.creationTimestamp")
}

fn unusable(backup: &Value) -> Fault {
    let what = format!("a newer backup cannot be used: `{}` is {}", metadata(backup, "name"), phase(backup));
    Fault::new("RG3206", what).hint("`velero backup describe NAME --details` says what failed; make another one")
}

fn partly(backup: &Value) -> Option<Fault> {
    (phase(backup) == "PartiallyFailed").then(|| {
        let errors = field(backup, "status.errors").as_u64().unwrap_or_default();
        let what = format!("the backup `{}` is not whole: {errors} errors when it was made", metadata(backup, "name"));
        Fault::new("RG3206", what).hint("`velero backup describe NAME --details` says what failed; make another one")
    })
}

fn expired(backup: &Value) -> Option<Fault> {
    let end = expiry(backup)?;
    let what = format!("the backup `{}` expired at {end}: Velero may delete it at any time", metadata(backup, "name"));
    Some(Fault::new("RG3207", what).hint("make another one, or see why the schedule makes none"))
}

/// Not there, or not yet: the location is read once a minute.
fn absent(name: &str, all: &[Value]) -> Fault {
    let hint = match all.is_empty() {
        true => {
            "Velero knows no backup at all: after its start it reads its locations once a minute; then `regrow retry STEP`"
        }
        false => "the causes list the newest that there are; one that was just made elsewhere comes within a minute",
    };
    let mut fault = Fault::new("RG3102", format!("there is no backup `{name}`")).hint(hint).retry(RetryClass::Later);
    fault.causes = described(all.iter().collect());
    fault
}

/// The newest first.
fn described(mut all: Vec<&Value>) -> Vec<String> {
    all.sort_by_key(|backup| std::cmp::Reverse(time(backup, "status.startTimestamp")));
    let line = |backup: &&Value| {
        let when =
            time(backup, "status.completionTimestamp").map(|at| format!(", complete at {at}")).unwrap_or_default();
        format!("{}: {}{when}", metadata(backup, "name"), phase(backup))
    };
    let mut lines: Vec<String> = all.iter().take(SHOWN).map(line).collect();
    let more = all.len().saturating_sub(SHOWN);
    lines.extend((more > 0).then(|| format!("and {more} older ones")));
    lines
}

/// Whether the backup itself can be restored.
pub fn judge(backup: &Value) -> Result<(), Fault> {
    let name = metadata(backup, "name");
    let (why, hint, retry) = match phase(backup) {
        "Completed" | "PartiallyFailed" => return Ok(()),
        "Failed" | "FailedValidation" => ("has failed", "name another one", RetryClass::Never),
        "Deleting" => ("is being deleted", "name another one", RetryClass::Never),
        _ => ("is not complete yet", "wait for its end, then `regrow retry STEP`", RetryClass::Later),
    };
    Err(Fault::new("RG3103", format!("the backup `{name}` {why}")).hint(hint).retry(retry))
}

/// Whether what the backup holds can be read, and all of it is known here.
fn judge_location(backup: &Value, location: Option<Value>) -> Result<Value, Fault> {
    let (name, place) = (metadata(backup, "name"), location_of(backup));
    let Some(location) = location else {
        return Err(Fault::new(
            "RG3104",
            format!("the storage location `{place}` of the backup `{name}` is not there"),
        )
        .hint("make it under that name, with access mode ReadOnly, as it was where the backup was made"));
    };
    if field(&location, "status.phase") != "Available" {
        let mut fault = Fault::new("RG3104", format!("the storage location `{place}` is not available"))
            .hint("look whether its bucket is there and its credentials are right; Velero looks again once a minute")
            .retry(RetryClass::Later);
        fault.causes.extend(field(&location, "status.message").as_str().map(str::to_owned));
        return Err(fault);
    }
    // What was read from the bucket is made here before its volumes are.
    let (made, whole) = (time(backup, "metadata.creationTimestamp"), completed(backup));
    let synced = time(&location, "status.lastSyncedTime");
    if made > whole && synced <= made {
        return Err(Fault::new(
            "RG3102",
            format!("the backup `{name}` was just found in its location, its volumes may not be"),
        )
        .hint("wait a minute, then `regrow retry STEP`")
        .retry(RetryClass::Later));
    }
    Ok(location)
}

fn location_of(backup: &Value) -> &str {
    field(backup, "spec.storageLocation").as_str().unwrap_or("default")
}

/// What a person should know of it before.
pub fn words(backup: &Value) -> Vec<String> {
    let made = match backup["metadata"]["labels"][SCHEDULE].as_str() {
        Some(schedule) => format!(" of the schedule {schedule}"),
        None => String::new(),
    };
    let when = completed(backup).map(|at| format!(", complete at {at}")).unwrap_or_default();
    let items = field(backup, "status.progress.itemsBackedUp").as_u64().unwrap_or_default();
    let place = location_of(backup);
    let mut lines =
        vec![format!("backup {}{made}{when}: {items} items in the location {place}", metadata(backup, "name"))];
    if phase(backup) == "PartiallyFailed" {
        let errors = field(backup, "status.errors").as_u64().unwrap_or_default();
        lines.push(format!("not whole: {errors} errors when it was made"));
    }
    if let Some(end) = expiry(backup) {
        lines.push(format!("expired at {end}: Velero may delete it at any time"));
    }
    lines
}

/// When its time was over, if it is.
pub fn expiry(backup: &Value) -> Option<Timestamp> {
    time(backup, "status.expiration").filter(|end| *end < Timestamp::now())
}

/// When it was complete.
pub fn completed(backup: &Value) -> Option<Timestamp> {
    time(backup, "status.completionTimestamp")
}

fn phase(backup: &Value) -> &str {
    field(backup, "status.phase").as_str().unwrap_or("New")
}

fn time(object: &Value, path: &str) -> Option<Timestamp> {
    field(object, path).as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn backup(name: &str, schedule: &str, phase: &str, end: &str) -> Value {
        json!({"metadata": {"name": name, "labels": {SCHEDULE: schedule}, "creationTimestamp": end},
            "status": {"phase": phase, "startTimestamp": end, "completionTimestamp": end}})
    }

    #[test]
    fn the_newest_that_was_whole_by_then_is_taken() {
        let all = vec![
            backup("n-0", "nightly", "Completed", "2026-11-22T00:01:00Z"),
            backup("n-1", "nightly", "Completed", "2026-11-20T00:01:00Z"),
            backup("n-3", "nightly", "Completed", "2026-11-22T00:01:00Z"),
            backup("n-2", "nightly", "Completed", "2026-11-21T00:01:00Z"),
            backup("n-4", "nightly", "PartiallyFailed", "2026-11-23T00:01:00Z"),
            backup("h-1", "hourly", "Completed", "2026-11-23T07:00:00Z"),
        ];
        let found = |as_of: &str| {
            whole("nightly", as_of.parse().unwrap(), &all).map(|found| metadata(found[0], "name").to_owned())
        };
        assert_eq!(found("2026-11-21T12:00:00Z").unwrap(), "n-2");
        assert_eq!(found("2026-11-22T00:01:00Z").unwrap(), "n-3");
        assert_eq!(found("2026-11-24T00:00:00Z").unwrap(), "n-3", "a part of it is not enough");
        let fault = found("2026-11-19T00:00:00Z").unwrap_err();
        assert_eq!((fault.code.as_str(), fault.retry), ("RG3102", RetryClass::Later));
        assert_eq!(fault.causes[0], "n-4: PartiallyFailed, complete at 2026-11-23T00:01:00Z");
    }

    #[test]
    fn a_namespace_that_a_backup_does_not_hold_is_not_looked_for_in_it() {
        let holds = |held: &[&str], left_out: &[&str], wanted: &str| {
            let spec = json!({"includedNamespaces": held, "excludedNamespaces": left_out});
            super::holds(&json!({"metadata": {"name": "b"}, "spec": spec}), &[wanted.to_owned()])
        };
        for (held, left_out, wanted) in [
            (&["edx"][..], &[][..], "edx"),
            (&[], &[], "edx"),
            (&["*"], &["x"], "edx"),
            (&["ed*"], &[], "edx"),
            (&["edx"], &[], "e*"),
        ] {
            assert_eq!(holds(held, left_out, wanted), Ok(()), "{held:?} {left_out:?} {wanted}");
        }
        let fault = holds(&["edx", "web"], &[], "edx-typo").unwrap_err();
        assert!(fault.code == "RG3109" && fault.hint.unwrap().starts_with("it holds: edx, web;"));
        let fault = holds(&["*"], &["edx"], "edx").unwrap_err();
        assert!(fault.hint.unwrap().starts_with("it was made without: edx;"));
    }

    #[test]
    fn only_what_is_whole_and_can_be_read_is_restored() {
        let code = |phase| judge(&backup("b", "s", phase, "2026-11-20T00:01:00Z")).err().map(|fault| fault.code);
        assert_eq!((code("Completed"), code("PartiallyFailed")), (None, None));
        for phase in ["New", "InProgress", "Failed", "FailedValidation", "Deleting", "SomethingNew"] {
            assert_eq!(code(phase).as_deref(), Some("RG3103"), "{phase}");
        }
        let mut found = backup("b", "s", "Completed", "2026-11-20T00:01:00Z");
        let location = |phase: &str, synced: &str| json!({"status": {"phase": phase, "lastSyncedTime": synced}});
        let code =
            |backup: &Value, location: Option<Value>| judge_location(backup, location).err().map(|fault| fault.code);
        assert_eq!(code(&found, None).as_deref(), Some("RG3104"));
        assert_eq!(code(&found, Some(location("Unavailable", ""))).as_deref(), Some("RG3104"));
        assert_eq!(code(&found, Some(location("Available", ""))), None, "it was made here");
        // Read from a bucket: the object is younger than the backup.
        found["metadata"]["creationTimestamp"] = json!("2026-11-25T10:00:00Z");
        for (synced, wanted) in
            [("", Some("RG3102")), ("2026-11-25T10:00:00Z", Some("RG3102")), ("2026-11-25T10:00:01Z", None)]
        {
            assert_eq!(code(&found, Some(location("Available", synced))).as_deref(), wanted, "{synced}");
        }
    }
}
