//! A runbook that was edited under its run.

use std::path::PathBuf;

use super::support::{Place, REGROW, Said, finish};

const HEAD: &str = "version: 1\nname: book\nseverity: partial\n";
const BOOK: &str = r#"steps:
  - id: first
    run: echo first >> effects
  - id: stop
    uses: manual.task
    needs: [first]
    with: { instructions: look around }
  - id: load
    needs: [stop]
    run: |
      echo begin >> effects
      echo old >> effects
  - id: gone
    needs: [load]
    run: echo gone >> effects
"#;

/// Waits at `stop`, and then somebody edits what comes behind it.
fn edited() -> (Place, String) {
    let place = Place::new(BOOK);
    place.run("--no-wait").ends(3);
    let gone = BOOK.find("  - id: gone").unwrap();
    let new = BOOK[..gone].replace("echo old", "echo new");
    place.write("book.yaml", &format!("{HEAD}{new}  - id: added\n    needs: [load]\n    run: echo added >> effects\n"));
    let said = place.regrow("resume run1 --no-wait").ends(2);
    (place, digest(&said))
}

fn digest(said: &Said) -> String {
    let (_, rest) = said.stderr.split_once("regrow resume run1 --accept ").unwrap_or_else(|| panic!("{said:#?}"));
    rest.chars().take_while(char::is_ascii_hexdigit).collect()
}

#[test]
fn an_edit_is_told_step_by_step_with_the_command_that_takes_it_over() {
    let (place, digest) = edited();
    let said = place.regrow("resume run1 --no-wait").ends(2);
    for line in [
        "error[RG8003]",
        "step `load` differs",
        "      - echo old >> effects",
        "      + echo new >> effects",
        "step `gone` is gone",
        "step `added` is new",
    ] {
        assert!(said.stderr.contains(line), "`{line}` is missing in {said:#?}");
    }
    assert_eq!(digest.len(), 12);
    let other = place.regrow("resume run1 --no-wait --accept 0123456789ab").ends(2);
    assert!(other.stderr.contains("is not the text with the digest"), "{other:#?}");
    place.regrow("resume run1 --no-wait --as-started").ends(3);
}

#[test]
fn what_has_not_begun_goes_on_by_the_edited_runbook() {
    let (place, digest) = edited();
    place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(3);
    let told = place.regrow("events run1").ends(0).stdout;
    assert!(told.contains("the plan is changed by") && told.contains("gone: `gone`"), "{told}");
    // The file is what the run has: nothing more is to be said about it.
    place.regrow("done stop --because looked").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("effects"), "first\nbegin\nnew\nadded\n");
    let copies = std::fs::read_dir(place.run_dir().join("runbook")).unwrap().count();
    assert_eq!(copies, 2, "the copy that was executed first stays");
    place.regrow("verify-log run1").ends(0);
    place.regrow(&format!("resume run1 --accept {digest}")).ends(0);
}

/// `plan` and the report name a run by a digest that stands for its parameters, too.
#[test]
fn the_digest_that_a_plan_shows_is_taken_as_well() {
    let (place, _) = edited();
    let planned: serde_json::Value =
        serde_json::from_str(&place.regrow("plan book.yaml --json").ends(0).stdout).unwrap();
    let digest = planned["digest"].as_str().unwrap();
    place.regrow(&format!("resume --run run1 --no-wait --accept {digest}")).ends(3);
    place.regrow(&format!("resume run1 --no-wait --accept {}", &digest[..12])).ends(3);
}

#[test]
fn a_step_that_was_started_stays_what_it_was() {
    let (place, _) = edited();
    let text = place.read("book.yaml").replace("echo first", "echo other");
    place.write("book.yaml", &text);
    let said = place.regrow("resume run1 --no-wait").ends(2);
    assert!(
        !said.stderr.contains("--accept") && said.stderr.contains("--as-started"),
        "no way that is none: {said:#?}"
    );
    let digest = finish(place.command("sha256sum", &["book.yaml"])).stdout[..12].to_string();
    let said = place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(2);
    assert!(said.stderr.contains("step `first` differs") && !said.stderr.contains("`load`"), "{said:#?}");
    assert!(said.stderr.contains("run: echo first >> effects → echo other >> effects"), "{said:#?}");
    place.regrow("resume run1 --no-wait --as-started").ends(3);
    assert!(!place.regrow("events run1").ends(0).stdout.contains("the plan is changed"));
}

