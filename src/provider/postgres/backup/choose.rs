//! Chooses the backup: the newest that ended before the moment wanted.
//!
//! PostgreSQL does not refuse a moment before the end of its backup: it stops at the first commit after it is consistent
//! and hands back newer data than asked. So the end is proven here, from the backup and the WAL:
//!
//! 1. where the backup ends comes from its manifest, which is written last, or from the `.backup` file of the archive; a
//!    backup with neither cannot be shown to be complete and is refused;
//! 2. the last commit up to there, read from the WAL, is in the files: no earlier moment can be had from them;
//! 3. nor one before the checkpoint that the backup began with, nor before the `STOP TIME` of the `.backup` file where
//!    that is in UTC. Both are in whole seconds, rounded down; where no commit was found, the second is rounded up.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use super::base::{self, Contents, Form};
use super::commits::Segments;
use super::exec::io;
use super::facts::{Control, Label, control};
use super::programs::bin_directory;
use super::source::WalSource;
use super::wal::{Lsn, Segment};
use crate::model::Fault;

/// A base backup that can give back the moment wanted.
pub struct Chosen {
    pub form: Form,
    pub contents: Contents,
    pub control: Control,
    pub bin: PathBuf,
    pub start: Lsn,
    pub end: Lsn,
    pub timeline: u32,
    /// The earliest moment it can give back.
    pub ended: Timestamp,
    /// Others that were looked at and cannot be used, with the reason.
    pub ignored: Vec<String>,
}

pub struct Question<'a> {
    pub base: &'a Path,
    pub wal: &'a WalSource,
    pub bin_directory: Option<&'a Path>,
    /// A folder to put small things into while looking.
    pub scratch: &'a Path,
}

/// All that can be used, the newest first, and what cannot, with the reason.
pub struct Usable {
    pub found: Vec<Chosen>,
    pub ignored: Vec<Ignored>,
}

/// A backup that cannot be used.
pub struct Ignored {
    pub path: PathBuf,
    pub fault: Fault,
}

impl Ignored {
    pub fn words(&self) -> String {
        format!("`{}` is not used: {}", self.path.display(), self.fault.message)
    }
}

/// The newest that had ended by `as_of`.
pub fn choose(ask: &Question<'_>, as_of: Timestamp) -> Result<Chosen, Fault> {
    let Usable { found, ignored } = usable(ask)?;
    let earliest = found.last().map(|it| it.ended).unwrap_or(as_of);
    let mut chosen = found.into_iter().find(|it| it.ended <= as_of).ok_or_else(|| too_early(as_of, earliest))?;
    chosen.ignored = ignored.iter().map(Ignored::words).collect();
    Ok(chosen)
}

/// Fails where none can be used.
pub fn usable(ask: &Question<'_>) -> Result<Usable, Fault> {
    let forms = Form::find(ask.base)?;
    let alone = forms.len() == 1;
    let (mut found, mut ignored) = (Vec::new(), Vec::new());
    for form in forms {
        match examine(&form, ask) {
            Ok(chosen) => found.push(chosen),
            Err(fault) if alone => return Err(fault),
            Err(fault) => ignored.push(Ignored { path: form.path().into(), fault }),
        }
    }
    if found.is_empty() {
        let mut fault = Fault::new("RG2403", format!("no backup in `{}` can be used", ask.base.display()));
        fault.causes = ignored.iter().map(Ignored::words).collect();
        return Err(fault);
    }
    found.sort_by_key(|it| std::cmp::Reverse((it.ended, it.end)));
    Ok(Usable { found, ignored })
}

/// No backup had ended by then.
pub fn too_early(as_of: Timestamp, earliest: Timestamp) -> Fault {
    Fault::new("RG2406", format!("no backup had ended by {as_of}; the earliest moment that can be had is {earliest}"))
        .hint("choose that moment or a later one, or name the place of older backups; PostgreSQL would hand back newer data than asked")
}

