//! `rig with`, as a person or an outside check runs it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rig::process::{Identity, descendants, wait_gone};
use rustix::process::Signal;

fn rig(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rig")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn the_command_reaches_the_server_and_owns_stdout_and_exit_code() {
    let script = r#"psql -XAtq "$RIG_POSTGRES_URL" -c 'select current_user, current_database()' &&
        test -f "$RIG_POSTGRES_BASE/backup_manifest" && test -d "$RIG_POSTGRES_ARCHIVE" && test -x "$RIG_POSTGRES_BIN/postgres" && exit 7"#;
    let output = rig(&["with", "postgres", "--", "sh", "-c", script]);
    assert_eq!(text(&output.stdout), "regrow|postgres\n", "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(7));
}

#[test]
fn it_ends_as_the_command_ended() {
    let table: [(&[&str], i32); 4] = [
        (&["true"], 0),
        (&["sh", "-c", "kill -TERM $$"], 128 + 15),
        (&["/nowhere/to/be/found"], 127),
        (&["/etc"], 126),
    ];
    for (command, code) in table {
        let output = rig(&[&["with", "postgres", "--"], command].concat());
        assert_eq!(output.status.code(), Some(code), "{command:?}: {}", text(&output.stderr));
    }
}

#[test]
fn s3_and_aws_are_reached_by_their_variables() {
    let script = r#"test "$RIG_S3_ENDPOINT" != "$RIG_AWS_ENDPOINT" && echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY $AWS_REGION""#;
    let output = rig(&["with", "s3,aws", "--", "sh", "-c", script]);
    assert_eq!(text(&output.stdout), "rig-key rig-rig-rig us-east-1\n", "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_unknown_name_is_refused_with_what_there_is() {
    let output = rig(&["with", "postgers", "--", "true"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("possible values: postgres") && said.contains("a similar value exists: 'postgres'"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
    assert_eq!(rig(&["with", "postgres"]).status.code(), Some(2), "a command is required");
}

/// A rig with a cache of its own, so that no other test's sweep does the work that is to be shown.
struct Bench {
    rig: Child,
    folder: PathBuf,
    everyone: BTreeSet<Identity>,
    cache: tempfile::TempDir,
}

impl Bench {
    /// The command is a shell with a child of its own.
    fn start() -> Bench {
        let cache = tempfile::tempdir().unwrap();
        let script = r#"dirname "$(dirname "$RIG_POSTGRES_ARCHIVE")"; sleep 300; true"#;
        let mut rig = with_cache(cache.path(), script).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(rig.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let root = Identity::of(i32::try_from(rig.id()).unwrap()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let everyone = loop {
            let everyone = descendants(root);
            if everyone.iter().any(|process| name_of(*process) == "sleep") {
                break everyone;
            }
            assert!(Instant::now() < deadline, "the command has no child");
            thread::sleep(Duration::from_millis(10));
        };
        let folder = PathBuf::from(line.trim());
        assert!(folder.is_dir() && everyone.len() > 5, "{folder:?} {everyone:?}");
        Bench { rig, folder, everyone, cache }
    }

    fn root(&self) -> Identity {
        Identity::of(i32::try_from(self.rig.id()).unwrap()).unwrap()
    }

    fn reaper(&self) -> Identity {
        *self.everyone.iter().find(|process| name_of(**process) == "reaper").expect("there is a reaper")
    }

    fn assert_nothing_is_left_within(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        assert!(
            wait_gone(&self.everyone, patience),
            "{:?}",
            self.everyone.iter().filter(|p| p.is_alive()).collect::<Vec<_>>()
        );
        while self.folder.exists() {
            assert!(Instant::now() < deadline, "{} is still there", self.folder.display());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn with_cache(cache: &Path, script: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rig"));
    command.args(["with", "postgres", "--", "sh", "-c", script]).env("REGROW_RIG_CACHE", cache);
    command
}

/// Short name; the reaper is told from the rig by its hidden word.
fn name_of(process: Identity) -> String {
    let cmdline = fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
    let words: Vec<&[u8]> = cmdline.split(|byte| *byte == 0).collect();
    if words.get(1).is_some_and(|word| *word == b"__reap") {
        return "reaper".to_string();
    }
    String::from_utf8_lossy(words[0]).rsplit('/').next().unwrap_or_default().to_string()
}

#[test]
fn sigkill_leaves_nothing() {
    let mut bench = Bench::start();
    bench.root().signal(Signal::KILL);
    bench.assert_nothing_is_left_within(Duration::from_secs(5));
    bench.rig.wait().unwrap();
}

#[test]
fn sigterm_and_sigint_are_passed_on_and_leave_nothing() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut bench = Bench::start();
        // A shell waits for its child before it minds SIGINT; so both get it, as from a terminal.
        let sleep = *bench.everyone.iter().find(|process| name_of(**process) == "sleep").unwrap();
        bench.root().signal(signal);
        thread::sleep(Duration::from_millis(100));
        sleep.signal(signal);
        let code = bench.rig.wait().unwrap().code();
        assert_eq!(code, Some(128 + signal.as_raw()));
        bench.assert_nothing_is_left_within(Duration::from_secs(1));
    }
}

#[test]
fn when_the_reaper_is_killed_too_the_next_start_cleans_up() {
    let mut bench = Bench::start();
    bench.reaper().signal(Signal::KILL);
    bench.root().signal(Signal::KILL);
    bench.rig.wait().unwrap();
    assert!(bench.folder.exists());
    let output = with_cache(bench.cache.path(), "true").output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains(&format!("removing {}", bench.folder.display())), "{said}");
    // The command's own child is nobody's any more and cannot be known; all that was recorded is gone.
    bench.everyone.retain(|process| {
        name_of(*process) != "sleep" || {
            process.signal(Signal::KILL);
            false
        }
    });
    bench.assert_nothing_is_left_within(Duration::from_millis(100));
}
