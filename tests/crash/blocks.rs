//! The example runbooks with blocks and lists, for real: undisturbed, failing, and killed at every commit of their journal.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use super::support::{Place, Said, finish};

/// Stands for the site: notes what it is told, and fails for what a file says.
const SITE: &str = r#"#!/bin/sh -eu
here=$(dirname "$0")
case "$1" in
list) printf 'names=[' >> "$REGROW_OUTPUT"; for i in $(seq 1 "$(cat "$here/count")"); do
    test "$i" = 1 || printf ','; printf '"i%02d"' "$i"; done >> "$REGROW_OUTPUT"; echo ']' >> "$REGROW_OUTPUT"; exit ;;
state) echo "state=$2-up" >> "$REGROW_OUTPUT"; exit ;;
position) test -e "$here/answer-$2"; cat "$here/answer-$2" >> "$REGROW_OUTPUT"; exit ;;
esac
echo "$1 $2" >> "$here/effects"
test ! -e "$here/broken-$1-$2"
"#;

fn place(example: &str) -> Place {
    let place = Place::new("steps: []");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/examples").join(example);
    place.write("book.yaml", &fs::read_to_string(text).unwrap());
    place.write("site", SITE);
    fs::set_permissions(place.path("site"), fs::Permissions::from_mode(0o755)).unwrap();
    place.write("count", "40");
    place
}

fn line(place: &Place, params: &str) -> String {
    format!("run book.yaml --yes --no-wait --run-id run1 --param tool={} {params}", place.path("site").display())
}

const MEMBERS: &str = "--param members=m1 --param members=m2 --param members=m3";

fn begins(place: &Place, what: &str) -> Vec<String> {
    place.effects().into_iter().filter(|line| line.starts_with(what)).collect()
}

#[test]
fn members_rejoin_one_after_another_and_the_first_failure_stops_the_rest() {
    let place = place("rejoin.yaml");
    place.write("broken-join-m2", "");
    place.regrow(&line(&place, MEMBERS)).ends(1);
    assert_eq!(place.read("effects"), "stop m1\njoin m1\nstop m2\njoin m2\n");
    let state = |id: &str| place.step_state(id);
    assert_eq!((state("rejoin:m1"), state("rejoin:m2")), ("succeeded".into(), "failed".into()));
    assert_eq!((state("rejoin:m3/stop"), state("tell")), ("blocked".into(), "blocked".into()));
    fs::remove_file(place.path("broken-join-m2")).unwrap();
    place.regrow("retry rejoin").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(place.read("effects"), "stop m1\njoin m1\nstop m2\njoin m2\njoin m2\nstop m3\njoin m3\n");
    let told = place.regrow("events run1 --json").ends(0).stdout;
    assert!(told.contains("3 members are back: m1-up, m2-up, m3-up"), "{told}");
    place.regrow("verify-log run1").ends(0);
}

#[test]
fn forty_instances_go_side_by_side_and_only_the_failed_are_done_again() {
    let place = place("redeploy.yaml");
    let bad = ["i07", "i19", "i33"];
    bad.iter().for_each(|instance| place.write(&format!("broken-deploy-{instance}"), ""));
    let plan =
        place.regrow(&line(&place, "").replace("run book.yaml --yes --no-wait --run-id run1", "plan book.yaml --json"));
    let plan: Value = serde_json::from_str(&plan.ends(0).stdout).unwrap();
    let list = plan["steps"].as_array().unwrap().iter().find(|step| step["id"] == "redeploy").unwrap();
    assert_eq!(
        (&list["state"], &list["inputs"]["foreach"]["unknown"]),
        (&"unknown_until_run".into(), &"{{ steps.instances.outputs.names }}".into())
    );
    place.regrow(&line(&place, "")).ends(1);
    assert_eq!((begins(&place, "deploy").len(), begins(&place, "enable").len()), (40, 37));
    assert_eq!(
        (place.step_state("redeploy:i07"), place.step_state("redeploy:i07/enable")),
        ("failed".into(), "blocked".into())
    );
    // Another list by now is of no interest: the run has its own.
    place.write("count", "50");
    bad.iter().for_each(|instance| fs::remove_file(place.path(format!("broken-deploy-{instance}"))).unwrap());
    place.regrow("retry redeploy").ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(
        (begins(&place, "drain").len(), begins(&place, "deploy").len(), begins(&place, "enable").len()),
        (40, 43, 40)
    );
    assert_eq!(begins(&place, "deploy i07"), ["deploy i07", "deploy i07"]);
    let report = place.regrow("report run1 --format json").ends(0).stdout;
    assert!(report.contains("redeploy:i40/enable"));
    place.regrow("verify-log run1").ends(0);
}