fn examine(form: &Form, ask: &Question<'_>) -> Result<Chosen, Fault> {
    let contents = base::read(form)?;
    let bin = bin_directory(contents.major, ask.bin_directory)?;
    let control = control_of(&contents, &bin, ask.scratch)?;
    let damaged =
        |what: &str| Fault::new("RG2403", format!("the backup_label of `{}` names no {what}", form.path().display()));
    let start = contents.label.start.ok_or_else(|| damaged("START WAL LOCATION"))?;
    let timeline = contents.label.timeline.ok_or_else(|| damaged("START TIMELINE"))?;
    let history = history(ask.wal, start, timeline, control.segment_size);
    let end = contents.manifest_end.or(history.as_ref().and_then(|it| it.stop)).ok_or_else(|| {
        Fault::new("RG2403", format!("`{}` cannot be shown to be complete", form.path().display()))
            .hint("its backup_manifest is missing and the WAL archive has no `.backup` file of it: take another backup")
    })?;
    let segments = Segments {
        bin: &bin,
        size: control.segment_size,
        folders: folders(form, ask.wal),
        fetch: match ask.wal {
            WalSource::Command(argv) => Some((argv.as_slice(), ask.scratch)),
            WalSource::Folder(_) => None,
        },
    };
    let commit = segments.last_commit_in_backup(Segment::at(start, timeline, control.segment_size), end);
    let stopped = history.and_then(|it| it.stopped_at);
    let ended = earliest(commit, control.checkpoint_at, stopped);
    Ok(Chosen { form: form.clone(), contents, control, bin, start, end, timeline, ended, ignored: vec![] })
}

/// The earliest moment that is certainly not before what is in the files.
fn earliest(commit: Option<Timestamp>, checkpoint: Timestamp, stopped: Option<Timestamp>) -> Timestamp {
    let seconds = stopped.map_or(checkpoint, |stopped| stopped.max(checkpoint));
    match commit {
        Some(commit) => commit.max(seconds),
        None => seconds + SignedDuration::from_secs(1),
    }
}

/// Folders in which segments of the backup may lie, its own among them.
pub fn folders(form: &Form, wal: &WalSource) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let WalSource::Folder(folder) = wal {
        found.push(folder.clone());
    }
    if let Form::Folder(path) = form {
        found.push(path.join("pg_wal"));
    }
    found
}

/// The `.backup` file that the server archives at the end of a backup.
fn history(wal: &WalSource, start: Lsn, timeline: u32, size: u64) -> Option<Label> {
    let WalSource::Folder(folder) = wal else { return None };
    let segment = Segment::at(start, timeline, size).name(size);
    let text = fs::read_to_string(folder.join(format!("{segment}.{:08X}.backup", start.0 % size))).ok()?;
    Some(Label::parse(&text)).filter(|label| label.start == Some(start))
}

fn control_of(contents: &Contents, bin: &Path, scratch: &Path) -> Result<Control, Fault> {
    let cluster = tempfile::tempdir_in(scratch).map_err(|error| io("writing", scratch, &error))?;
    let global = cluster.path().join("global");
    fs::create_dir(&global)
        .and_then(|()| fs::write(global.join("pg_control"), &contents.control))
        .map_err(|error| io("writing", &global, &error))?;
    control(bin, cluster.path())
}

#[cfg(test)]
mod tests {
    use super::earliest;

    #[test]
    fn a_second_is_rounded_up_only_where_no_commit_is_known() {
        let at = |text: &str| text.parse::<jiff::Timestamp>().unwrap();
        let checkpoint = at("2026-11-24T10:00:00Z");
        assert_eq!(earliest(None, checkpoint, None), at("2026-11-24T10:00:01Z"));
        assert_eq!(earliest(Some(at("2026-11-24T10:00:00.4Z")), checkpoint, None), at("2026-11-24T10:00:00.4Z"));
        assert_eq!(earliest(Some(at("2026-11-24T09:00:00Z")), checkpoint, None), checkpoint);
        assert_eq!(
            earliest(Some(at("2026-11-24T10:00:05Z")), checkpoint, Some(at("2026-11-24T10:00:09Z"))),
            at("2026-11-24T10:00:09Z")
        );
    }
}
