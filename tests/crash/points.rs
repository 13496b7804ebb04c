//! The executor killed in front of its k-th system call, or that call made to fail; then resumed, and compared with a run
//! that nothing happened to.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::bench::{Bench, REGROW};

const BOOK: &str = r#"
  - { id: one, uses: run, needs: [], with: { script: 'echo one >> EFFECTS; echo n=7 >> "$REGROW_OUTPUT"', outputs: { n: { type: integer } } } }
  - { id: two, uses: run, needs: [one], with: { script: 'echo two $N >> EFFECTS', env: { N: '{{ steps.one.outputs.n }}' } } }
  - { id: three, uses: run, needs: [one], with: { script: 'sleep 0.05; echo three >> EFFECTS' } }
  - { id: four, uses: run, needs: [two, three], with: { script: 'echo four >> EFFECTS' } }
  - { id: five, uses: run, needs: [four], with: { script: 'echo five >> EFFECTS', effect: convergent } }
  - { id: six, uses: run, needs: [four], with: { script: 'echo six >> EFFECTS' } }
  - { id: seven, uses: run, needs: [five, six], with: { script: 'echo seven >> EFFECTS' } }
  - { id: eight, uses: run, needs: [seven], with: { script: 'echo eight >> EFFECTS' } }
  - { id: ten, uses: run, needs: [eight], with: { script: 'echo ten >> EFFECTS' } }
  - { id: eleven, uses: run, needs: [ten], with: { script: 'echo eleven >> EFFECTS' } }
  - { id: twelve, uses: run, needs: [eleven], with: { script: 'echo twelve >> EFFECTS' } }
finally:
  - { id: nine, uses: run, with: { script: 'echo nine >> EFFECTS' } }
"#;

/// Everything the executor's own thread asks of the kernel that another process could see, and what lies between.
const CALLS: [&str; 9] = ["openat", "write", "fdatasync", "fsync", "rename", "mkdir", "fallocate", "flock", "futex"];

/// How often the executor's own thread makes each call. Worker threads and supervisors are not traced.
fn counted() -> BTreeMap<&'static str, usize> {
    let bench = Bench::new(BOOK);
    let log = bench.path("trace");
    let status = traced(&bench, &["-o", &log.display().to_string(), "-e", &format!("trace={}", CALLS.join(","))]);
    assert_eq!(status, Some(0), "strace must be installed and allowed to trace (apt-get install strace)");
    let text = std::fs::read_to_string(log).expect("a trace");
    let count = |call: &str| text.lines().filter(|line| line.starts_with(&format!("{call}("))).count();
    CALLS.iter().map(|call| (*call, count(call))).collect()
}

fn traced(bench: &Bench, options: &[&str]) -> Option<i32> {
    let mut command = Command::new("strace");
    command.args(options).arg("--").arg(REGROW).args(bench.start_args()).arg("--no-wait");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let status =
        command.status().unwrap_or_else(|error| panic!("strace is needed here (apt-get install strace): {error}"));
    status.code()
}

/// Resumes until the run is over; a run that was not even made is started.
fn finish(bench: &Bench) -> i32 {
    for _ in 0..5 {
        if !bench.run_folder().is_dir() {
            let args = bench.start_args();
            let args: Vec<&str> = args[2..].iter().map(String::as_str).collect();
            return bench.code(&args);
        }
        match bench.code(&["resume", "k1", "--no-wait"]) {
            74 | 75 => {}
            code => return code,
        }
    }
    -1
}

fn undisturbed() -> Vec<String> {
    let bench = Bench::new(BOOK);
    assert_eq!(traced(&bench, &["-o", "/dev/null", "-e", "trace=none"]), Some(0));
    bench.effects()
}

/// Disturbs one run and says what is wrong afterwards, and how the disturbed executor left.
fn disturb(expected: &[String], inject: &str) -> (Option<i32>, Option<String>) {
    let bench = Bench::new(BOOK);
    let (inject_option, journal) =
        (format!("inject={inject}"), bench.run_folder().join("journal.000001").display().to_string());
    let mut options = vec!["-o", "/dev/null", "-e", &inject_option];
    if inject.starts_with("write:error") {
        // Only the journal's: a pipe or an eventfd is never full.
        options.extend(["-P", &journal]);
    }
    let left = traced(&bench, &options);
    let code = finish(&bench);
    let effects = bench.effects();
    let wrong = (code != 0 || effects != expected)
        .then(|| format!("{inject}: left with {left:?}, resumed to {code}, did {effects:?}"));
    (left, wrong)
}

/// Every point of `points`, two at a time; the codes that disturbed executors left with.
fn all(points: &[String]) -> Vec<Option<i32>> {
    let expected = undisturbed();
    let (next, seen) = (AtomicUsize::new(0), Mutex::new((Vec::new(), Vec::new())));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (left, wrong) = disturb(&expected, point);
                    let mut seen = seen.lock().expect("no panic");
                    seen.0.push(left);
                    seen.1.extend(wrong);
                }
            });
        }
    });
    let (left, wrong) = seen.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "{} of {} points:\n{}", wrong.len(), points.len(), wrong.join("\n"));
    left
}

/// Spread evenly over all calls.
fn spread(counts: &BTreeMap<&str, usize>, most: usize, what: &str) -> Vec<String> {
    let all: Vec<String> =
        counts.iter().flat_map(|(call, count)| (1..=*count).map(move |k| format!("{call}:{what}:when={k}"))).collect();
    let step = (all.len() as f64 / most as f64).max(1.0);
    (0..).map(|n| (n as f64 * step) as usize).take_while(|at| *at < all.len()).map(|at| all[at].clone()).collect()
}

#[test]
fn killed_at_150_points_and_resumed() {
    let most = std::env::var("REGROW_CRASH_POINTS").ok().and_then(|text| text.parse().ok()).unwrap_or(150);
    let counts = counted();
    let points = spread(&counts, most, "signal=SIGKILL");
    let total: usize = counts.values().sum();
    assert!(points.len() >= most.min(150), "only {total} calls to be killed at: {counts:?}");
    let left = all(&points);
    let killed = left.iter().filter(|code| code.is_none()).count();
    eprintln!("killed at {killed} of {total} calls: {counts:?}");
    assert!(killed * 10 >= points.len() * 8, "only {killed} of {} were killed", points.len());
}

#[test]
fn a_disk_that_fails_or_is_full_stops_the_run_and_nothing_else() {
    let counts = counted();
    let only =
        |call: &str| BTreeMap::from([(CALLS[CALLS.iter().position(|c| *c == call).expect("a call")], counts[call])]);
    let mut points = spread(&only("fdatasync"), 100, "error=EIO");
    points.extend(spread(&only("fdatasync"), 8, "error=ENOSPC"));
    for k in 1..=12 {
        points.push(format!("write:error=ENOSPC:when={k}"));
        points.push(format!("write:error=EIO:when={k}"));
    }
    let left = all(&points);
    let with = |code: i32| left.iter().filter(|left| **left == Some(code)).count();
    eprintln!("of {} failing calls {} end with 74, {} with 75", points.len(), with(74), with(75));
    assert!(with(74) >= 5 && with(75) >= 2, "{left:?}");
}
