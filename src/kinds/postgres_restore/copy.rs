//! Copies a base backup into the new data folder: two files at a time, the largest first, by the system's own copy (which
//! clones where the file system can). Owner and modes are set; the folder itself is given away last, so that nobody else
//! can reach in before.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use super::base::{Form, inner_name};
use super::exec::{Account, Cancel, io};
use super::place::own;
use crate::model::Fault;

const WORKERS: usize = 2;

/// Left behind: they belong to the server that was backed up while it ran.
const LEFT_OUT: [&str; 2] = ["postmaster.pid", "postmaster.opts"];

/// The server does not make these; a backup that came through an object store has lost them, being empty.
const EMPTY: [&str; 17] = [
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_logical",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_multixact",
    "pg_notify",
    "pg_replslot",
    "pg_serial",
    "pg_snapshots",
    "pg_stat",
    "pg_stat_tmp",
    "pg_subtrans",
    "pg_tblspc",
    "pg_twophase",
    "pg_wal",
    "pg_wal/archive_status",
];

pub struct Copy<'a> {
    pub to: &'a Path,
    pub account: &'a Account,
    pub cancel: &'a Cancel,
    /// Bytes so far, read by whoever shows progress.
    pub done: &'a AtomicU64,
}

impl Copy<'_> {
    /// Into `to`, which exists and is empty.
    pub fn run(&self, form: &Form) -> Result<(), Fault> {
        match form {
            Form::Folder(from) => self.folder(from)?,
            Form::Tar { base, wal, manifest } => {
                self.tar(base, Path::new(""))?;
                if let Some(wal) = wal {
                    self.tar(wal, Path::new("pg_wal"))?;
                }
                if let Some(manifest) = manifest {
                    self.file(manifest, Path::new("backup_manifest"))?;
                }
            }
        }
        for name in EMPTY {
            self.dir(Path::new(name), 0o700)?;
        }
        fs::set_permissions(self.to, Permissions::from_mode(0o700))
            .map_err(|error| io("setting the mode of", self.to, &error))?;
        own(self.to, self.account)
    }

    fn folder(&self, from: &Path) -> Result<(), Fault> {
        let mut files = Vec::new();
        self.walk(from, Path::new(""), &mut files)?;
        // The largest is taken first: one that starts last would end alone.
        files.sort_unstable_by_key(|(size, _)| *size);
        let queue = Mutex::new(files);
        let next = || queue.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).pop();
        let work = || {
            while let Some((_, name)) = next() {
                self.cancel.check()?;
                self.file(&from.join(&name), &name)?;
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
            let ends = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| Err(Fault::new("RG2423", "copying broke off"))));
            ends.collect::<Result<(), Fault>>()
        })
    }

    /// Makes the folders and lists the files.
    fn walk(&self, from: &Path, below: &Path, files: &mut Vec<(u64, PathBuf)>) -> Result<(), Fault> {
        let folder = from.join(below);
        let unreadable = |error| io("reading", &folder, &error);
        for entry in fs::read_dir(&folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let meta = entry.metadata().map_err(unreadable)?;
            let name = below.join(entry.file_name());
            if meta.is_dir() {
                self.dir(&name, meta.permissions().mode())?;
                self.walk(from, &name, files)?;
            } else if meta.is_file() && !LEFT_OUT.iter().any(|out| name == Path::new(out)) {
                files.push((meta.len(), name));
            }
        }
        Ok(())
    }

    fn dir(&self, name: &Path, mode: u32) -> Result<(), Fault> {
        let path = self.to.join(name);
        if path.is_dir() {
            return Ok(());
        }
        DirBuilder::new()
            .mode(mode & 0o7777 | 0o700)
            .recursive(true)
            .create(&path)
            .map_err(|error| io("making", &path, &error))?;
        own(&path, self.account)
    }

    fn file(&self, from: &Path, name: &Path) -> Result<(), Fault> {
        let path = self.to.join(name);
        let bytes = fs::copy(from, &path).map_err(|error| io("copying to", &path, &error))?;
        self.done.fetch_add(bytes, Ordering::Relaxed);
        own(&path, self.account)
    }

    fn tar(&self, from: &Path, below: &Path) -> Result<(), Fault> {
        let unreadable = |error| io("reading", from, &error);
        let file = File::open(from).map_err(unreadable)?;
        let mut archive = tar::Archive::new(BufReader::with_capacity(1 << 20, file));
        for entry in archive.entries().map_err(unreadable)? {
            self.cancel.check()?;
            let mut entry = entry.map_err(unreadable)?;
            let name = below.join(inner_name(&entry.path().map_err(unreadable)?));
            let mode = entry.header().mode().unwrap_or(0o600);
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                self.dir(&name, mode)?;
            } else if kind.is_file() && !LEFT_OUT.iter().any(|out| name == Path::new(out)) {
                if let Some(parent) = name.parent() {
                    self.dir(parent, 0o700)?;
                }
                self.unpack(&mut entry, &name, mode)?;
            }
        }
        Ok(())
    }

    fn unpack(&self, from: &mut impl Read, name: &Path, mode: u32) -> Result<(), Fault> {
        let path = self.to.join(name);
        let failed = |error: io::Error| io("copying to", &path, &error);
        let mut to = OpenOptions::new().write(true).create_new(true).mode(mode & 0o777).open(&path).map_err(failed)?;
        let mut block = vec![0; 1 << 20];
        loop {
            self.cancel.check()?;
            let count = from.read(&mut block).map_err(failed)?;
            if count == 0 {
                break;
            }
            to.write_all(&block[..count]).map_err(failed)?;
            self.done.fetch_add(count as u64, Ordering::Relaxed);
        }
        own(&path, self.account)
    }
}

/// The folder, for nobody but us until the copy is complete.
pub fn make(folder: &Path) -> Result<(), Fault> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(io("making", folder, &error)),
        _ => {}
    }
    let me = rustix::process::geteuid().as_raw();
    std::os::unix::fs::lchown(folder, Some(me), None).map_err(|error| io("taking", folder, &error))
}

/// Empties the folder. Only called where the marker says that what lies there is ours.
pub fn wipe(folder: &Path) -> Result<(), Fault> {
    let failed = |error: io::Error| io("clearing", folder, &error);
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        match entry.file_type().map_err(failed)?.is_dir() {
            true => fs::remove_dir_all(entry.path()).map_err(failed)?,
            false => fs::remove_file(entry.path()).map_err(failed)?,
        }
    }
    Ok(())
}
