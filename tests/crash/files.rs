//! What lies in the state folder is its owner's alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::support::Place;

#[test]
fn everything_in_the_state_folder_is_private() {
    let place = Place::new(
        r#"steps:
  - id: talk
    run: |
      umask 000
      echo words
      echo more >&2
  - id: fails
    needs: [talk]
    allow_failure: true
    run: exit 3
  - id: asks
    uses: manual.task
    needs: [fails]
    with: { instructions: do it }
"#,
    );
    // A careless umask of the caller changes nothing.
    let script = "umask 000; exec \"$0\" run book.yaml --yes --no-wait --run-id run1";
    let said = super::support::finish(place.command("sh", &["-c", script, super::support::REGROW]));
    said.ends(3);
    place.regrow("done asks --because it-is").ends(0);
    // Nobody executes it, so the answer lies in the inbox.
    check(&place.path("state"));
    place.regrow("resume --no-wait").ends(0);
    let checked = check(&place.path("state"));
    assert!(place.run_dir().join("report.md").exists());
    assert!(checked > 12, "only {checked} files and folders were there to check");
}

/// How many files and folders there are.
fn check(path: &Path) -> usize {
    let meta = fs::symlink_metadata(path).unwrap();
    let mode = meta.permissions().mode() & 0o7777;
    let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
    assert_eq!(mode, wanted, "{:o} of {}", mode, path.display());
    if !meta.is_dir() {
        return 1;
    }
    1 + fs::read_dir(path).unwrap().map(|entry| check(&entry.unwrap().path())).sum::<usize>()
}

#[test]
fn a_report_goes_where_it_is_wanted_and_makes_no_folders() {
    let place = Place::new("steps:\n  - id: talk\n    needs: []\n    run: echo words\n");
    place.run("--no-wait").ends(0);
    place.regrow("report --output here.md").ends(0);
    assert!(place.read("here.md").starts_with("# "));
    let said = place.regrow("report --output nowhere/here.md").ends(1);
    assert!(said.stderr.contains("RG8002") && !place.path("nowhere").exists(), "{said:#?}");
}

/// What lies in the state folder is executed: whoever may rename its folders decides what.
#[test]
fn a_state_folder_in_which_everybody_may_write_is_refused() {
    let place = Place::new("steps:\n  - { id: ask, needs: [], uses: manual.task, with: { instructions: Look } }\n");
    place.run("--no-wait").ends(3);
    let open = |path: &str, mode| fs::set_permissions(place.path(path), fs::Permissions::from_mode(mode)).unwrap();
    for folder in ["state", "state/runs"] {
        open(folder, 0o777);
        let said = place.regrow("resume run1 --no-wait").ends(2);
        assert!(said.stderr.contains("everybody may write") && said.stderr.contains("chmod o-w"), "{said:#?}");
        // An answer that acts executes what lies there as well.
        let said = place.regrow("undo --yes --because x --run run1").ends(2);
        assert!(said.stderr.contains("everybody may write"), "{said:#?}");
        place.regrow("status run1").ends(0);
        open(folder, 0o700);
    }
    place.regrow("resume run1 --no-wait").ends(3);
}
