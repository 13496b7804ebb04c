//! Looks at everything the restore needs before anything is made: backup, WAL, programs, account, disk, place, port.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::exec::{Account, io, is_root};
use super::params::{Params, moment};
use super::place::{Claim, Place};
use super::prior::{Prior, Source};
use crate::kind::{Made, Op, Prepared, ReadCx};
use crate::model::{Fault, RetryClass};
use crate::provider::postgres::backup::catalogue::usual_account;
use crate::provider::postgres::backup::choose::{Chosen, Question, choose};
use crate::provider::postgres::backup::programs::bin_directory;
use crate::provider::postgres::backup::reach::{Reach, gap, reach};
use crate::provider::postgres::backup::source::{PgBackrest, Set, WalSource};
use crate::provider::postgres::backup::wal::Segment;

/// What the two ways of keeping backups have in common.
struct Backup {
    source: Source,
    bin: PathBuf,
    account: Account,
    ended: Timestamp,
    bytes: u64,
    /// Room for WAL while it is replayed.
    wal_bytes: u64,
    system_identifier: String,
    said: Vec<String>,
}

pub fn prepare(cx: &ReadCx, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
    let with = &op.params;
    with.refuse_contradictions()?;
    let as_of = moment(&with.as_of)?;
    if as_of > Timestamp::now() {
        return Err(
            Fault::new("RG2402", format!("`as_of` {as_of} lies in the future")).hint("name the last good moment")
        );
    }
    let place = Place::new(&absolute(&cx.path(&with.data_directory))?);
    place.check_socket()?;
    if let Claim::Foreign(fault) = place.claim(&op.id)? {
        return Err(fault);
    }
    let backup = match &with.backup.pgbackrest {
        Some(pgbackrest) => from_pgbackrest(cx, with, pgbackrest, as_of)?,
        None => from_base(cx, with, as_of)?,
    };
    check_parent(&place, &backup.account)?;
    check_room(&place, &backup)?;
    if let Some(port) = with.port {
        check_port(port)?;
    }
    Ok(prepared(op, place, backup, as_of))
}

fn from_base(cx: &ReadCx, with: &Params, as_of: Timestamp) -> Result<Backup, Fault> {
    let (Some(base), Some(wal)) = (&with.backup.base, &with.backup.wal) else {
        return Err(Fault::new("RG2401", "`backup` needs `base` and `wal`, or `pgbackrest`"));
    };
    let wal = WalSource::of(wal, |path| cx.path(path));
    let scratch = tempfile::tempdir().map_err(|error| io("writing", &std::env::temp_dir(), &error))?;
    let named = with.bin_directory.as_deref().map(|path| cx.path(path));
    let base = absolute(&cx.path(base))?;
    let question = Question { base: &base, wal: &wal, bin_directory: named.as_deref(), scratch: scratch.path() };
    let chosen = choose(&question, as_of)?;
    let account = Account::to_run(with.run_as.as_deref(), Account::owner_of(chosen.form.path()))?;
    let mut said = vec![format!("base backup `{}`, which ended by {}", chosen.form.path().display(), chosen.ended)];
    said.extend(chosen.ignored.iter().cloned());
    if !chosen.contents.has_manifest {
        said.push("the backup has no manifest: its files cannot be verified".into());
    }
    let segments = match &wal {
        WalSource::Folder(folder) => Some(check_wal(&chosen, folder, &wal, &account, as_of, &mut said)?),
        WalSource::Command(argv) => {
            said.push(format!("WAL by `{}`: how far it reaches is only known afterwards", argv.join(" ")));
            None
        }
    };
    let segment_size = chosen.control.segment_size;
    Ok(Backup {
        source: Source::Base {
            form: chosen.form,
            wal,
            start: chosen.start,
            has_manifest: chosen.contents.has_manifest,
            segment_size,
            segments,
        },
        bin: chosen.bin,
        account,
        ended: chosen.ended,
        bytes: chosen.contents.bytes,
        wal_bytes: segments.unwrap_or(8) * segment_size,
        system_identifier: chosen.control.system_identifier,
        said,
    })
}

/// Whether the archive holds every segment up to the moment wanted, and one transaction that ended after it: recovery can
/// stop nowhere else. Counts the segments.
fn check_wal(
    chosen: &Chosen,
    folder: &Path,
    wal: &WalSource,
    account: &Account,
    as_of: Timestamp,
    said: &mut Vec<String>,
) -> Result<u64, Fault> {
    let size = chosen.control.segment_size;
    let Reach { last, missing, count, at } = reach(chosen, folder, wal)?;
    let gap = |missing: Segment, what: &str| gap(missing, size, folder, what);
    check_readable(folder, &last.name(size), account)?;
    match (at, missing) {
        (Some(reach), _) if reach > as_of => {}
        (Some(reach), Some(missing)) => {
            return Err(gap(missing, &format!("; without it no moment from {reach} on can be had")));
        }
        (Some(reach), None) => return Err(beyond(as_of, reach)),
        (None, Some(missing)) => return Err(gap(missing, "")),
        (None, None) => {
            said.push("how far the WAL reaches cannot be told: its last segments hold no transaction".into())
        }
    }
    if let Some(missing) = missing {
        said.push(format!("the WAL segment {} is missing, after the moment wanted", missing.name(size)));
    }
    said.push(format!("WAL from `{}`: {} segments up to {}, without a gap", folder.display(), count, last.name(size)));
    Ok(count)
}

