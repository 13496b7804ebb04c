//! Holds, for real: taken before the first step under them, given back once on every way out, the value before kept from the
//! first time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::blocks::killed_at_every_commit;
use super::support::Place;

/// Stands for the site: shows a page, notes what it is told, and fails for what a file says.
const SITE: &str = r#"#!/bin/sh -eu
here=$(dirname "$0")
if [ "$1" = shows ]; then echo "page=$(cat "$here/page")" >> "$REGROW_OUTPUT"; exit; fi
echo "$1 $2" >> "$here/effects"
test ! -e "$here/broken-$1-$2"
if [ "$1" = show ]; then echo "$2" > "$here/page"; fi
while [ -e "$here/slow-$1-$2" ]; do sleep 0.02; done
"#;

const WHOLE: &str = "fetch backup\nshow maintenance\nstop workers\nrestore database\nmigrate database\nstart workers\n\
                     look service\nshow shop\n";

fn site(text: &str) -> Place {
    let place = Place::new("steps: []");
    place.write("book.yaml", text);
    place.write("site", SITE);
    fs::set_permissions(place.path("site"), fs::Permissions::from_mode(0o755)).unwrap();
    place.write("page", "shop\n");
    place
}

pub fn example() -> Place {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/examples/maintenance.yaml");
    site(&fs::read_to_string(path).unwrap())
}

pub fn line(place: &Place) -> String {
    format!("run book.yaml --yes --no-wait --run-id run1 --param tool={}", place.path("site").display())
}

pub fn hold(place: &Place, name: &str) -> Value {
    let status = place.status();
    status["holds"].as_array().unwrap().iter().find(|hold| hold["name"] == name).unwrap().clone()
}

fn mend(place: &Place, what: &str) {
    fs::remove_file(place.path(what)).unwrap();
}

#[test]
fn a_page_is_shown_over_five_steps_and_what_was_there_before_is_back() {
    let place = example();
    place.regrow(&format!("plan book.yaml --param tool={}", place.path("site").display())).ends(0);
    place.regrow(&line(&place)).ends(0);
    assert_eq!((place.read("effects"), place.read("page")), (WHOLE.into(), "shop\n".into()));
    assert_eq!(
        (hold(&place, "page")["state"].as_str(), hold(&place, "page")["since"].as_str()),
        (Some("released"), None)
    );
    place.regrow("verify-log run1").ends(0);
}

#[test]
fn a_run_with_a_hold_is_killed_at_every_commit() {
    let mut wanted: Vec<&str> = WHOLE.lines().collect();
    wanted.sort_unstable();
    killed_at_every_commit(example, "", &wanted);
}

#[test]
fn an_executor_that_dies_inside_leaves_the_page_up_and_the_next_one_takes_it_down_once() {
    let place = example();
    place.write("slow-restore-database", "");
    let running = place.start(&line(&place));
    place.until_step("restore", "running");
    place.until("the restore begins", |place| place.read("effects").contains("restore"));
    running.signal(Signal::KILL);
    drop(running);
    assert_eq!(place.read("page"), "maintenance\n");
    let seen = hold(&place, "page");
    assert_eq!((seen["state"].as_str(), seen["previous"]["page"].as_str()), (Some("taken"), Some("shop")));
    assert!(seen["since"].is_string());
    let text = place.regrow("status run1").ends(0).stdout;
    assert!(text.contains("NOBODY EXECUTES") && text.contains("page  taken since 2"), "{text}");
    mend(&place, "slow-restore-database");
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!((place.read("effects"), place.read("page")), (WHOLE.into(), "shop\n".into()));
}

#[test]
fn a_failure_that_can_be_mended_keeps_the_hold_and_the_value_before_is_the_first() {
    let place = example();
    place.write("broken-migrate-database", "");
    place.regrow(&line(&place)).ends(1);
    assert_eq!((place.state(), place.read("page")), ("paused".into(), "maintenance\n".into()));
    assert_eq!(hold(&place, "page")["state"], "taken");
    mend(&place, "broken-migrate-database");
    place.regrow("retry migrate").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    let once = WHOLE.replace("migrate database\n", "migrate database\nmigrate database\n");
    assert_eq!((place.read("effects"), place.read("page")), (once, "shop\n".into()));
}

