//! Backups kept by pgBackRest: which one to take, by its own catalogue; bringing it back, by its own `restore`.
//!
//! It chooses the latest backup where none fits the moment, so the choice is made here and passed on by name.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::choose::too_early;
use super::exec::{Account, Cancel, Said, capture, follow, full};
use super::params::PgBackrest;
use super::place::Place;
use super::prior::{Prior, Set};
use crate::model::{Fault, RetryClass};

/// One backup of the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    pub label: String,
    pub ended: Timestamp,
    pub bytes: u64,
    pub major: u32,
    pub system_identifier: String,
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

    fn command(&self, account: &Account) -> Command {
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
        let said = capture(self.command(account).args(["--output=json", "info"]))?;
        if !said.ok {
            return Err(failed(&said, "cannot tell what backups there are"));
        }
        let found = catalogue(&said.out, &self.stanza, self.repo)?;
        let earliest = found.iter().map(|it| it.ended).min().ok_or_else(|| {
            Fault::new("RG2403", format!("the stanza `{}` has no usable backup", self.stanza))
                .hint("look with `pgbackrest info`; name another `repo` if there is one")
        })?;
        let fits = found.into_iter().filter(|it| it.ended <= as_of);
        fits.max_by_key(|it| it.ended).ok_or_else(|| too_early(as_of, earliest))
    }

    /// Brings the files back. `held` is the lock of the place: it stays locked while the child lives, also without us.
    pub fn restore(
        &self,
        prior: &Prior,
        place: &Place,
        held: std::fs::File,
        cancel: &Cancel,
        mut percent: impl FnMut(f64),
    ) -> Result<(), Fault> {
        let mut command = self.command(&prior.account);
        command
            .arg(format!("--set={}", self.label))
            .arg("--type=time")
            .arg(format!("--target={}", prior.as_of.strftime("%Y-%m-%d %H:%M:%S.%6f+00")))
            .args(["--target-action=promote", "--archive-mode=off", "--log-level-console=detail"])
            .arg(format!("--pg1-path={}", place.data.display()))
            .arg(format!("--lock-path={}", place.own.display()))
            // Never to the places they had: on the same machine the live ones lie there.
            .arg(format!("--tablespace-map-all={}", place.own.join("tablespaces").display()));
        if let Some(count) = self.process_max {
            command.arg(format!("--process-max={count}"));
        }
        command.arg("restore").stdin(Stdio::from(held));
        let said = follow(&mut command, cancel, |line| {
            if let Some(value) = progress(line) {
                percent(value);
            }
        })?;
        cancel.check()?;
        if said.ok {
            return Ok(());
        }
        if [&said.out, &said.err].iter().any(|text| text.contains("No space left on device")) {
            let mut fault = full(&place.data);
            fault.causes = said.complaint();
            return Err(fault);
        }
        Err(failed(&said, "cannot restore the backup"))
    }
}

fn failed(said: &Said, what: &str) -> Fault {
    let mut fault = Fault::new("RG2419", format!("pgBackRest {what}"));
    fault.causes = said.complaint();
    match said.code {
        Some(50) => fault.hint("another pgBackRest holds the lock").retry(RetryClass::Later),
        Some(56 | 82) | None => fault.retry(RetryClass::Later),
        _ => fault.hint("run `pgbackrest info` and `pgbackrest check` as the same account"),
    }
}

/// `… restore file /x/base/1/1259 (88KB, 45.67%) checksum …`
fn progress(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("restore file ")?;
    let (_, inner) = rest.rsplit_once('(').filter(|(_, inner)| inner.contains("%)"))?;
    inner.split(", ").nth(1)?.split('%').next()?.parse().ok()
}

#[derive(Deserialize)]
struct Stanza {
    name: String,
    #[serde(default)]
    backup: Vec<Value>,
    #[serde(default)]
    db: Vec<Value>,
}

fn catalogue(json: &str, name: &str, repo: Option<u32>) -> Result<Vec<Found>, Fault> {
    let stanzas: Vec<Stanza> = serde_json::from_str(json)
        .map_err(|error| Fault::new("RG2419", "the catalogue of pgBackRest is not understood").caused_by(&error))?;
    let stanza = stanzas.into_iter().find(|it| it.name == name);
    let stanza = stanza.ok_or_else(|| Fault::new("RG2403", format!("pgBackRest knows no stanza `{name}`")))?;
    Ok(stanza.backup.iter().filter_map(|backup| usable(backup, &stanza.db, repo)).collect())
}

/// None where it had errors, is in another repository, or lacks what must be known.
fn usable(backup: &Value, databases: &[Value], repo: Option<u32>) -> Option<Found> {
    let number = |path: &str| backup.pointer(path)?.as_u64();
    let key = number("/database/repo-key");
    if backup.get("error").and_then(Value::as_bool) == Some(true) || (repo.is_some() && key != repo.map(u64::from)) {
        return None;
    }
    let id = number("/database/id")?;
    let same = |db: &&Value| {
        db.get("id").and_then(Value::as_u64) == Some(id) && db.get("repo-key").and_then(Value::as_u64) == key
    };
    let database = databases.iter().find(same)?;
    let stop = i64::try_from(number("/timestamp/stop")?).ok()?;
    Some(Found {
        label: backup.get("label")?.as_str()?.into(),
        // Whole seconds; pgBackRest itself refuses a moment within the last one.
        ended: Timestamp::from_second(stop).ok()? + SignedDuration::from_secs(1),
        bytes: number("/info/size")?,
        major: database.get("version")?.as_str()?.split('.').next()?.parse().ok()?,
        system_identifier: database.get("system-id")?.to_string(),
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

    #[test]
    fn progress_is_read_from_its_words() {
        assert_eq!(progress("P01 DETAIL: restore file /x (y)/base/1/1259 (88KB, 45.67%) checksum 0af"), Some(45.67));
        assert_eq!(progress("P00 INFO: restore size = 21.9MB, file total = 965"), None);
    }
}