/// The WAL ends too early.
pub fn beyond(as_of: Timestamp, reach: Timestamp) -> Fault {
    Fault::new("RG2408", format!("the WAL does not reach {as_of}: the last transaction in it ended at {reach}"))
        .hint(format!("choose a moment before {reach}, or have the lost server's last segment archived (`select pg_switch_wal()`) and `retry`"))
        .retry(RetryClass::Later)
}

fn check_readable(folder: &Path, name: &str, account: &Account) -> Result<(), Fault> {
    let file = folder.join(name);
    if file.exists() && !account.may("-r", &file) {
        return Err(Fault::new("RG2420", format!("the account `{}` cannot read `{}`", account.name, file.display()))
            .hint(format!("give it leave, or name as `run_as` the account that owns `{}`", folder.display())));
    }
    Ok(())
}

fn from_pgbackrest(cx: &ReadCx, with: &Params, pgbackrest: &PgBackrest, as_of: Timestamp) -> Result<Backup, Fault> {
    let mut set = Set::of(pgbackrest, |path| cx.path(path));
    let account = Account::to_run(with.run_as.as_deref(), usual_account(set.config.as_deref()))?;
    let found = set.choose(&account, as_of)?;
    let named = with.bin_directory.as_deref().map(|path| cx.path(path));
    let bin = bin_directory(found.major, named.as_deref())?;
    set.label = found.label;
    let said = format!("pgBackRest stanza `{}`, backup {}, which ended by {}", set.stanza, set.label, found.ended);
    Ok(Backup {
        source: Source::PgBackrest(set),
        bin,
        account,
        ended: found.ended,
        bytes: found.bytes,
        wal_bytes: 8 * (16 << 20),
        system_identifier: found.system_identifier,
        said: vec![said],
    })
}

fn check_parent(place: &Place, account: &Account) -> Result<(), Fault> {
    let parent = place.data.parent().unwrap_or(Path::new("/"));
    if !account.may("-x", parent) {
        return Err(Fault::new(
            "RG2411",
            format!("the account `{}` cannot enter `{}`", account.name, parent.display()),
        )
        .hint("every folder above `data_directory` must let it through (`chmod a+x`)"));
    }
    if !is_root() && !account.may("-w", parent) {
        return Err(Fault::new("RG2411", format!("`{}` cannot be written by `{}`", parent.display(), account.name)));
    }
    Ok(())
}

/// At most this much WAL is kept at a time, see `max_wal_size` in our configuration.
const WAL_KEPT: u64 = 3 << 30;

fn check_room(place: &Place, backup: &Backup) -> Result<(), Fault> {
    let at = place.data.parent().unwrap_or(Path::new("/"));
    let at = if place.data.is_dir() { &place.data } else { at };
    let stat = rustix::fs::statvfs(at).map_err(|error| io("measuring", at, &error.into()))?;
    let free = stat.f_bavail * stat.f_frsize;
    let needed = backup.bytes + backup.bytes / 20 + backup.wal_bytes.min(WAL_KEPT) + (32 << 20);
    if free < needed {
        return Err(Fault::new(
            "RG2409",
            format!("`{}` has {} free and the restore needs {}", at.display(), mib(free), mib(needed)),
        )
        .hint("make room, or name a `data_directory` on a larger disk"));
    }
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{} MiB", bytes >> 20)
}

pub fn check_port(port: u16) -> Result<(), Fault> {
    TcpListener::bind(("127.0.0.1", port)).map(drop).map_err(|error| {
        Fault::new("RG2417", format!("port {port} is not free on 127.0.0.1"))
            .hint("leave `port` out to have a free one chosen")
            .caused_by(&error)
    })
}

/// Absolute, through links, so that it means the same in every process.
fn absolute(path: &Path) -> Result<PathBuf, Fault> {
    let path = std::path::absolute(path).map_err(|error| io("resolving", path, &error))?;
    if let Ok(found) = path.canonicalize() {
        return Ok(found);
    }
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(path) };
    let parent = parent.canonicalize().map_err(|error| {
        Fault::new("RG2411", format!("`{}` is not there", parent.display()))
            .hint("make the folder above first")
            .caused_by(&error)
    })?;
    Ok(parent.join(name))
}

fn prepared(op: &Op<Params, ()>, place: Place, backup: Backup, as_of: Timestamp) -> Prepared<Prior> {
    let port = op.params.port.map_or("a free port".to_string(), |port| format!("port {port}"));
    let use_of_it = if op.params.serve { "to serve, durable" } else { "to be read out, not durable" };
    let mut changes =
        vec![format!("a new PostgreSQL server in `{}`, as of {as_of}, {use_of_it}", place.data.display())];
    changes.extend(backup.said);
    changes.push(format!("{} are copied; the server runs as `{}` on {port}", mib(backup.bytes), backup.account.name));
    let details = json!({
        "op": op.id,
        "data_directory": place.data,
        "own": place.own,
        "port": op.params.port,
        "system_identifier": backup.system_identifier,
    });
    let creates =
        vec![Made { kind: "postgres server".into(), id: place.data.display().to_string(), scratch: false, details }];
    let prior = Prior {
        source: backup.source,
        data_directory: place.data,
        as_of,
        backup_ended: backup.ended,
        bytes: backup.bytes,
        system_identifier: backup.system_identifier,
        account: backup.account,
        bin: backup.bin,
        port: op.params.port,
        serve: op.params.serve,
        listen: op.params.listen.clone(),
        user: op.params.user.clone(),
    };
    Prepared::new(prior, changes).creating(creates)
}
