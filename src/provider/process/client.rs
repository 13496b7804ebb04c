//! The executor's side: start a supervisor, find it again, wait for its end.

use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use super::files::{JobFiles, Written};
use super::job::{Job, Outcome};
use super::{CANNOT_START, NO_ROOM, pool};
use crate::journal::disk::{is_full, private, reserve};
use crate::kind::WriteCx;
use crate::model::{Fault, OpId, RetryClass};

/// What became of a supervised process.
#[derive(Debug)]
pub enum Fate {
    /// Its supervisor lives.
    Supervised,
    Ended(Box<Outcome>),
    /// It certainly never began.
    NeverBegan,
    /// It may have begun. Its supervisor is gone and left no result.
    Lost,
    /// The same, and processes of it live on.
    Orphaned(Vec<u32>),
}

/// Kept for the mark and the result before anything begins (G12): the end of a step is told even on a full disk.
const ROOM: u64 = 64 * 1024;

/// Starts `job` under a supervisor of its own. Returns once the supervisor has the job.
pub async fn start(_: &WriteCx, op: &OpId, files: &JobFiles, job: &Job) -> Result<(), Fault> {
    let failed = |what: &str, error: &io::Error| match is_full(error) {
        true => Fault::new(NO_ROOM, format!("no room is left for what `{op}` will tell; nothing was begun")),
        false => Fault::new(CANNOT_START, format!("cannot start a process for `{op}`: {what}")).caused_by(error),
    };
    let lock =
        private().create(true).truncate(false).write(true).open(files.job()).map_err(|e| failed("its job file", &e))?;
    lock.try_lock().map_err(|_| {
        Fault::new("RG2002", format!("`{op}` is running already")).hint("another executor may have started it")
    })?;
    lock.set_len(0).and_then(|()| reserve(&lock, 0, ROOM)).map_err(|e| failed("its job file", &e))?;
    let text = serde_json::to_vec(job).map_err(|e| failed("its job", &io::Error::other(e)))?;
    pool::hand_over(&text, &lock).map_err(|e| failed("its supervisor", &e))
}

/// What became of the process of `files`. `same_boot`: whether its intent was written since the machine started.
pub fn fate(op: &OpId, files: &JobFiles, same_boot: bool) -> Result<Fate, Fault> {
    if is_supervised(files)? {
        return Ok(Fate::Supervised);
    }
    let written = files.read().map_err(|e| Fault::new("RG2001", "cannot read a job file").caused_by(&e))?;
    Ok(match written {
        Some(Written::Result(outcome)) => Fate::Ended(outcome),
        // After a power cut a missing mark proves nothing: it was never synced.
        None | Some(Written::Nothing) if same_boot => Fate::NeverBegan,
        None | Some(Written::Nothing | Written::Begun) => match survivors(op) {
            pids if pids.is_empty() => Fate::Lost,
            pids => Fate::Orphaned(pids),
        },
    })
}

/// Whether a supervisor holds the job file. Asked of the lock itself: the kernel's list of locks may skip one while others
/// change, and a supervisor that is overlooked would mean work done twice.
fn is_supervised(files: &JobFiles) -> Result<bool, Fault> {
    let unreadable = |e: &io::Error| Fault::new("RG2001", "cannot read a job file").caused_by(e);
    match File::open(files.job()) {
        Ok(file) => match file.try_lock_shared() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(error)) => Err(unreadable(&error)),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(&error)),
    }
}

/// Waits until the supervisor has ended, then says what became of the process.
pub async fn watch(op: &OpId, files: &JobFiles) -> Result<Outcome, Fault> {
    let path = files.job();
    let waited = tokio::task::spawn_blocking(move || File::open(path)?.lock_shared()).await;
    match waited {
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(lost(op).caused_by(&error)),
        Err(error) => return Err(lost(op).caused_by(&error)),
    }
    if let Ok(Some(Written::Result(outcome))) = files.read() {
        return Ok(*outcome);
    }
    // The supervisor may have been killed: then the command is alone, and its end is all that can be waited for.
    loop {
        match fate(op, files, true)? {
            Fate::Ended(outcome) => return Ok(*outcome),
            Fate::Supervised | Fate::Orphaned(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            Fate::NeverBegan => {
                let what = format!("the supervisor of `{op}` ended before it began");
                return Err(Fault::new(CANNOT_START, what).retry(RetryClass::Unknown));
            }
            Fate::Lost => return Err(lost(op)),
        }
    }
}

/// Starts `job` unless somebody began it before, and sees it to its end: a crash in between makes nothing twice.
pub async fn once(cx: &WriteCx, op: &OpId, files: &JobFiles, same_boot: bool, job: &Job) -> Result<Outcome, Fault> {
    match fate(op, files, same_boot)? {
        Fate::Ended(outcome) => return Ok(*outcome),
        Fate::Lost => return Err(lost(op)),
        Fate::Supervised | Fate::Orphaned(_) => {}
        Fate::NeverBegan => start(cx, op, files, job).await?,
    }
    watch(op, files).await
}

fn lost(op: &OpId) -> Fault {
    Fault::new("RG2003", format!("the supervisor of `{op}` is gone and left no result")).retry(RetryClass::Unknown)
}

/// Processes that carry `op` in their environment.
pub fn survivors(op: &OpId) -> Vec<u32> {
    carriers().filter(|(_, carried)| carried == op.as_str()).map(|(pid, _)| pid).collect()
}

/// The operations whose processes live, by one look at all of them.
pub fn living() -> HashSet<String> {
    carriers().map(|(_, op)| op).collect()
}

fn carriers() -> impl Iterator<Item = (u32, String)> {
    let pids = fs::read_dir("/proc").into_iter().flatten();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: u32| Some((pid, carried(pid)?)))
}

fn carried(pid: u32) -> Option<String> {
    let environ = fs::read(Path::new("/proc").join(pid.to_string()).join("environ")).ok()?;
    let op = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"REGROW_OP_ID="))?;
    String::from_utf8(op.to_vec()).ok()
}
