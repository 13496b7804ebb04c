//! The most memory that a process had, by the kernel's own count, `VmHWM`.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

const MIB: f64 = 1024.0;

/// What one process took.
#[derive(Debug, Default)]
pub struct Taken {
    pub seconds: f64,
    /// MiB of the process itself.
    pub peak: f64,
    /// MiB of its largest child.
    pub child_peak: f64,
    pub code: Option<i32>,
}

/// Runs `command` to its end. The last millisecond is not seen.
pub fn watched(command: &mut Command) -> Result<Taken> {
    let began = Instant::now();
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut taken = Taken::default();
    let mut looks = 0_u32;
    loop {
        taken.peak = peak(child.id()).unwrap_or(0.0).max(taken.peak);
        if looks.is_multiple_of(50) {
            let children = children(child.id()).into_iter().filter_map(peak);
            taken.child_peak = children.fold(taken.child_peak, f64::max);
        }
        looks += 1;
        if let Some(status) = child.try_wait()? {
            taken.seconds = began.elapsed().as_secs_f64();
            taken.code = status.code();
            return Ok(taken);
        }
        sleep(Duration::from_millis(1));
    }
}

fn peak(pid: u32) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / MIB)
}

/// Each thread has children of its own.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return Vec::new() };
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}
