//! The commands that look nothing up but in the program itself: they need no state, no network and no run.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

fn regrow(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_regrow"))
        .args(arguments)
        .env_clear()
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_one_prints_its_data_and_ends_with_0() {
    let commands: &[(&[&str], &str)] = &[
        (&["schema"], "draft-07"),
        (&["schema", "--include"], "A file that runbooks of regrow include"),
        (&["explain", "include"], "Keys of an included file"),
        (&["kinds"], "postgres.restore"),
        (&["explain"], "RG0101"),
        (&["explain", "run"], "## After a crash"),
        (&["explain", "RG2104"], "Next: "),
        (&["explain", "needs"], "a key of a step"),
        (&["completions", "bash"], "complete"),
        (&["completions", "zsh"], "#compdef regrow"),
        (&["completions", "fish"], "explain"),
        (&["graph", "tests/graph/small.yaml"], "after database, storage"),
        (&["graph", "tests/graph/small.yaml", "--format", "svg"], "</svg>"),
        (&["graph", "runbooks/examples/second-way.yaml"], "after restore/snapshot (superseded, skipped)"),
    ];
    for (command, part) in commands {
        let output = regrow(command);
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", text(&output.stderr));
        assert!(text(&output.stdout).contains(part), "{command:?}: {}", text(&output.stdout));
        assert_eq!(text(&output.stderr), "", "{command:?}");
    }
}

#[test]
fn json_is_json() {
    let commands: &[&[&str]] = &[
        &["kinds"],
        &["explain"],
        &["explain", "run"],
        &["explain", "RG0101"],
        &["explain", "retry"],
        &["graph", "tests/graph/small.yaml"],
    ];
    for command in commands {
        let output = regrow(&[*command, &["--json"]].concat());
        assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{command:?}: {}", text(&output.stdout));
    }
}

#[test]
fn what_cannot_be_drawn_or_explained_ends_with_2_and_says_why() {
    let ring = "tests/broken/graph-ring.yaml";
    let (drawn, checked) = (regrow(&["graph", ring, "--format", "svg"]), regrow(&["check", ring]));
    assert_eq!(drawn.status.code(), Some(2));
    assert_eq!((&drawn.stdout, &drawn.stderr), (&checked.stdout, &checked.stderr));
    assert!(text(&drawn.stderr).contains("RG0204"), "{}", text(&drawn.stderr));
    let missing = regrow(&["graph", "no-such.yaml"]);
    assert_eq!(missing.status.code(), Some(2));
    let unknown = regrow(&["explain", "postgres.retsore"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("did you mean `postgres.restore`?"), "{}", text(&unknown.stderr));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    for command in [&["schema"][..], &["explain"], &["completions", "bash"], &["graph", "tests/graph/small.yaml"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_regrow"))
            .args(command)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{command:?}: {}", text(&output.stderr));
    }
}
