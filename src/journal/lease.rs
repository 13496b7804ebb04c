//! One executor a run: a lock that the kernel holds and gives up with the process (G8).

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::disk::private;

/// Held for as long as a process executes the run.
#[derive(Debug)]
pub struct Lease {
    _file: File,
}

const NAME: &str = "lock";

impl Lease {
    /// Takes the run's lock; `None` if another process has it.
    pub fn take(run: &Path) -> io::Result<Option<Self>> {
        let file = private().create(true).truncate(false).write(true).open(run.join(NAME))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

/// Whether some process holds the run's lock, without touching it: the kernel's list of locks is read instead (G25).
pub fn is_held(run: &Path) -> bool {
    is_locked(&run.join(NAME))
}

/// Whether a whole-file lock is held on `file`.
pub fn is_locked(file: &Path) -> bool {
    let Ok(inode) = std::fs::metadata(file).map(|meta| meta.ino()) else { return false };
    // The kernel hands its list out in pieces, and a lock that comes or goes between two of them can push another one past the
    // reader: that nobody holds it is believed only the second time.
    (0..2).any(|_| is_listed(inode))
}

fn is_listed(inode: u64) -> bool {
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return false };
    // "1: FLOCK  ADVISORY  WRITE 1234 08:01:131090 0 EOF"; the device is left out because some file systems number it
    // differently here than in `stat`.
    let ours = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some("FLOCK")
            && fields.nth(3).and_then(|place| place.rsplit(':').next()?.parse().ok()) == Some(inode)
    };
    locks.lines().any(ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_executor_is_kept_out_and_seen() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_held(folder.path()));
        let lease = Lease::take(folder.path()).unwrap();
        assert!(lease.is_some());
        assert!(is_held(folder.path()));
        assert!(Lease::take(folder.path()).unwrap().is_none());
        drop(lease);
        assert!(!is_held(folder.path()));
    }
}