const HOSTS: &str = "--param hosts=db1 --param hosts=db2 --param hosts=db3";

fn answers(place: &Place, answers: [(&str, &str, u32); 3]) {
    for (host, history, position) in answers {
        place.write(&format!("answer-{host}"), &format!("history={history}\nposition={position}\n"));
    }
}

#[test]
fn the_furthest_host_is_chosen_only_if_all_answer_with_one_history() {
    let agreed = place("promote.yaml");
    answers(&agreed, [("db1", "h", 9), ("db2", "h", 30), ("db3", "h", 4)]);
    agreed.regrow(&line(&agreed, HOSTS)).ends(0);
    assert_eq!(agreed.read("effects"), "promote db2\n");
    assert_eq!(agreed.step_state("decide"), "skipped");
    let two_histories = place("promote.yaml");
    answers(&two_histories, [("db1", "h", 9), ("db2", "other", 30), ("db3", "h", 4)]);
    let silent = place("promote.yaml");
    answers(&silent, [("db1", "h", 9), ("db2", "h", 30), ("db3", "h", 4)]);
    fs::remove_file(silent.path("answer-db3")).unwrap();
    for place in [two_histories, silent] {
        place.regrow(&line(&place, HOSTS)).ends(3);
        assert_eq!(place.read("effects"), "");
        let shown = place.regrow("show decide").ends(0).stdout;
        assert!(shown.contains(r#""key":"db2""#) && shown.contains(r#""position":30"#), "{shown}");
        assert!(shown.contains("other") || shown.contains(r#""state":"failed""#), "{shown}");
        place.regrow("done decide --because seen --output host=db1").ends(0);
        place.regrow("resume run1 --no-wait").ends(0);
        assert_eq!(place.read("effects"), "promote db1\n");
    }
}

/// Killed before its k-th sync, for every k; then resumed.
pub fn killed_at_every_commit(make: impl Fn() -> Place, params: &str, wanted: &[&str]) {
    for k in 1.. {
        assert!(k < 200, "it syncs without an end");
        let place = make();
        let kill = format!("inject=fdatasync,fsync:signal=SIGKILL:when={k}");
        let line = line(&place, params);
        let mut args =
            vec!["-qq", "-e", "trace=fdatasync,fsync", "-o", "/dev/null", "-e", &kill, super::support::REGROW];
        args.extend(line.split_whitespace());
        let said: Said = finish(place.command("strace", &args));
        if said.code.is_some() {
            said.ends(0);
            assert!(k > 5, "nothing was killed");
            return;
        }
        if place.run_dir().exists() {
            place.regrow("resume run1 --no-wait").ends(0);
        } else {
            place.regrow(&line).ends(0);
        }
        assert_eq!(place.effects(), wanted, "killed before sync {k}");
        assert_eq!(place.state(), "succeeded");
        place.regrow("verify-log run1").ends(0);
    }
}

#[test]
fn a_rejoin_is_killed_at_every_commit() {
    let wanted = ["join m1", "join m2", "join m3", "stop m1", "stop m2", "stop m3"];
    killed_at_every_commit(|| place("rejoin.yaml"), MEMBERS, &wanted);
}

#[test]
fn a_redeployment_of_a_list_that_only_the_run_knows_is_killed_at_every_commit() {
    let make = || {
        let place = place("redeploy.yaml");
        place.write("count", "3");
        place
    };
    let wanted = [
        "deploy i01",
        "deploy i02",
        "deploy i03",
        "drain i01",
        "drain i02",
        "drain i03",
        "enable i01",
        "enable i02",
        "enable i03",
    ];
    killed_at_every_commit(make, "", &wanted);
}

#[test]
fn a_promotion_is_killed_at_every_commit() {
    let make = || {
        let place = place("promote.yaml");
        answers(&place, [("db1", "h", 9), ("db2", "h", 30), ("db3", "h", 4)]);
        place
    };
    killed_at_every_commit(make, HOSTS, &["promote db2"]);
}

#[test]
fn an_edit_inside_of_a_block_counts_as_begun_once_one_item_has_begun_it() {
    let place = place("rejoin.yaml");
    place.write("broken-join-m2", "");
    place.regrow(&line(&place, MEMBERS)).ends(1);
    let text = place.read("book.yaml");
    place.write("book.yaml", &text.replace("join, \"{{ item }}\"", "join, \"{{ item_key }}\""));
    let said = place.regrow("resume run1 --no-wait").ends(2);
    assert!(said.stderr.contains("step `rejoin/join` differs") && !said.stderr.contains("--accept"), "{said:#?}");
    place.write("book.yaml", &text.replace("members are back", "members have come back"));
    let said = place.regrow("resume run1 --no-wait").ends(2);
    assert!(said.stderr.contains("step `tell` differs") && !said.stderr.contains("rejoin/"), "{said:#?}");
    let (_, digest) = said.stderr.split_once("--accept ").unwrap();
    let digest: String = digest.chars().take_while(char::is_ascii_hexdigit).collect();
    fs::remove_file(place.path("broken-join-m2")).unwrap();
    place.regrow("retry rejoin:m2").ends(0);
    place.regrow(&format!("resume run1 --no-wait --accept {digest}")).ends(0);
    assert!(place.regrow("events run1 --json").ends(0).stdout.contains("3 members have come back"));
}

#[test]
fn a_list_that_cannot_be_is_a_fault_of_its_step() {
    let place = Place::new(
        r#"steps:
  - id: ask
    run: cat list >> "$REGROW_OUTPUT"
    with: { effect: read, outputs: { list: { type: list } } }
  - { id: aside, needs: [], run: echo aside >> effects }
  - id: each
    needs: [ask]
    foreach: "{{ steps.ask.outputs.list }}"
    steps: [{ id: x, run: "echo each >> effects" }, { id: y, needs: [x], run: "true" }]
"#,
    );
    for (list, code) in [("[\"a\",\"a\"]", "RG0213"), ("[\"a/b\"]", "RG0213"), ("[{\"a\":1}]", "RG0213")] {
        place.write("list", &format!("list={list}\n"));
        let run = format!("run book.yaml --yes --no-wait --run-id {}", code.to_lowercase() + &list.len().to_string());
        place.regrow(&run).ends(1);
        assert_eq!(
            (place.step("each")["fault"]["code"].as_str(), place.step_state("aside")),
            (Some(code), "succeeded".into())
        );
    }
    let many: Vec<String> = (0..33_400).map(|n| n.to_string()).collect();
    place.write("list", &format!("list=[{}]\n", many.join(",")));
    place.regrow("run book.yaml --yes --no-wait --run-id many").ends(1);
    assert_eq!(place.step("each")["fault"]["code"], "RG0207");
    place.write("list", "list=[]\n");
    place.regrow("run book.yaml --yes --no-wait --run-id none").ends(0);
    assert_eq!(place.step_state("each"), "succeeded");
}