#[test]
fn an_abort_keeps_a_hold_unless_the_runbook_gives_it_back_and_it_can_be_released_after_the_end() {
    let place = example();
    place.write("broken-migrate-database", "");
    place.regrow(&line(&place)).ends(1);
    let said = place.regrow("abort --because enough").ends(0).stderr;
    assert!(
        said.contains("the hold `page` is KEPT") && said.contains("release page --because TEXT --run run1"),
        "{said}"
    );
    assert_eq!((place.state(), place.read("page")), ("aborted".into(), "maintenance\n".into()));
    let kept = hold(&place, "page");
    assert_eq!(kept["state"], "kept");
    assert!(kept["command"].as_str().unwrap().contains("release page"));
    for look in ["status run1", "list", "report run1"] {
        let text = place.regrow(look).ends(0).stdout;
        assert!(text.contains("KEPT") && text.contains("release page --because TEXT --run run1"), "{look}: {text}");
    }
    place.regrow("release pag --because all --run run1").ends(2);
    place.regrow("release page --because all --run run1").ends(0);
    assert_eq!((place.read("page"), hold(&place, "page")["state"].as_str()), ("shop\n".into(), Some("released")));
    place.regrow("release page --because all --run run1").ends(2);
    assert_eq!(place.state(), "aborted");
    place.regrow("verify-log run1").ends(0);

    let place = example();
    place.write("book.yaml", &place.read("book.yaml").replace("    read:\n", "    on_abort: release\n    read:\n"));
    place.write("broken-migrate-database", "");
    place.regrow(&line(&place)).ends(1);
    place.regrow("abort --because enough").ends(0);
    assert_eq!((place.state(), place.read("page")), ("aborted".into(), "shop\n".into()));
    assert_eq!(hold(&place, "page")["state"], "released");
}

#[test]
fn a_failure_that_ends_the_run_gives_the_hold_back() {
    let place = example();
    place.write("broken-migrate-database", "");
    place.regrow(&format!("{} --on-failure abort", line(&place))).ends(1);
    assert_eq!((place.state(), place.read("page")), ("failed".into(), "shop\n".into()));
    assert_eq!(place.effects().iter().filter(|line| *line == "show shop").count(), 1);
}

#[test]
fn a_hold_that_cannot_be_released_is_said_loudest_and_released_later() {
    let place = example();
    place.write("broken-show-shop", "");
    place.regrow(&line(&place)).ends(1);
    assert_eq!((place.state(), place.step_state("page/release")), ("paused".into(), "failed".into()));
    assert_eq!(hold(&place, "page")["state"], "stuck");
    place.regrow("abort --because enough").ends(1);
    let report = place.regrow("report run1").ends(0).stdout;
    let first = report.lines().find(|line| !line.is_empty() && !line.starts_with('#')).unwrap();
    assert!(first.contains("NOT RELEASED") && first.contains("page"), "{report}");
    for look in ["status run1", "list", "report run1 --format html"] {
        let text = place.regrow(look).ends(0).stdout;
        assert!(
            text.contains("NOT RELEASED") && text.contains("release page --because TEXT --run run1"),
            "{look}: {text}"
        );
    }
    place.regrow("release page --because now --run run1").ends(1);
    mend(&place, "broken-show-shop");
    place.regrow("release page --because now --run run1").ends(0);
    assert_eq!((place.read("page"), hold(&place, "page")["state"].as_str()), ("shop\n".into(), Some("released")));

    let place = example();
    place.write("broken-show-shop", "");
    place.regrow(&line(&place)).ends(1);
    mend(&place, "broken-show-shop");
    place.regrow("retry page/release").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!((place.state(), place.read("page")), ("succeeded".into(), "shop\n".into()));
}

