//! What is known of an apply whoever made it: written before it begins, so that no crash leaves one that nobody knows of.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use crate::journal::disk::private;
use crate::model::Fault;
use crate::provider::terraform::{LockInfo, broken, who};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Everything was made and the state was written.
    Applied,
    /// It gave up by itself; what it made stands in the state.
    Failed,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Marker {
    pub attempt: u32,
    pub began: Timestamp,
    /// Terraform's own process: its id and when it started, as the kernel counts.
    pub process: Option<(u32, u64)>,
    /// The id of the lock that it took, once that is known.
    pub lock: Option<String>,
    /// When we asked who holds the lock, by trying to take it.
    #[serde(default)]
    pub asked: Vec<Timestamp>,
    /// None: nobody saw its end.
    pub ending: Option<Ending>,
    /// What a person was told, because nobody else can decide.
    pub told: Option<String>,
}

impl Marker {
    pub fn new(attempt: u32) -> Self {
        Self {
            attempt,
            began: Timestamp::now(),
            process: None,
            lock: None,
            asked: Vec::new(),
            ending: None,
            told: None,
        }
    }

    pub fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path(folder)).ok()?).ok()
    }

    /// Survives a power cut once this returned.
    pub fn write(&self, folder: &Path) -> Result<(), Fault> {
        let beside = folder.join("marker.new");
        let text = serde_json::to_vec(self).map_err(|error| broken(error.into()))?;
        let write = || {
            let mut file = private().create(true).truncate(true).write(true).open(&beside)?;
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&beside, path(folder))?;
            File::open(folder)?.sync_all()
        };
        write().map_err(broken)
    }

    pub fn is_open(&self) -> bool {
        self.ending.is_none()
    }

    /// Whether that lock is one of ours: of our apply, or of our asking for it, cut off while it held it. The apply's by its id
    /// where that is known; else it names us and was made while our process was seen alive, which never waits for a lock and
    /// so never outlives another one's.
    pub fn owns(&self, lock: &LockInfo, folder: &Path) -> bool {
        if self.lock.as_ref().is_some_and(|id| *id == lock.id) {
            return true;
        }
        let Some(created) = lock.created.filter(|_| lock.of_holder && lock.who == who()) else { return false };
        let within = |from: Timestamp, to: Timestamp, slack: i64| {
            created >= from && created <= to.saturating_add(SignedDuration::from_secs(slack)).unwrap_or(to)
        };
        match lock.operation.as_str() {
            "OperationTypeApply" if self.lock.is_none() => {
                let seen = fs::metadata(beat(folder)).and_then(|meta| meta.modified()).ok();
                let last = seen.and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(self.began);
                within(self.began, last, 2)
            }
            "OperationTypePlan" => self.asked.iter().any(|asked| within(*asked, *asked, 10)),
            _ => false,
        }
    }
}

/// A marker that is changed from two sides; each change is on disk when it returned.
pub struct Kept<'a> {
    folder: &'a Path,
    marker: Mutex<Marker>,
}

impl<'a> Kept<'a> {
    pub fn new(folder: &'a Path, marker: Marker) -> Result<Self, Fault> {
        marker.write(folder)?;
        Ok(Self { folder, marker: Mutex::new(marker) })
    }

    pub fn change(&self, change: impl FnOnce(&mut Marker)) -> Result<(), Fault> {
        let mut marker = self.marker.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut marker);
        marker.write(self.folder)
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join("marker.json")
}

fn beat(folder: &Path) -> PathBuf {
    folder.join("beat")
}

/// Terraform is seen alive. Not synced: it only narrows down who took a lock.
pub fn seen_alive(folder: &Path) {
    let _ =
        private().create(true).truncate(true).write(true).open(beat(folder)).and_then(|mut file| file.write_all(b"."));
}

/// When the kernel started that process, in its own ticks.
pub fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

fn stop_file(folder: &Path, attempt: u32) -> PathBuf {
    folder.join(format!("stopped.{attempt}"))
}

pub fn was_stopped(folder: &Path, attempt: u32) -> bool {
    stop_file(folder, attempt).exists()
}

/// Asks Terraform to end: one INT in its life, to its own process. A second one would make it drop its state, and providers
/// die of a TERM.
pub fn interrupt(folder: &Path) {
    let Some(marker) = Marker::read(folder).filter(Marker::is_open) else { return };
    // Its id may belong to somebody else by now.
    let Some((pid, _)) = marker.process.filter(|(pid, start)| started(*pid) == Some(*start)) else { return };
    if private().create_new(true).write(true).open(stop_file(folder, marker.attempt)).is_ok()
        && let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, Signal::INT);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_ours_by_its_id_or_by_user_machine_operation_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let began: Timestamp = "2026-11-24T20:00:00Z".parse().unwrap();
        let after = |seconds: i64| began + SignedDuration::from_secs(seconds);
        let mut marker = Marker { began, ..Marker::new(1) };
        let lock = |operation: &str, seconds: i64| LockInfo {
            id: "id".into(),
            operation: format!("OperationType{operation}"),
            who: who(),
            created: Some(after(seconds)),
            of_holder: true,
        };
        let owns = |marker: &Marker, lock: &LockInfo| marker.owns(lock, folder.path());
        assert!(owns(&marker, &lock("Apply", 1)));
        assert!(!owns(&marker, &lock("Apply", -1)) && !owns(&marker, &lock("Apply", 60)));
        assert!(!owns(&marker, &LockInfo { who: "ana@desk".into(), ..lock("Apply", 1) }));
        assert!(!owns(&marker, &LockInfo { of_holder: false, ..lock("Apply", 1) }));
        // A plan's is ours only if we had just asked.
        assert!(!owns(&marker, &lock("Plan", 1)));
        marker.asked.push(after(100));
        assert!(owns(&marker, &lock("Plan", 101)));
        assert!(!owns(&marker, &lock("Plan", 1)) && !owns(&marker, &lock("Plan", 200)));
        // Once the apply's is known, another apply's is somebody else's.
        marker.lock = Some("another".into());
        assert!(!owns(&marker, &lock("Apply", 1)) && owns(&marker, &lock("Plan", 101)));
        marker.lock = Some("id".into());
        assert!(!owns(&marker, &LockInfo::default()));
        assert!(owns(&marker, &LockInfo { id: "id".into(), ..LockInfo::default() }));
    }
}
