//! A base backup as it lies on disk: a folder, a plain tar, or a folder with `base.tar`.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::exec::io;
use super::facts::{Label, end_of_manifest};
use super::wal::Lsn;
use crate::model::Fault;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    Folder(PathBuf),
    Tar {
        base: PathBuf,
        /// WAL of the time of the backup, where `pg_basebackup` wrote it beside.
        wal: Option<PathBuf>,
        manifest: Option<PathBuf>,
    },
}

impl Form {
    pub fn path(&self) -> &Path {
        match self {
            Form::Folder(path) => path,
            Form::Tar { base, .. } => base,
        }
    }

    /// How `path` is a backup, if it is one.
    fn of(path: &Path) -> Result<Option<Self>, Fault> {
        if path.is_file() {
            let name = path.to_string_lossy();
            if [".tar.gz", ".tgz", ".tar.lz4", ".tar.zst", ".tar.xz", ".tar.bz2"].iter().any(|end| name.ends_with(end))
            {
                return Err(compressed(path));
            }
            return Ok(name.ends_with(".tar").then(|| Form::Tar { base: path.into(), wal: None, manifest: None }));
        }
        if path.join("PG_VERSION").is_file() {
            return Ok(Some(Form::Folder(path.into())));
        }
        if path.join("base.tar").is_file() {
            let beside = |name: &str| Some(path.join(name)).filter(|file| file.is_file());
            let wal = beside("pg_wal.tar");
            return Ok(Some(Form::Tar { base: path.join("base.tar"), wal, manifest: beside("backup_manifest") }));
        }
        match fs::read_dir(path)
            .into_iter()
            .flatten()
            .flatten()
            .find(|e| e.file_name().to_string_lossy().starts_with("base.tar."))
        {
            Some(entry) => Err(compressed(&entry.path())),
            None => Ok(None),
        }
    }

    /// The backup at `path`, or the backups in it.
    pub fn find(path: &Path) -> Result<Vec<Self>, Fault> {
        if let Some(form) = Self::of(path)? {
            return Ok(vec![form]);
        }
        let unreadable = |error| io("reading the backup", path, &error);
        let mut found = Vec::new();
        let mut packed = None;
        for entry in fs::read_dir(path).map_err(unreadable)? {
            match Self::of(&entry.map_err(unreadable)?.path()) {
                Ok(form) => found.extend(form),
                Err(fault) => packed = Some(fault),
            }
        }
        match (found.is_empty(), packed) {
            (false, _) => Ok(found),
            (true, Some(fault)) => Err(fault),
            (true, None) => Err(Fault::new("RG2403", format!("`{}` holds no base backup", path.display()))
                .hint("name a folder with PG_VERSION in it, a base.tar, or a folder of such backups")),
        }
    }
}

fn compressed(path: &Path) -> Fault {
    Fault::new("RG2404", format!("`{}` is compressed", path.display())).hint("unpack it first: only plain tar is read")
}

/// What is read of a backup before anything is decided.
pub struct Contents {
    pub major: u32,
    pub label: Label,
    /// Where it ends; none if it has no manifest.
    pub manifest_end: Option<Lsn>,
    pub has_manifest: bool,
    pub bytes: u64,
    /// The control file, to be shown to `pg_controldata`.
    pub control: Vec<u8>,
    /// Names in its `pg_wal`.
    pub wal: Vec<String>,
}

/// The files that are read; everything else is only counted.
#[derive(Default)]
struct Reading {
    version: Option<String>,
    label: Option<String>,
    manifest: Option<String>,
    control: Option<Vec<u8>>,
    bytes: u64,
    wal: Vec<String>,
    refused: Vec<String>,
}

impl Reading {
    fn file(&mut self, name: &Path, bytes: u64, open: &mut dyn Read) -> std::io::Result<()> {
        self.bytes += bytes;
        let mut text = |slot: &mut Option<String>| open.read_to_string(slot.insert(String::new())).map(drop);
        match name.to_str() {
            Some("PG_VERSION") => text(&mut self.version),
            Some("backup_label") => text(&mut self.label),
            Some("backup_manifest") => text(&mut self.manifest),
            Some("global/pg_control") => open.read_to_end(self.control.insert(Vec::new())).map(drop),
            _ => {
                if let (Some(parent), Some(file)) = (name.parent(), name.file_name())
                    && parent == Path::new("pg_wal")
                {
                    self.wal.push(file.to_string_lossy().into_owned());
                }
                Ok(())
            }
        }
    }

