//! Where runs lie: one folder for the state, one folder a run in it.
//!
//! ```text
//! STATE/runs/7qk2/runbook/…        the runbook as it was started, and as it was changed since
//!                 plan.json        the resolved plan
//!                 journal.000001   the records
//!                 blob.…           records too long for a line
//!                 inbox/           answers that were not folded yet
//!                 work/            what supervised processes left: logs, results
//!                 report.md …      written at every end
//! ```

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::disk::{private, sync_folder};
use crate::model::RunId;

#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunDir {
    pub path: PathBuf,
}

impl RunDir {
    pub fn work(&self) -> PathBuf {
        self.path.join("work")
    }

    pub fn inbox(&self) -> PathBuf {
        self.path.join("inbox")
    }

    pub fn plan(&self) -> PathBuf {
        self.path.join("plan.json")
    }

    /// The folder with the runbook as it was started.
    pub fn runbook(&self) -> PathBuf {
        self.path.join("runbook")
    }

    pub fn id(&self) -> RunId {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        name.parse().unwrap_or_else(|_| RunId::random())
    }
}

/// Why no single run answers to a beginning of its id.
#[derive(Debug)]
pub enum NoRun {
    Unknown,
    Ambiguous(Vec<RunId>),
}

impl Store {
    /// Opens the state folder, making it if it is not there. A network file system is refused: its locks and syncs cannot
    /// be relied upon.
    pub fn open(root: &Path) -> io::Result<Self> {
        let root = if root.is_absolute() { root.to_path_buf() } else { std::env::current_dir()?.join(root) };
        make_private(&root.join("runs"))?;
        if is_remote(&root)? {
            let why = format!(
                "`{}` lies on a network file system, where locks and syncs cannot be relied upon",
                root.display()
            );
            return Err(io::Error::new(io::ErrorKind::Unsupported, why));
        }
        Ok(Self { root })
    }

    /// The same for looking only: nothing is made.
    pub fn look(root: &Path) -> Self {
        Self { root: root.to_path_buf() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn run(&self, id: &RunId) -> RunDir {
        RunDir { path: self.root.join("runs").join(id.as_str()) }
    }

    pub fn exists(&self, id: &RunId) -> bool {
        self.run(id).path.is_dir()
    }

    /// Makes a run's folder with `files` in it, all of it or nothing, and on disk when this returns.
    pub fn create(&self, id: &RunId, files: &[(PathBuf, Vec<u8>)]) -> io::Result<RunDir> {
        let runs = self.root.join("runs");
        let draft = runs.join(format!(".{id}.{}", std::process::id()));
        let _ = fs::remove_dir_all(&draft);
        for folder in ["", "inbox", "work", "runbook"] {
            make_private(&draft.join(folder))?;
        }
        for (name, bytes) in files {
            write_private(&draft.join(name), bytes)?;
        }
        sync_folder(&draft.join("runbook"))?;
        sync_folder(&draft)?;
        let run = self.run(id);
        if let Err(error) = fs::rename(&draft, &run.path) {
            let _ = fs::remove_dir_all(&draft);
            return Err(error);
        }
        sync_folder(&runs)?;
        Ok(run)
    }

    /// Ids of all runs, newest first.
    pub fn list(&self) -> io::Result<Vec<RunId>> {
        let entries = match fs::read_dir(self.root.join("runs")) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut runs = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<RunId>().ok()) else { continue };
            // The first segment is written once, at the start.
            let started = fs::metadata(entry.path().join("plan.json")).and_then(|meta| meta.modified());
            runs.push((started.unwrap_or(std::time::UNIX_EPOCH), id));
        }
        runs.sort_by(|a, b| b.cmp(a));
        Ok(runs.into_iter().map(|(_, id)| id).collect())
    }

    /// The run that `beginning` names: a whole id, or the only one that begins so.
    pub fn find(&self, beginning: &str) -> io::Result<Result<RunId, NoRun>> {
        let all = self.list()?;
        if let Some(id) = all.iter().find(|id| id.as_str() == beginning) {
            return Ok(Ok(id.clone()));
        }
        let mut found: Vec<RunId> = all.into_iter().filter(|id| id.as_str().starts_with(beginning)).collect();
        Ok(match found.len() {
            0 => Err(NoRun::Unknown),
            1 => Ok(found.remove(0)),
            _ => Err(NoRun::Ambiguous(found)),
        })
    }
}

pub fn make_private(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

/// Writes a file that is on disk when this returns; its name is not before its folder was synced.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        make_private(folder)?;
    }
    let mut file = private().create_new(true).write(true).open(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Puts `bytes` where another file may be, all of it or nothing, and on disk when this returns. The time of a file that was
/// there stays: runs are listed by it.
pub fn replace_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let draft = path.with_extension("draft");
    let _ = fs::remove_file(&draft);
    write_private(&draft, bytes)?;
    if let Ok(time) = fs::metadata(path).and_then(|meta| meta.modified()) {
        fs::File::options().write(true).open(&draft)?.set_modified(time)?;
    }
    fs::rename(&draft, path)?;
    sync_folder(path.parent().unwrap_or(path))
}

fn is_remote(path: &Path) -> io::Result<bool> {
    // f_type of statfs(2): NFS, SMB, SMB2, CIFS, AFS, Ceph, 9P, Lustre, GPFS, BeeGFS.
    const REMOTE: [u32; 10] = [
        0x6969,
        0x517B,
        0xFE53_4D42,
        0xFF53_4D42,
        0x5346_414F,
        0x00C3_6400,
        0x0102_1997,
        0x0BD0_0BD0,
        0x4750_4653,
        0x1983_0326,
    ];
    let kind = rustix::fs::statfs(path)?.f_type;
    Ok(REMOTE.contains(&(kind as u32)))
}
