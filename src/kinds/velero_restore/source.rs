//! Which backup it is, and whether it can be restored.

use jiff::Timestamp;
use serde_json::Value;

use super::params::{Newest, Params, Source, own};
use crate::model::{Fault, RetryClass};
use crate::provider::kubernetes::{Cluster, field, metadata};

/// By which Velero marks what a schedule made.
const SCHEDULE: &str = "velero.io/schedule-name";
/// Of names that a hint repeats.
const SHOWN: usize = 5;

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
pub async fn choose(cluster: &Cluster, with: &Params) -> Result<Value, Fault> {
    let kind = own("Backup");
    let all = || cluster.list(&kind, &with.namespace, "");
    match &with.backup {
        Source::Name(name) => {
            backup_name(name)?;
            match cluster.place(&with.named("Backup", name)).await?.find().await? {
                Some(backup) => Ok(backup),
                None => Err(absent(name, &all().await?)),
            }
        }
        Source::Newest(wanted) => {
            let as_of = moment(&wanted.as_of)?;
            if as_of > Timestamp::now() {
                return Err(Fault::new("RG3109", format!("`as_of` {as_of} lies in the future"))
                    .hint("name the last good moment"));
            }
            newest(wanted, as_of, all().await?)
        }
    }
}

/// Of those that the schedule made and that were complete by then. What was written after that moment may be what broke.
fn newest(wanted: &Newest, as_of: Timestamp, all: Vec<Value>) -> Result<Value, Fault> {
    let made = |backup: &Value| backup["metadata"]["labels"][SCHEDULE] == wanted.schedule.as_str();
    let all: Vec<Value> = all.into_iter().filter(made).collect();
    let whole = |backup: &&Value| phase(backup) == "Completed" && completed(backup).is_some_and(|at| at <= as_of);
    if let Some(found) = all.iter().filter(whole).max_by_key(|backup| completed(backup)) {
        return Ok(found.clone());
    }
    let what = format!("no backup of the schedule `{}` was complete by {as_of}", wanted.schedule);
    let mut fault = Fault::new("RG3102", what).retry(RetryClass::Later).hint(match all.is_empty() {
        true => "there is none of that schedule: look at its name; a Velero that was just installed reads its locations once a minute",
        false => "one that is only partly whole is taken only by its name",
    });
    fault.causes = described(&all);
    Err(fault)
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
    fault.causes = described(all);
    fault
}

/// The newest first.
fn described(all: &[Value]) -> Vec<String> {
    let mut all: Vec<&Value> = all.iter().collect();
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
pub fn judge_location(backup: &Value, location: Option<&Value>) -> Result<(), Fault> {
    let (name, place) = (metadata(backup, "name"), location_of(backup));
    let Some(location) = location else {
        return Err(Fault::new(
            "RG3104",
            format!("the storage location `{place}` of the backup `{name}` is not there"),
        )
        .hint("make it under that name, with access mode ReadOnly, as it was where the backup was made"));
    };
    if field(location, "status.phase") != "Available" {
        let mut fault = Fault::new("RG3104", format!("the storage location `{place}` is not available"))
            .hint("look whether its bucket is there and its credentials are right; Velero looks again once a minute")
            .retry(RetryClass::Later);
        fault.causes.extend(field(location, "status.message").as_str().map(str::to_owned));
        return Err(fault);
    }
    // What was read from the bucket is made here before its volumes are.
    let (made, whole) = (time(backup, "metadata.creationTimestamp"), completed(backup));
    let synced = time(location, "status.lastSyncedTime");
    if made > whole && synced <= made {
        return Err(Fault::new(
            "RG3102",
            format!("the backup `{name}` was just found in its location, its volumes may not be"),
        )
        .hint("wait a minute, then `regrow retry STEP`")
        .retry(RetryClass::Later));
    }
    Ok(())
}

pub fn location_of(backup: &Value) -> &str {
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
    if let Some(end) = time(backup, "status.expiration")
        && end < Timestamp::now()
    {
        lines.push(format!("expired at {end}: Velero may delete it at any time"));
    }
    lines
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
            backup("n-1", "nightly", "Completed", "2026-11-20T00:01:00Z"),
            backup("n-3", "nightly", "Completed", "2026-11-22T00:01:00Z"),
            backup("n-2", "nightly", "Completed", "2026-11-21T00:01:00Z"),
            backup("n-4", "nightly", "PartiallyFailed", "2026-11-23T00:01:00Z"),
            backup("h-1", "hourly", "Completed", "2026-11-23T07:00:00Z"),
        ];
        let found = |as_of: &str| {
            let wanted = Newest { schedule: "nightly".into(), as_of: as_of.into() };
            newest(&wanted, as_of.parse().unwrap(), all.clone()).map(|found| metadata(&found, "name").to_owned())
        };
        assert_eq!(found("2026-11-21T12:00:00Z").unwrap(), "n-2");
        assert_eq!(found("2026-11-22T00:01:00Z").unwrap(), "n-3");
        assert_eq!(found("2026-11-24T00:00:00Z").unwrap(), "n-3", "a part of it is not enough");
        let fault = found("2026-11-19T00:00:00Z").unwrap_err();
        assert_eq!((fault.code.as_str(), fault.retry), ("RG3102", RetryClass::Later));
        assert_eq!(fault.causes[0], "n-4: PartiallyFailed, complete at 2026-11-23T00:01:00Z");
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
        let code = |backup: &Value, location: Option<Value>| {
            judge_location(backup, location.as_ref()).err().map(|fault| fault.code)
        };
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
