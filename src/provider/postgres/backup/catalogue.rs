//! Backups kept by pgBackRest, by its own catalogue.
//!
//! It chooses the latest backup where none fits the moment, so the choice is made here and passed on by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::choose::too_early;
use super::exec::{Account, Said, capture};
use super::source::{PgBackrest, Set};
use crate::model::{Fault, RetryClass};

/// One backup of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub label: String,
    pub ended: Timestamp,
    pub bytes: u64,
    pub major: u32,
    pub system_identifier: String,
    last: Option<Last>,
}

/// The newest segment of the WAL that goes on from a backup, and the archive it lies in.
#[derive(Clone, Debug, PartialEq)]
struct Last {
    archive: String,
    segment: String,
}

impl Set {
    pub fn of(with: &PgBackrest, path: impl Fn(&str) -> PathBuf) -> Self {
        Self {
            program: with.program.as_deref().map_or_else(|| "pgbackrest".into(), &path),
            stanza: with.stanza.clone(),
            config: with.config.as_deref().map(path),
            repo: with.repo,
            process_max: with.process_max,
            label: String::new(),
        }
    }

    pub fn command(&self, account: &Account) -> Command {
        let mut command = account.command(&self.program);
        command.arg(format!("--stanza={}", self.stanza)).arg("--log-level-file=off");
        if let Some(config) = &self.config {
            command.arg(format!("--config={}", config.display()));
        }
        if let Some(repo) = self.repo {
            command.arg(format!("--repo={repo}"));
        }
        command
    }

    /// The newest backup that ended before `as_of`.
    pub fn choose(&self, account: &Account, as_of: Timestamp) -> Result<Found, Fault> {
        let found = self.usable(account)?;
        let earliest = found.last().map(|it| it.ended).unwrap_or(as_of);
        found.into_iter().find(|it| it.ended <= as_of).ok_or_else(|| too_early(as_of, earliest))
    }

    /// All that can be used, the newest first. Fails where there is none.
    pub fn usable(&self, account: &Account) -> Result<Vec<Found>, Fault> {
        let said = capture(self.command(account).args(["--output=json", "info"]))?;
        if !said.ok {
            return Err(failed(&said, "cannot tell what backups there are"));
        }
        let mut found = catalogue(&said.out, &self.stanza, self.repo)?;
        if found.is_empty() {
            return Err(Fault::new("RG2403", format!("the stanza `{}` has no usable backup", self.stanza))
                .hint("look with `pgbackrest info`; name another `repo` if there is one"));
        }
        found.sort_by_key(|it| std::cmp::Reverse(it.ended));
        Ok(found)
    }

    /// When the newest segment of its WAL came into the repository, by the date that this gives it. None where it cannot be told.
    pub fn archived(&self, account: &Account, backup: &Found) -> Option<Timestamp> {
        let Last { archive, segment } = backup.last.as_ref()?;
        let folder = format!("archive/{}/{archive}/{}", self.stanza, segment.get(..16)?);
        let mut list = self.command(account);
        let said =
            capture(list.args(["--output=json", &format!("--filter=^{segment}"), "repo-ls"]).arg(folder)).ok()?;
        let files: BTreeMap<String, Value> = serde_json::from_str(&said.out).ok()?;
        files.values().filter_map(|file| Timestamp::from_second(file.get("time")?.as_i64()?).ok()).max()
    }
}

pub fn failed(said: &Said, what: &str) -> Fault {
    let mut fault = Fault::new("RG2419", format!("pgBackRest {what}"));
    fault.causes = said.complaint();
    match said.code {
        Some(50) => fault.hint("another pgBackRest holds the lock").retry(RetryClass::Later),
        Some(56 | 82) | None => fault.retry(RetryClass::Later),
        _ => fault.hint("run `pgbackrest info` and `pgbackrest check` as the same account"),
    }
}

#[derive(Deserialize)]
struct Stanza {
    name: String,
    #[serde(default)]
    backup: Vec<Value>,
    #[serde(default)]
    archive: Vec<Value>,
    #[serde(default)]
    db: Vec<Value>,
}

fn catalogue(json: &str, name: &str, repo: Option<u32>) -> Result<Vec<Found>, Fault> {
    let stanzas: Vec<Stanza> = serde_json::from_str(json)
        .map_err(|error| Fault::new("RG2419", "the catalogue of pgBackRest is not understood").caused_by(&error))?;
    let stanza = stanzas.into_iter().find(|it| it.name == name);
    let stanza = stanza.ok_or_else(|| Fault::new("RG2403", format!("pgBackRest knows no stanza `{name}`")))?;
    Ok(stanza.backup.iter().filter_map(|backup| usable(backup, &stanza, repo)).collect())
}

/// None where it had errors, is in another repository, or lacks what must be known.
fn usable(backup: &Value, stanza: &Stanza, repo: Option<u32>) -> Option<Found> {
    let number = |path: &str| backup.pointer(path)?.as_u64();
    let key = number("/database/repo-key");
    if backup.get("error").and_then(Value::as_bool) == Some(true) || (repo.is_some() && key != repo.map(u64::from)) {
        return None;
    }
    let id = number("/database/id")?;
    let same = |db: &&Value| {
        db.get("id").and_then(Value::as_u64) == Some(id) && db.get("repo-key").and_then(Value::as_u64) == key
    };
    let database = stanza.db.iter().find(same)?;
    let archive = stanza.archive.iter().find(|it| it.get("database") == backup.get("database"));
    let text = |key: &str| archive?.get(key)?.as_str().map(str::to_owned);
    let stop = i64::try_from(number("/timestamp/stop")?).ok()?;
    Some(Found {
        label: backup.get("label")?.as_str()?.into(),
        // Whole seconds; pgBackRest itself refuses a moment within the last one.
        ended: Timestamp::from_second(stop).ok()? + SignedDuration::from_secs(1),
        bytes: number("/info/size")?,
        major: database.get("version")?.as_str()?.split('.').next()?.parse().ok()?,
        system_identifier: database.get("system-id")?.to_string(),
        last: text("id").zip(text("max")).map(|(archive, segment)| Last { archive, segment }),
    })
}

/// The owner of its repository, where that is a folder here: who pgBackRest usually runs as.
pub fn usual_account(config: Option<&Path>) -> Option<Account> {
    let text = std::fs::read_to_string(config.unwrap_or(Path::new("/etc/pgbackrest.conf")))
        .or_else(|_| std::fs::read_to_string("/etc/pgbackrest/pgbackrest.conf"));
    let text = text.ok()?;
    let value = |key: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            (name.trim() == key).then(|| value.trim().to_string())
        })
    };
    Account::owner_of(Path::new(&value("repo1-path")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_names_backups_with_their_end() {
        let json = r#"[{"name":"s","db":[{"id":1,"repo-key":1,"system-id":7711731908262662336,"version":"15"}],"backup":[
            {"label":"A","error":false,"database":{"id":1,"repo-key":1},"info":{"size":7},"timestamp":{"start":1,"stop":1795527868}},
            {"label":"B","error":true,"database":{"id":1,"repo-key":1},"info":{"size":7},"timestamp":{"start":1,"stop":1795527869}}]}]"#;
        let found = catalogue(json, "s", None).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].label.as_str(), found[0].major, found[0].bytes), ("A", 15, 7));
        assert_eq!(found[0].system_identifier, "7711731908262662336");
        assert_eq!(found[0].ended.as_second(), 1795527869);
        assert!(catalogue(json, "s", Some(2)).unwrap().is_empty());
        assert_eq!(catalogue(json, "t", None).unwrap_err().code, "RG2403");
    }
}
