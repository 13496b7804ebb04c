//! The executor killed before its k-th system call, for many k, and its disk failing; then resumed, and compared with a run
//! that nothing disturbed.
//!
//! `strace` without `-f` traces the main thread alone: all calls of the journal are made there, and the supervisors, which are
//! started by other threads, live on as they do when an executor is killed. `REGROW_CRASH_POINTS` asks for more points.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::support::{Place, REGROW, Said, finish};

const POINTS: usize = 150;
/// Two cores: more would only make each of them slower.
const AT_ONCE: usize = 2;

/// A chain, a fan, outputs read by another step, a retry, one step at the end.
const BOOK: &str = r#"
steps:
  - id: first
    run: echo "$REGROW_STEP" >> effects
  - id: count
    needs: [first]
    run: |
      echo "$REGROW_STEP" >> effects
      echo "rows=7" >> "$REGROW_OUTPUT"
    with: { outputs: { rows: { type: integer } } }
  - id: reads
    needs: [count]
    run: echo "$REGROW_STEP $ROWS" >> effects
    with: { env: { ROWS: "{{ steps.count.outputs.rows }}" } }
  - id: left
    needs: [first]
    run: echo "$REGROW_STEP" >> effects
  - id: right
    needs: [first]
    run: echo "$REGROW_STEP" >> effects
  - id: again
    needs: [reads, left, right]
    retry: { attempts: 2, delay: 5ms, when: [failed] }
    run: |
      test "$REGROW_ATTEMPT" -ge 2
      echo "$REGROW_STEP" >> effects
finally:
  - id: last
    run: echo "$REGROW_STEP" >> effects
"#;
const EFFECTS: [&str; 7] = ["again", "count", "first", "last", "left", "reads 7", "right"];
const RUN: [&str; 6] = ["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"];
const RESUME: [&str; 3] = ["resume", "--no-wait", "run1"];

/// Before the `k`-th call of `name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Point {
    name: String,
    k: usize,
}

fn under_strace(place: &Place, options: &[&str], args: &[&str]) -> Said {
    assert!(
        Command::new("strace").arg("-V").output().is_ok_and(|output| output.status.success()),
        "strace is missing: `apt-get install strace`, or `cargo rig install` does it"
    );
    let mut all = vec!["-qq"];
    all.extend(options);
    all.push(REGROW);
    all.extend(args);
    finish(place.command("strace", &all))
}

/// Every call of the main thread of an undisturbed run, from where it begins to touch the state folder.
fn points() -> Vec<Point> {
    let place = Place::new(BOOK);
    let log = place.path("calls");
    under_strace(&place, &["-o", log.to_str().unwrap()], &RUN).ends(0);
    assert_eq!(place.effects(), EFFECTS);
    assert_eq!(place.state(), "succeeded");
    let mut counts = BTreeMap::new();
    let mut points = Vec::new();
    let mut begun = false;
    for line in fs::read_to_string(log).unwrap().lines() {
        let Some((name, _)) = line.split_once('(') else { continue };
        let k = counts.entry(name.to_string()).or_insert(0);
        *k += 1;
        begun |= name == "mkdir";
        if begun {
            points.push(Point { name: name.to_string(), k: *k });
        }
    }
    points
}

/// What a crash of the journal hangs on.
const OF_THE_JOURNAL: [&str; 6] = ["write", "fdatasync", "fsync", "openat", "rename", "fallocate"];

/// All points: first those of the journal, then an even spread of the others, then what is left.
fn spread(points: Vec<Point>, wanted: usize) -> Vec<Point> {
    let (first, others): (Vec<_>, Vec<_>) =
        points.into_iter().partition(|point| OF_THE_JOURNAL.contains(&point.name.as_str()));
    let (len, room) = (others.len(), wanted.saturating_sub(first.len()).min(others.len()));
    let chosen: BTreeSet<usize> = (0..room).map(|i| i * len / room).collect();
    let (then, rest): (Vec<_>, Vec<_>) = others.into_iter().enumerate().partition(|(at, _)| chosen.contains(at));
    first.into_iter().chain(then.into_iter().chain(rest).map(|(_, point)| point)).collect()
}

/// Goes on until the run is over, then compares.
#[track_caller]
fn resume_and_compare(place: &Place, what: &str) {
    // Killed before the run's folder was whole: there is no run, and the same command starts it.
    let args: &[&str] = if place.run_dir().exists() { &RESUME } else { &RUN };
    if args == RUN {
        assert!(place.effects().is_empty(), "{what}: effects without a run");
    }
    let said = place.argv(args);
    assert_eq!(said.code, Some(0), "{what}: resumed\n{said:#?}\neffects: {:?}", place.effects());
    assert_eq!(place.effects(), EFFECTS, "{what}: every effect once\n{said:#?}");
    let status = place.status();
    assert_eq!(status["state"], "succeeded", "{what}: {status:#}");
    let ended = |step: &Value| step["state"] == "succeeded";
    assert!(status["steps"].as_array().unwrap().iter().all(ended), "{what}: {status:#}");
    let log = place.argv(&["verify-log", "run1"]);
    assert_eq!(log.code, Some(0), "{what}: {log:#?}");
}

