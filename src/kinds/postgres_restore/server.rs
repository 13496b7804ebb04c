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
        fs::File::create(&log).map_err(|error| io("making", &log, &error))?;
        own(&log, &prior.account)?;
    }
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
