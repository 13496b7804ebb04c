//! The place of the new server: its folder, and beside it a folder of our own with the marker, the lock, the server's log
//! and its socket.
//!
//! Nothing is ever written into, started in or removed from a data folder unless the marker beside it names this operation
//! and this very folder (by device and inode: another one moved to its place is another's).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::exec::{Account, Cancel, io, is_root};
use crate::model::{Fault, OpId};

/// In the order in which they are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The place is ours; the data folder is absent or empty.
    Claimed,
    /// What lies in the data folder is a half copy.
    Copying,
    /// All files are there, checked and configured; the server may start.
    Copied,
    /// The server was started at least once.
    Started,
    /// It reached the moment, proven.
    Done,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Marker {
    pub regrow: u32,
    pub op: OpId,
    pub phase: Phase,
    pub data_directory: PathBuf,
    /// Device and inode of the data folder, once it is there.
    pub folder: Option<(u64, u64)>,
    pub port: Option<u16>,
    /// The boot in which the files were written: a copy that is not synced does not survive a power cut.
    pub boot: String,
    pub durable: bool,
    /// Where in the server's log its latest start begins.
    pub log_from: u64,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub outputs: Map<String, Value>,
}

/// Who a place belongs to.
#[derive(Debug)]
pub enum Claim {
    Free,
    Ours(Box<Marker>),
    /// Somebody else's; the fault says what stands there.
    Foreign(Fault),
}

#[derive(Clone, Debug)]
pub struct Place {
    pub data: PathBuf,
    pub own: PathBuf,
}

/// Length of a socket's address in the kernel, without its final zero.
const SOCKET_MAX: usize = 107;

impl Place {
    pub fn new(data: &Path) -> Self {
        let mut own = data.as_os_str().to_owned();
        own.push(".regrow");
        Self { data: data.into(), own: own.into() }
    }

    pub fn marker_file(&self) -> PathBuf {
        self.own.join("regrow.restore.json")
    }

    pub fn log(&self) -> PathBuf {
        self.own.join("server.log")
    }

    /// Whether the name of the server's socket can be long enough.
    pub fn check_socket(&self) -> Result<(), Fault> {
        let longest = self.own.as_os_str().len() + "/.s.PGSQL.65535".len();
        if longest > SOCKET_MAX {
            let too_long = longest - SOCKET_MAX;
            return Err(Fault::new(
                "RG2411",
                format!("`data_directory` is {too_long} characters too long for the server's socket"),
            )
            .hint("choose a shorter path: the socket lies beside it and the system takes 107 characters"));
        }
        Ok(())
    }

    pub fn claim(&self, op: &OpId) -> Result<Claim, Fault> {
        let file = self.marker_file();
        match fs::read(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => self.unmarked(),
            Err(error) => Err(io("reading", &file, &error)),
            Ok(bytes) => Ok(match serde_json::from_slice::<Marker>(&bytes) {
                Err(_) => Claim::Foreign(self.foreign("the marker beside it is not readable")),
                Ok(marker) if marker.op != *op => {
                    Claim::Foreign(self.foreign(&format!("it belongs to the operation {}", marker.op)))
                }
                Ok(marker) => self.same_folder(marker)?,
            }),
        }
    }

    fn unmarked(&self) -> Result<Claim, Fault> {
        Ok(match is_free(&self.data)? {
            true => Claim::Free,
            false => Claim::Foreign(self.foreign("it is not empty and not ours")),
        })
    }

    fn same_folder(&self, marker: Marker) -> Result<Claim, Fault> {
        let stranger = match (identity(&self.data)?, marker.folder) {
            (None, _) => false,
            (Some(found), Some(ours)) if found == ours => false,
            (Some(_), _) => !is_free(&self.data)?,
        };
        Ok(match stranger || marker.data_directory != self.data {
            true => Claim::Foreign(self.foreign("another folder stands where ours was")),
            false => Claim::Ours(Box::new(marker)),
        })
    }

    fn foreign(&self, why: &str) -> Fault {
        Fault::new("RG2410", format!("`{}` is not touched: {why}", self.data.display()))
            .hint("name a `data_directory` that is absent or empty; an old one is never overwritten")
    }

    /// Makes the folder of our own. Its lock is held as long as the file lives, also by a child that inherits it.
    pub fn lock(&self, account: &Account, cancel: &Cancel) -> Result<File, Fault> {
        match fs::DirBuilder::new().mode(0o700).create(&self.own) {
            Ok(()) => own(&self.own, account)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io("making", &self.own, &error)),
        }
        let path = self.own.join("lock");
        let mut open = OpenOptions::new();
        open.create(true).truncate(false).write(true).mode(0o600).custom_flags(NOFOLLOW);
        let file = open.open(&path).map_err(|error| io("opening", &path, &error))?;
        const PATIENCE: Duration = Duration::from_secs(60);
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => {
                    cancel.check()?;
                    std::thread::sleep(Duration::from_millis(50));
                }
                Err(TryLockError::WouldBlock) => return Err(self.busy()),
                Err(TryLockError::Error(error)) => return Err(io("locking", &path, &error)),
            }
        }
    }

    fn busy(&self) -> Fault {
        Fault::new("RG2422", format!("another process still works on `{}`", self.data.display()))
            .hint("wait for it to end, or end it")
            .retry(crate::model::RetryClass::Later)
    }

    /// Whether a process of ours, or a child of it, is at work here.
    ///
    /// Asked for a moment: a process that is just being forked elsewhere holds every lock until it becomes its program.
    pub fn is_locked(&self) -> bool {
        let Ok(file) = File::open(self.own.join("lock")) else { return false };
        let held = || matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        (0..10).all(|_| {
            let held = held();
            std::thread::sleep(Duration::from_millis(if held { 30 } else { 0 }));
            held
        })
    }

    /// Writes the marker so that it survives a power cut, whole or not at all.
    pub fn write(&self, marker: &Marker) -> Result<(), Fault> {
        let failed = |error| io("writing", &self.marker_file(), &error);
        let mut file = tempfile::NamedTempFile::new_in(&self.own).map_err(failed)?;
        serde_json::to_writer_pretty(&mut file, marker).map_err(|error| failed(error.into()))?;
        file.flush().and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(self.marker_file()).map_err(|error| failed(error.error))?;
        File::open(&self.own).and_then(|folder| folder.sync_all()).map_err(failed)
    }
}

/// `O_NOFOLLOW`: our folder belongs to the server's account, and root opens files in it.
const NOFOLLOW: i32 = rustix::fs::OFlags::NOFOLLOW.bits() as i32;

/// Absent, or an empty folder.
pub fn is_free(path: &Path) -> Result<bool, Fault> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Ok(false),
        Err(error) => Err(io("reading", path, &error)),
    }
}

pub fn identity(path: &Path) -> Result<Option<(u64, u64)>, Fault> {
    match fs::symlink_metadata(path) {
        Ok(meta) => Ok(Some((meta.dev(), meta.ino()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io("reading", path, &error)),
    }
}

/// Gives a file or folder to the account, where we may.
pub fn own(path: &Path, account: &Account) -> Result<(), Fault> {
    match is_root() {
        true => std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid))
            .map_err(|error| io("giving away", path, &error)),
        false => Ok(()),
    }
}

pub fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().into()
}
