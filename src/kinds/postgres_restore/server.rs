//! The server process: started so that it outlives everybody here, known again, stopped.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::exec::{capture, io};
use super::place::{Place, own};
use super::prior::Prior;
use crate::model::{Fault, RetryClass};

/// The server that runs on this folder. A stale pid file whose number went to another process does not deceive: a server
/// stands in its data folder.
pub fn running(data: &Path) -> Option<Pid> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    let stands_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    (stands_in == data.canonicalize().ok()?).then(|| Pid::from_raw(pid))?
}

/// Starts it by `pg_ctl`, which gives it a session of its own.
pub fn start(place: &Place, prior: &Prior) -> Result<(), Fault> {
    let log = place.log();
    if !log.exists() {
        // Never through a link: the folder belongs to the server's account.
        fs::File::create_new(&log).map_err(|error| io("making", &log, &error))?;
        own(&log, &prior.account)?;
    }
    bury(place)?;
    let mut command = prior.account.command(&prior.bin.join("pg_ctl"));
    command.args(["start", "-W", "-s", "-D"]).arg(&place.data).arg("-l").arg(&log);
    let said = capture(&mut command)?;
    if said.ok {
        return Ok(());
    }
    let mut fault = Fault::new("RG2416", format!("the server in `{}` does not start", place.data.display()));
    fault.causes = said.complaint();
    Err(fault.hint(format!("its log is `{}`", log.display())))
}

/// Takes away the lock files of a server that is dead but was never waited for, as in a container whose first process does
/// not. The new server would take its number for a living one. Children that still hold shared memory are found by it
/// all the same, by the folder's inode.
fn bury(place: &Place) -> Result<(), Fault> {
    let mut files = vec![place.data.join("postmaster.pid")];
    let own = fs::read_dir(&place.own).into_iter().flatten().flatten().map(|entry| entry.path());
    files.extend(own.filter(|path| path.extension().is_some_and(|end| end == "lock")));
    for file in files.iter().filter(|file| names_a_zombie(file)) {
        fs::remove_file(file).map_err(|error| io("removing", file, &error))?;
    }
    Ok(())
}

fn names_a_zombie(file: &Path) -> bool {
    let pid = fs::read_to_string(file).ok().and_then(|text| text.lines().next()?.trim().parse::<i32>().ok());
    let stat = pid.and_then(|pid| fs::read_to_string(format!("/proc/{pid}/stat")).ok());
    stat.is_some_and(|stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')))
}

/// Ends it and waits until it is gone: in order where it serves, at once where it is thrown away.
pub fn stop(data: &Path, in_order: bool) -> Result<(), Fault> {
    let Some(pid) = running(data) else { return Ok(()) };
    let first = if in_order { Signal::INT } else { Signal::QUIT };
    for (signal, patience) in [(first, 60), (Signal::QUIT, 20), (Signal::KILL, 10)] {
        if running(data).is_none() {
            return Ok(());
        }
        let _ = kill_process(pid, signal);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(patience) {
            if running(data) != Some(pid) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Err(Fault::new("RG2416", format!("the server in `{}` does not stop", data.display())).retry(RetryClass::Later))
}
