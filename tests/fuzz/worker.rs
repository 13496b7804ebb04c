//! Hunts in a child process and watches it: how long one input takes, how it ends, and how much memory it took.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, setrlimit};
use tempfile::TempDir;

/// What is fuzzed. An attempt panics where a promise is broken; its answer is the length of the input.
pub struct Subject {
    /// Of the test function.
    pub name: &'static str,
    pub attempt: fn(seed: u64, scratch: &Path, shown: bool) -> usize,
}

/// Where a worker keeps its files; its presence makes a process a worker.
const WORKER: &str = "REGROW_FUZZ_WORKER";
const FROM: &str = "REGROW_FUZZ_FROM";
/// The same in every run, so that what fails came with a change; `REGROW_FUZZ_FROM=N` looks elsewhere.
const FIRST: u64 = 1;
/// One input, unoptimised, on a machine that does other things too. The slowest of a million took a tenth of it.
const LONGEST: Duration = Duration::from_secs(20);
/// Beyond this nothing is given any more, and the worker dies.
const MOST_MEMORY: u64 = 1 << 30;
/// What one input may take, and what each of its bytes may in addition.
const MEMORY: u64 = 64 << 20;
const MEMORY_PER_BYTE: u64 = 1024;

pub fn hunt(subject: &Subject) {
    if let Some(seed) = number("REGROW_FUZZ_SEED") {
        let scratch = tempfile::tempdir().expect("a folder");
        (subject.attempt)(seed, scratch.path(), true);
        return;
    }
    match std::env::var_os(WORKER) {
        Some(scratch) => work(subject, Path::new(&scratch)),
        None => watch(subject),
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn seconds() -> Duration {
    Duration::from_secs(number("REGROW_FUZZ_SECONDS").unwrap_or(60))
}

/// The worker: one seed after the other. What it is at stands in a file before it begins.
fn work(subject: &Subject, scratch: &Path) {
    let limit = Rlimit { current: Some(MOST_MEMORY), maximum: Some(MOST_MEMORY) };
    setrlimit(Resource::As, limit).expect("a limit of memory");
    let at = File::create(scratch.join("at")).expect("a file");
    let from = number(FROM).expect("a seed");
    let began = Instant::now();
    let mut slowest = (Duration::ZERO, 0);
    let mut seed = from;
    while began.elapsed() < seconds() {
        at.write_all_at(&seed.to_le_bytes(), 0).expect("a write");
        let (before, begun) = (forget_peak(), Instant::now());
        let length = (subject.attempt)(seed, scratch, false) as u64;
        slowest = slowest.max((begun.elapsed(), seed));
        let taken = memory("VmHWM:").saturating_sub(before);
        let most = MEMORY + length * MEMORY_PER_BYTE;
        assert!(taken <= most, "{length} bytes took {} MiB", taken >> 20);
        seed += 1;
    }
    eprintln!(
        "{}: {} inputs from seed {from}, slowest {:?} (seed {})",
        subject.name,
        seed - from,
        slowest.0,
        slowest.1
    );
}

/// Starts the peak anew; what is in memory now.
fn forget_peak() -> u64 {
    let _ = fs::write("/proc/self/clear_refs", "5");
    memory("VmRSS:")
}

fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what)).unwrap_or_default();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) << 10
}

fn watch(subject: &Subject) {
    let scratch = tempfile::tempdir().expect("a folder");
    let from = number(FROM).unwrap_or(FIRST);
    let mut child = start(subject, &scratch, from);
    let began = Instant::now();
    let mut last = (0, Instant::now());
    let wrong = loop {
        if let Some(status) = child.try_wait().expect("a child of ours") {
            break (!status.success()).then(|| match status.signal() {
                Some(signal) => format!("signal {signal}: no stack or no memory left"),
                None => "a promise was broken".to_string(),
            });
        }
        let seed = seed_at(scratch.path());
        if seed != last.0 {
            last = (seed, Instant::now());
        }
        // A worker whose clock stands would never end by itself.
        if last.1.elapsed() > LONGEST || began.elapsed() > seconds() + 2 * LONGEST {
            child.kill().and_then(|()| child.wait()).expect("a child of ours");
            break Some(format!("it takes longer than {LONGEST:?}"));
        }
        sleep(Duration::from_millis(50));
    };
    if let Some(wrong) = wrong {
        let seed = seed_at(scratch.path());
        panic!("{wrong}\ntry it again with REGROW_FUZZ_SEED={seed} cargo test --test fuzz {}", subject.name);
    }
}

fn start(subject: &Subject, scratch: &TempDir, from: u64) -> Child {
    let program = std::env::current_exe().expect("our own path");
    let mut command = Command::new(program);
    command.args([subject.name, "--exact", "--nocapture", "--test-threads=1"]).stdin(Stdio::null());
    command.env(WORKER, scratch.path()).env(FROM, from.to_string());
    command.spawn().expect("a child")
}

fn seed_at(scratch: &Path) -> u64 {
    let bytes = fs::read(scratch.join("at")).unwrap_or_default();
    bytes.try_into().map_or(0, u64::from_le_bytes)
}
