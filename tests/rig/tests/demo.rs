//! The demo from end to end, with a person's psql behind regrow's words: it kills, resumes, approves, and sees a fault.

use std::process::{Command, Output};

fn demo(fault: &str) -> Output {
    // Where it keeps state and report.
    let target = tempfile::tempdir().unwrap();
    Command::new(env!("CARGO_BIN_EXE_rig"))
        .args(["demo", "--rows", "10000", "--regrow", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/by-hand.sh")])
        .env("FAULT", fault)
        .env("CARGO_TARGET_DIR", target.path())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn a_good_recovery_is_praised() {
    let output = demo("");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    for words in ["killed by SIGKILL with", "only in the copy: 9,0", "approve load --code k7 --as ben"] {
        assert!(said.contains(words), "`{words}` is not in:\n{said}");
    }
    assert!(said.contains("Everything is as it must be."), "{said}");
    assert!(!said.contains("PASSWORD"), "{said}");
}

#[test]
fn one_wrong_row_fails_the_demo() {
    let output = demo("update enrolments set mode = 'wrong' where id = 7777");
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("NOT AS IT MUST BE: enrolments: row 7777 is not what it was"), "{said}");
}