#[test]
fn a_step_that_is_done_again_takes_its_hold_again_and_the_first_value_comes_back() {
    let place = example();
    place.write("broken-tell", "");
    let last = "  - { id: last, needs: [page/release], run: \"test ! -e broken-last\" }\n";
    place.write("book.yaml", &format!("{}{last}", place.read("book.yaml")));
    place.write("broken-last", "");
    place.regrow(&line(&place)).ends(1);
    assert_eq!(place.read("page"), "shop\n");
    // Somebody changed it meanwhile: what counts is what was there when the run took it first.
    place.write("page", "sale\n");
    mend(&place, "broken-last");
    place.regrow("rerun look --because again").ends(0);
    place.regrow("retry last").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    let again = "show maintenance\nlook service\nshow shop\n";
    assert_eq!((place.read("effects"), place.read("page")), (format!("{WHOLE}{again}"), "shop\n".into()));
    place.regrow("rerun page/read --because no --run run1").ends(2);
}

#[test]
fn nobody_says_that_a_hold_is_given_back_under_a_step_that_runs_but_it_may_be_left_as_it_is() {
    let place = example();
    place.write("slow-restore-database", "");
    let run = place.start(&line(&place));
    place.until("the restore begins", |place| place.read("effects").contains("restore"));
    let said = place.regrow("done page/release --because by-hand").ends(2).stderr;
    assert!(said.contains("`restore` is under way under `page`"), "{said}");
    place.regrow("skip page/release --because it-stays-up-until-monday").ends(0);
    mend(&place, "slow-restore-database");
    run.end().ends(0);
    assert_eq!((place.read("effects"), place.read("page")), (WHOLE.replace("show shop\n", ""), "maintenance\n".into()));
    assert_eq!(
        (place.step_state("page/release"), hold(&place, "page")["state"].as_str()),
        ("skipped".into(), Some("kept"))
    );
    place.regrow("release page --run run1 --because monday").ends(0);
    assert_eq!((place.read("effects"), place.read("page")), (WHOLE.into(), "shop\n".into()));
}

const TWO: &str = r#"version: 1
name: two
severity: partial
params: { tool: { type: string }, with: { type: boolean, default: true } }
holds:
  outer: &hold
    read: { uses: run, with: { command: ["{{ params.tool }}", shows], effect: read, outputs: { page: { type: string } } } }
    take: { uses: run, with: { command: ["{{ params.tool }}", take, outer], effect: convergent } }
    release: { uses: run, with: { command: ["{{ params.tool }}", release, outer], effect: convergent } }
  inner:
    read: { uses: run, with: { command: ["{{ params.tool }}", shows], effect: read, outputs: { page: { type: string } } } }
    take: { uses: run, with: { command: ["{{ params.tool }}", take, inner], effect: convergent } }
    release: { uses: run, with: { command: ["{{ params.tool }}", release, inner], effect: convergent } }
steps:
  - id: both
    needs: []
    under: [outer, inner]
    if: "{{ params.with }}"
    steps:
      - { id: x, needs: [], uses: run, with: { command: ["{{ params.tool }}", do, x] } }
      - { id: y, needs: [x], uses: run, with: { command: ["{{ params.tool }}", do, y] } }
  - id: each
    needs: [both]
    under: [inner]
    if: "{{ params.with }}"
    foreach: [1, 2]
    order: serial
    uses: run
    with: { command: ["{{ params.tool }}", do, "{{ item }}"] }
"#;

#[test]
fn holds_over_one_another_are_released_in_reverse_and_none_is_taken_that_nobody_needs() {
    let two = TWO.replace(" &hold", "");
    let place = site(&two);
    place.regrow(&line(&place)).ends(0);
    let all = "take outer\ntake inner\ndo x\ndo y\ndo 1\ndo 2\nrelease inner\nrelease outer\n";
    assert_eq!(place.read("effects"), all);

    let place = site(&two);
    place.regrow(&format!("{} --param with=false", line(&place))).ends(0);
    assert_eq!((place.state(), place.read("effects")), ("succeeded".into(), String::new()));
    assert_eq!(hold(&place, "outer")["state"], "free");

    let place = site(&two);
    place.regrow(&format!("{} --only each", line(&place))).ends(0);
    assert_eq!(place.read("effects"), all, "what is left out under a hold takes it with it");

    let place = site(&two);
    place.regrow(&format!("{} --from each --because x", line(&place))).ends(0);
    assert_eq!(place.read("effects"), "take inner\ndo 1\ndo 2\nrelease inner\n");
}