    fn link(&mut self, name: &Path, target: &str) {
        // The server makes its own pg_wal; what a link of that name points to is the archive's business.
        if name != Path::new("pg_wal") {
            self.refused.push(format!("{} -> {target}", name.display()));
        }
    }

    fn finish(self, path: &Path) -> Result<Contents, Fault> {
        let lacks = |what: &str, hint: &str| {
            Fault::new("RG2403", format!("`{}` is no complete base backup: it has no {what}", path.display()))
                .hint(hint.to_string())
        };
        if !self.refused.is_empty() {
            let named = self.refused.join(", ");
            return Err(Fault::new(
                "RG2405",
                format!("the backup has tablespaces or links outside its folder: {named}"),
            )
            .hint(
                "they would be restored over the places they had; back up with pgBackRest, whose restore maps them",
            ));
        }
        let version = self.version.ok_or_else(|| lacks("PG_VERSION", "take another backup"))?;
        let label = self.label.ok_or_else(|| {
            lacks(
                "backup_label",
                "a plain copy of a data folder cannot be rolled forward; take one made by pg_basebackup",
            )
        })?;
        Ok(Contents {
            major: version.trim().parse().map_err(|_| lacks("readable PG_VERSION", "take another backup"))?,
            label: Label::parse(&label),
            has_manifest: self.manifest.is_some(),
            manifest_end: self.manifest.as_deref().and_then(end_of_manifest),
            bytes: self.bytes,
            control: self.control.ok_or_else(|| lacks("global/pg_control", "take another backup"))?,
            wal: self.wal,
        })
    }
}

/// Looks through a backup. Of a tar only the headers and four small files are read.
pub fn read(form: &Form) -> Result<Contents, Fault> {
    let mut reading = Reading::default();
    let unreadable = |error| io("reading the backup", form.path(), &error);
    match form {
        Form::Folder(path) => read_folder(path, Path::new(""), &mut reading).map_err(unreadable)?,
        Form::Tar { base, wal, manifest } => {
            read_tar(base, Path::new(""), &mut reading).map_err(unreadable)?;
            if let Some(wal) = wal {
                read_tar(wal, Path::new("pg_wal"), &mut reading).map_err(unreadable)?;
            }
            if let Some(manifest) = manifest {
                reading.manifest = Some(fs::read_to_string(manifest).map_err(unreadable)?);
            }
        }
    }
    reading.finish(form.path())
}

fn read_folder(root: &Path, below: &Path, reading: &mut Reading) -> std::io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let name = below.join(entry.file_name());
        let meta = entry.metadata()?;
        if meta.is_dir() {
            read_folder(root, &name, reading)?;
        } else if meta.is_symlink() {
            reading.link(&name, &fs::read_link(entry.path())?.to_string_lossy());
        } else if meta.is_file() {
            reading.file(&name, meta.len(), &mut LazyFile::Closed(entry.path()))?;
        }
    }
    Ok(())
}

fn read_tar(path: &Path, below: &Path, reading: &mut Reading) -> std::io::Result<()> {
    let mut archive = tar::Archive::new(BufReader::new(File::open(path)?));
    for entry in archive.entries_with_seek()? {
        let mut entry = entry?;
        let name = below.join(inner_name(&entry.path()?));
        let kind = entry.header().entry_type();
        if kind.is_symlink() || kind.is_hard_link() {
            let target = entry.link_name()?.unwrap_or_default().to_string_lossy().into_owned();
            reading.link(&name, &target);
        } else if kind.is_file() {
            let bytes = entry.size();
            reading.file(&name, bytes, &mut entry)?;
        }
    }
    Ok(())
}

/// A name in a tar without `./` in front, and never one that leaves the folder.
pub fn inner_name(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

/// Opened only if somebody reads: a backup has many files and four that matter.
enum LazyFile {
    Closed(PathBuf),
    Open(File),
}

impl Read for LazyFile {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if let LazyFile::Closed(path) = self {
            *self = LazyFile::Open(File::open(path)?);
        }
        match self {
            LazyFile::Open(file) => file.read(into),
            LazyFile::Closed(_) => Ok(0),
        }
    }
}