#[test]
fn an_approval_given_for_what_was_edited_is_void() {
    let book =
        |what: &str| format!("steps:\n  - id: drop\n    approval: {{ minimum: 2 }}\n    run: echo {what} >> effects\n");
    let place = Place::new(&book("old"));
    place.run("--no-wait").ends(3);
    let code = |place: &Place| place.step("drop")["asks"]["code"].as_str().unwrap().to_string();
    let old = code(&place);
    place.regrow(&format!("approve drop --code {old} --as ana")).ends(0);
    place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(place.step("drop")["asks"]["approved_by"][0], "ana");
    place.write("book.yaml", &format!("{HEAD}{}", book("new")));
    let digest = digest(&place.regrow("resume run1 --no-wait").ends(2));
    place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(3);
    assert_eq!(place.step("drop")["asks"]["approved_by"], serde_json::json!([]));
    let new = code(&place);
    assert_ne!(old, new);
    place.regrow(&format!("approve drop --code {old} --as ana")).ends(2);
    for name in ["ana", "ben"] {
        place.regrow(&format!("approve drop --code {new} --as {name}")).ends(0);
    }
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.effects(), ["new"]);
}

#[test]
fn the_outage_can_be_said_later() {
    let place = Place::new("objectives: { rto: 1h }\nsteps:\n  - id: fails\n    run: exit 1\n");
    place.run("--no-wait").ends(1);
    place.regrow("resume run1 --no-wait --outage-began 2999-01-01T00:00:00Z").ends(2);
    place.regrow("resume run1 --no-wait --outage-began 2020-01-01T00:00:00Z").ends(1);
    let status = place.status();
    assert_eq!(status["outage_began"], "2020-01-01T00:00:00Z");
    assert!(status["rto_left_seconds"].as_i64().unwrap() < 0, "{status:#}");
    place.regrow("resume run1 --no-wait").ends(1);
}

/// Killed before the `k`-th call of `name`; false if it came to its end before.
fn killed_at(place: &Place, name: &str, k: usize, args: &[&str]) -> bool {
    let inject = format!("inject={name}:signal=SIGKILL:when={k}");
    let trace = format!("trace={name}");
    let mut all = vec!["-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject, REGROW];
    all.extend(args);
    finish(place.command("strace", &all)).signal == Some(9)
}

#[test]
fn killed_anywhere_in_the_acceptance_the_run_goes_on_by_one_runbook_or_the_other() {
    let (mut kills, mut taken) = (0, 0);
    for name in ["write", "rename", "fdatasync", "fsync"] {
        for k in 1.. {
            let (place, digest) = edited();
            if !killed_at(&place, name, k, &["resume", "run1", "--no-wait", "--accept", &digest]) {
                break;
            }
            kills += 1;
            let copies: Vec<PathBuf> =
                std::fs::read_dir(place.run_dir().join("runbook")).unwrap().map(|e| e.unwrap().path()).collect();
            taken += usize::from(copies.len() > 1);
            // What was taken over holds without being said again; what was not is asked about again.
            let again = place.regrow("resume run1 --no-wait");
            assert!(matches!(again.code, Some(2 | 3)), "killed at {name} {k}: {again:#?}");
            if again.code == Some(2) {
                place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(3);
            }
            let told = place.regrow("events run1").ends(0).stdout;
            assert_eq!(told.matches("the plan is changed by").count(), 1, "killed at {name} {k}: {told}");
            place.regrow("done stop --because looked").ends(0);
            place.regrow("resume run1 --no-wait").ends(0);
            assert_eq!(place.read("effects"), "first\nbegin\nnew\nadded\n", "killed at {name} {k}");
            place.regrow("verify-log run1").ends(0);
        }
    }
    assert!(kills >= 12 && taken >= 4, "{kills} kills, {taken} of them behind the first copy");
}