#[test]
fn what_is_under_a_hold_that_could_not_be_taken_does_not_start_and_the_end_gives_back_what_may_be_taken() {
    let place = site(&TWO.replace(" &hold", ""));
    place.write("broken-take-inner", "");
    place.regrow(&line(&place)).ends(1);
    assert_eq!(place.read("effects"), "take outer\ntake inner\n");
    assert_eq!((place.step_state("both/x"), place.step_state("inner/take")), ("blocked".into(), "failed".into()));
    place.regrow("abort --because enough").ends(0);
    // Nobody could be asked.
    assert_eq!(place.read("effects"), "take outer\ntake inner\n");
    let states = (hold(&place, "outer")["state"].clone(), hold(&place, "inner")["state"].clone());
    assert_eq!(states, ("kept".into(), "kept".into()));

    let place = site(&TWO.replace(" &hold", ""));
    place.write("broken-take-inner", "");
    place.regrow(&format!("{} --on-failure abort", line(&place))).ends(1);
    assert_eq!(place.read("effects"), "take outer\ntake inner\nrelease inner\nrelease outer\n");

    let place = site(&TWO.replace(" &hold", ""));
    place.write("broken-take-inner", "");
    place.regrow(&line(&place)).ends(1);
    mend(&place, "broken-take-inner");
    place.regrow("retry inner/take").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    let all = "take outer\ntake inner\ntake inner\ndo x\ndo y\ndo 1\ndo 2\nrelease inner\nrelease outer\n";
    assert_eq!(place.read("effects"), all);
}

#[test]
fn a_release_after_the_end_that_is_cut_off_is_finished_by_resume_and_not_done_twice() {
    let place = example();
    place.write("broken-migrate-database", "");
    place.regrow(&line(&place)).ends(1);
    place.regrow("abort --because enough").ends(0);
    place.write("slow-show-shop", "");
    let running = place.start("release page --because now --run run1");
    place.until("the release begins", |place| place.read("effects").contains("show shop"));
    running.signal(Signal::KILL);
    drop(running);
    assert_eq!(hold(&place, "page")["state"], "releasing");
    mend(&place, "slow-show-shop");
    place.regrow("resume run1 --no-wait").ends(6);
    assert_eq!((place.state(), hold(&place, "page")["state"].as_str()), ("aborted".into(), Some("released")));
    assert_eq!(place.effects().iter().filter(|line| *line == "show shop").count(), 1);
    place.regrow("verify-log run1").ends(0);
}

#[test]
fn a_run_that_is_taken_back_releases_its_holds_behind_the_steps() {
    let place =
        site(&TWO.replace(" &hold", "").replace("do, y] }", "do, y] }, undo: [\"{{ params.tool }}\", undo, y]"));
    place.write("broken-do-1", "");
    place.regrow(&line(&place)).ends(1);
    place.regrow("undo --yes --because wrong --run run1").ends(0);
    assert_eq!(place.state(), "undone");
    let all = "take outer\ntake inner\ndo x\ndo y\ndo 1\nundo y\nrelease inner\nrelease outer\n";
    assert_eq!(place.read("effects"), all);
}

/// Behind the end nobody works under a hold any more, whatever was asked there.
#[test]
fn a_hold_that_stays_at_an_abort_is_released_though_a_task_under_it_was_open() {
    let place = Place::new("steps: []");
    place.write(
        "book.yaml",
        r#"version: 1
name: kept
severity: partial
holds:
  page:
    read: { uses: run, with: { script: "true", effect: read } }
    take: { uses: run, with: { script: "echo take >> effects" } }
    release: { uses: run, with: { script: "echo release >> effects" } }
    on_abort: keep
steps:
  - { id: ask, needs: [], under: [page], uses: manual.task, with: { instructions: Look } }
"#,
    );
    place.run("--no-wait").ends(3);
    place.regrow("release page --because early").ends(2);
    place.regrow("abort --because enough").ends(0);
    assert_eq!(hold(&place, "page")["state"], "kept");
    place.regrow("release page --because over --run run1").ends(0);
    assert_eq!(place.read("effects"), "take\nrelease\n");
    assert_eq!(hold(&place, "page")["state"], "released");
}
