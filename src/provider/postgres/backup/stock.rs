//! What there is of backups, and how far they reach.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};

use super::catalogue::{Found, usual_account};
use super::choose::{Chosen, Ignored, Question, Usable, usable};
use super::exec::{Account, io};
use super::reach::{gap, reach};
use super::source::{Backup, PgBackrest, Set, Wal, WalSource};
use crate::kind::stock::{Held, Reach, Stock};
use crate::model::Fault;

/// Where it lies, and with what it is looked at.
pub struct Wanted<'a> {
    pub backup: &'a Backup,
    pub bin_directory: Option<&'a str>,
    pub run_as: Option<&'a str>,
}

pub fn stock(wanted: &Wanted<'_>, path: impl Fn(&str) -> PathBuf) -> Result<Stock, Fault> {
    wanted.backup.refuse_contradictions()?;
    match (&wanted.backup.base, &wanted.backup.wal, &wanted.backup.pgbackrest) {
        (_, _, Some(kept)) => of_pgbackrest(wanted, kept, path),
        (Some(base), Some(wal), None) => of_base(wanted, base, wal, path),
        _ => Err(Fault::new("RG2401", "`backup` needs `base` and `wal`, or `pgbackrest`")),
    }
}

fn of_base(wanted: &Wanted<'_>, base: &str, wal: &Wal, path: impl Fn(&str) -> PathBuf) -> Result<Stock, Fault> {
    let base = path(base);
    let wal = WalSource::of(wal, &path);
    let scratch = tempfile::tempdir().map_err(|error| io("writing", &std::env::temp_dir(), &error))?;
    let named = wanted.bin_directory.map(path);
    let question = Question { base: &base, wal: &wal, bin_directory: named.as_deref(), scratch: scratch.path() };
    let Usable { found, ignored } = usable(&question)?;
    let newest = &found[0];
    let mut doubts: Vec<Fault> = ignored.iter().filter(|it| is_newer(it, newest)).map(Ignored::doubt).collect();
    let (reach, latest) = match &wal {
        WalSource::Folder(folder) => reached(newest, folder, &wal, &mut doubts)?,
        WalSource::Command(_) => (Reach::AtLeast(newest.ended), None),
    };
    Ok(Stock {
        place: format!("base backups in {}", base.display()),
        newest: held(newest),
        before: found.get(1).map(held),
        reach,
        since: found.last().map(|it| it.ended),
        latest,
        doubts,
    })
}

/// The last transaction of the archive, and the last moment that can be asked for: recovery stops in front of one.
fn reached(
    newest: &Chosen,
    folder: &Path,
    wal: &WalSource,
    doubts: &mut Vec<Fault>,
) -> Result<(Reach, Option<Timestamp>), Fault> {
    let found = reach(newest, folder, wal)?;
    let size = newest.control.segment_size;
    doubts.extend(found.missing.map(|missing| gap(missing, size, folder, ": nothing after it can be had")));
    Ok(match found.at {
        // Idle since the backup: nothing that was written is lacking.
        Some(at) if at < newest.ended => (Reach::Until(newest.ended), Some(newest.ended)),
        Some(at) => (Reach::Until(at), Some((at - SignedDuration::from_micros(1)).max(newest.ended))),
        None => (Reach::AtLeast(newest.ended), None),
    })
}

impl Ignored {
    fn doubt(&self) -> Fault {
        let what = format!("a newer backup cannot be used: `{}`", self.path.display());
        let mut fault = Fault::new("RG3206", what).hint("unless it is still being made, take another one");
        fault.causes = vec![self.fault.message.clone()];
        fault
    }
}

/// By the date of its folder: of itself it cannot tell.
fn is_newer(ignored: &Ignored, newest: &Chosen) -> bool {
    let changed = fs::metadata(&ignored.path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::now());
    Timestamp::try_from(changed).map_or(true, |changed| changed > newest.ended)
}

fn held(chosen: &Chosen) -> Held {
    let name = chosen.form.path().display().to_string();
    Held { name, at: chosen.ended, bytes: Some(chosen.contents.bytes), items: None }
}

fn of_pgbackrest(wanted: &Wanted<'_>, kept: &PgBackrest, path: impl Fn(&str) -> PathBuf) -> Result<Stock, Fault> {
    let set = Set::of(kept, path);
    let account = Account::to_run(wanted.run_as, usual_account(set.config.as_deref()))?;
    let found = set.usable(&account)?;
    let newest = &found[0];
    let held = |it: &Found| Held { name: it.label.clone(), at: it.ended, bytes: Some(it.bytes), items: None };
    Ok(Stock {
        place: format!("pgBackRest stanza {}", set.stanza),
        newest: held(newest),
        before: found.get(1).map(held),
        reach: Reach::AtLeast(set.archived(&account, newest).map_or(newest.ended, |at| at.max(newest.ended))),
        since: found.last().map(|it| it.ended),
        latest: None,
        doubts: Vec::new(),
    })
}