#[test]
fn killed_at_any_system_call_every_effect_is_there_once() {
    let wanted = std::env::var("REGROW_CRASH_POINTS").ok().map_or(POINTS, |n| n.parse().expect("a number"));
    let points = spread(points(), wanted);
    let next = AtomicUsize::new(0);
    let kills = AtomicUsize::new(0);
    let killed = Mutex::new(BTreeMap::<String, usize>::new());
    let begun = Instant::now();
    let work = || {
        // How often a call occurs differs a little from run to run: a point that is not reached makes room for another.
        while kills.load(Ordering::SeqCst) < wanted {
            let turn = next.fetch_add(1, Ordering::SeqCst);
            assert!(turn < 4 * wanted + points.len(), "too few points are reached");
            let point = &points[turn % points.len()];
            if kill_at(point, turn % 2 == 1) {
                kills.fetch_add(1, Ordering::SeqCst);
                *killed.lock().unwrap().entry(point.name.clone()).or_default() += 1;
            }
        }
    };
    thread::scope(|scope| (0..AT_ONCE).for_each(|_| drop(scope.spawn(work))));
    let (kills, killed) = (kills.into_inner(), killed.into_inner().unwrap());
    println!("killed at {kills} points in {:.1} s: {killed:?}", begun.elapsed().as_secs_f32());
    assert!(kills >= wanted);
    for name in OF_THE_JOURNAL {
        assert!(killed.contains_key(name), "never killed at {name}: {killed:?}");
    }
}

/// Kills a run there, every other time its first resumption too. False if the point was not reached.
fn kill_at(point: &Point, twice: bool) -> bool {
    let place = Place::new(BOOK);
    let inject = format!("inject={}:signal=SIGKILL:when={}", point.name, point.k);
    let trace = format!("trace={}", point.name);
    let options = ["-o", "/dev/null", "-e", &trace, "-e", &inject];
    let said = under_strace(&place, &options, &RUN);
    let reached = said.signal == Some(9);
    assert!(reached || said.code == Some(0), "{point:?}: {said:#?}");
    if reached && twice && place.run_dir().exists() {
        under_strace(&place, &options, &RESUME);
    }
    resume_and_compare(&place, &format!("killed before {point:?}{}", if twice { ", twice" } else { "" }));
    reached
}

/// What the journal's file says: sequence numbers that were durable when its last line was written, and of that line.
fn marks(place: &Place) -> (u64, u64) {
    let journal = fs::read_to_string(place.run_dir().join("journal.000001")).unwrap();
    let last = journal.lines().last().unwrap_or_default();
    let fields: Vec<&str> = last.split_whitespace().collect();
    (fields[4].parse().unwrap(), fields[3].parse().unwrap())
}

/// Steps whose command was handed to a supervisor.
fn handed_over(place: &Place) -> BTreeSet<String> {
    let work = fs::read_dir(place.run_dir().join("work")).unwrap();
    let names = work.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".job")).map(|name| name.trim_start_matches("run1.").to_string()).collect()
}

/// A fault of the disk at the `k`-th call on the journal. False if the run was over before.
fn fail_at(name: &str, error: &str, k: usize, wanted: i32) -> bool {
    let what = format!("{error} at {name} {k}");
    let place = Place::new(BOOK);
    let journal = place.run_dir().join("journal.000001");
    let inject = format!("inject={name}:error={error}:when={k}");
    let trace = format!("trace={name}");
    let options = ["-o", "/dev/null", "-P", journal.to_str().unwrap(), "-e", &trace, "-e", &inject];
    let said = under_strace(&place, &options, &RUN);
    if said.code == Some(0) {
        assert_eq!(place.effects(), EFFECTS);
        return false;
    }
    assert_eq!(said.code, Some(wanted), "{what}: {said:#?}");
    // Nobody should have to guess why it ended.
    assert!(error != "ENOSPC" || said.stderr.contains("no room"), "{what}: {said:#?}");
    let begun = handed_over(&place);
    let (durable, newest) = marks_or_none(&place);
    let durable = if name == "fdatasync" { durable } else { newest };
    // What was not known to be on disk has no effect: neither yet nor later, when commands in flight have ended.
    let intents = intents(&place, durable);
    thread::sleep(Duration::from_millis(60));
    let later = handed_over(&place);
    assert_eq!(begun, later, "{what}: begun after the executor ended");
    assert!(later.is_subset(&intents), "{what}: begun without a durable intent: {later:?} of {intents:?}\n{said:#?}");
    resume_and_compare(&place, &what);
    true
}

fn marks_or_none(place: &Place) -> (u64, u64) {
    let is_empty = fs::metadata(place.run_dir().join("journal.000001")).map_or(0, |meta| meta.len()) == 0;
    if is_empty { (0, 0) } else { marks(place) }
}

/// Job files that intents up to `durable` allow.
fn intents(place: &Place, durable: u64) -> BTreeSet<String> {
    let events = place.argv(&["events", "run1", "--json"]).stdout;
    let records = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let begun = records.filter(|record| record["seq"].as_u64() <= Some(durable) && record["attempt"].is_u64());
    begun.map(|r| format!("{}.{}.{}.job", text(&r["step"]), r["generation"], r["attempt"])).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[test]
fn a_disk_that_fails_or_is_full_ends_the_executor_before_the_next_effect() {
    let cases = [("fdatasync", "EIO", 74), ("write", "EIO", 74), ("fdatasync", "ENOSPC", 75), ("write", "ENOSPC", 75)];
    let begun = Instant::now();
    let failures = AtomicUsize::new(0);
    thread::scope(|scope| {
        for half in cases.chunks(2) {
            let failures = &failures;
            scope.spawn(move || {
                for (name, error, code) in half {
                    let reached = (1..).take_while(|k| fail_at(name, error, *k, *code)).count();
                    assert!(reached >= 5, "{name} is reached {reached} times only");
                    failures.fetch_add(reached, Ordering::SeqCst);
                }
            });
        }
    });
    assert!(fail_at("fallocate", "ENOSPC", 1, 75));
    assert!(fail_at("fallocate", "EIO", 1, 74));
    println!("{} failures in {:.1} s", failures.into_inner() + 2, begun.elapsed().as_secs_f32());
}
