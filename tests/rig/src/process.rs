//! Processes, known by pid and start time, so that a reused pid is never taken for the one that was started.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

/// One process of this boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    pub pid: i32,
    /// Clock ticks between boot and the start of the process: field 22 of `/proc/PID/stat`.
    pub started: u64,
}

impl Identity {
    /// The process that has this pid now; none if it ended, or if it is a zombie that only waits to be collected.
    pub fn of(pid: i32) -> Option<Identity> {
        let stat = procfs::process::Process::new(pid).ok()?.stat().ok()?;
        let over = matches!(stat.state, 'Z' | 'X' | 'x');
        (!over).then_some(Identity { pid, started: stat.starttime })
    }

    pub fn own() -> Option<Identity> {
        Identity::of(i32::try_from(std::process::id()).ok()?)
    }

    pub fn is_alive(self) -> bool {
        Identity::of(self.pid) == Some(self)
    }

    /// Sends the signal if the process is still the one that was meant.
    pub fn signal(self, signal: Signal) {
        if !self.is_alive() {
            return;
        }
        if let Some(pid) = Pid::from_raw(self.pid) {
            // It may end between the look and the signal: then there is nothing to do.
            let _ = kill_process(pid, signal);
        }
    }
}

/// The processes below this one, as far as their parents still live: an orphan belongs to nobody and is not found.
pub fn descendants(root: Identity) -> BTreeSet<Identity> {
    if !root.is_alive() {
        return BTreeSet::new();
    }
    let everyone: Vec<(i32, Identity)> = procfs::process::all_processes()
        .into_iter()
        .flatten()
        .filter_map(|process| process.ok()?.stat().ok())
        .map(|stat| (stat.ppid, Identity { pid: stat.pid, started: stat.starttime }))
        .collect();
    let mut found = BTreeSet::new();
    let mut parents = vec![root.pid];
    while let Some(parent) = parents.pop() {
        for (_, child) in everyone.iter().filter(|(ppid, _)| *ppid == parent) {
            if found.insert(*child) {
                parents.push(child.pid);
            }
        }
    }
    found
}

/// A child and all below it, ended on `Drop` if it still runs.
#[must_use = "dropping it ends the processes"]
pub struct Tree {
    root: Option<Identity>,
}

impl Tree {
    pub fn of(child: &tokio::process::Child) -> Tree {
        Tree { root: child.id().and_then(|pid| Identity::of(i32::try_from(pid).ok()?)) }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let Some(root) = self.root.filter(|root| root.is_alive()) else {
            return;
        };
        let mut all = descendants(root);
        all.insert(root);
        all.iter().for_each(|process| process.signal(Signal::TERM));
        if !wait_gone(&all, Duration::from_secs(2)) {
            all.iter().for_each(|process| process.signal(Signal::KILL));
        }
    }
}

/// Waits until none of them lives; false when some still do after that time.
pub fn wait_gone(processes: &BTreeSet<Identity>, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    while processes.iter().any(|process| process.is_alive()) {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_zombie_and_another_start_time_are_not_alive() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let identity = Identity::of(pid).unwrap();
        assert!(identity.is_alive());
        assert!(!Identity { started: identity.started + 1, ..identity }.is_alive());
        assert!(descendants(Identity::own().unwrap()).contains(&identity));
        identity.signal(Signal::KILL);
        assert!(wait_gone(&BTreeSet::from([identity]), Duration::from_secs(5)), "a zombie counts as gone");
        child.wait().unwrap();
    }
}
