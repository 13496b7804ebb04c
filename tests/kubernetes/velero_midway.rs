//! `velero.restore` while what it needs goes away in the middle of it: the server of S3, the API server, and what a watch begins from.

use std::thread::sleep;

use super::velero_outage::{GONE_FOR, Lone};

/// So many that a restore of them is seen under way.
const MANY: usize = 600;

/// One after the other, in one cluster.
#[test]
fn what_it_needs_may_go_in_the_middle_of_it() {
    let mut lone = Lone::start();
    let many: String =
        (0..MANY).map(|at| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{at}}}\n---\n")).collect();
    lone.lab.place.write("many.yaml", &many);
    let file = lone.lab.place.path("many.yaml").display().to_string();
    lone.cluster.said(&["create", "namespace", "edx"]).unwrap();
    lone.cluster.said(&["create", "configmap", "settings", "-n", "edx", "--from-literal=theme=dark"]).unwrap();
    lone.cluster.said(&["create", "-n", "edx", "-f", &file]).unwrap();
    lone.velero.backup("many", "edx", &[]).unwrap();
    lone.lose();
    a_watch_is_too_old(&mut lone);
    lone.lose();
    the_server_of_s3_goes(&mut lone);
    lone.lose();
    the_api_server_goes(&mut lone);
}

fn until_some_are_back(lone: &Lone) {
    lone.lab.place.until("some are back", |_| {
        lone.restores().first().is_some_and(|restore| restore["status"]["progress"]["itemsRestored"].as_u64() > Some(0))
    });
}

/// The API server remembers nothing of what was before its start.
fn a_watch_is_too_old(lone: &mut Lone) {
    lone.velero.kill();
    lone.lab.restore_book("backup: b", "");
    let run = lone.lab.place.start_run("--no-wait");
    lone.lab.until_said("has not taken up restore/regrow-run1-it-1");
    let version = lone.restores()[0]["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    // Whatever is written to others of its kind is later than that.
    lone.cluster.said(&["create", "configmap", "later"]).unwrap();
    lone.cluster.stop_api();
    assert!(lone.cluster.start_api().unwrap());
    let watch =
        format!("/apis/velero.io/v1/namespaces/velero/restores?watch=1&resourceVersion={version}&timeoutSeconds=3");
    let answer = lone.cluster.said(&["get", "--raw", &watch]).map_or_else(|error| error.to_string(), |said| said);
    assert!(answer.contains("410") || answer.contains("too old resource version"), "{answer}");
    lone.velero.start_server().unwrap();
    run.end().ends(0);
    assert_eq!(lone.lab.place.step("it")["attempts"], 1);
    lone.is_back();
}

/// Velero has read the backup by then, and cannot leave its log and its messages there.
fn the_server_of_s3_goes(lone: &mut Lone) {
    lone.lab.restore_book("backup: many", "");
    let run = lone.lab.place.start_run("--no-wait");
    until_some_are_back(lone);
    lone.s3.stop();
    sleep(GONE_FOR);
    lone.s3.start_again().unwrap();
    let said = run.end();
    eprintln!("{said:?}\n{:#}\n{:#}", lone.lab.place.step("it"), lone.restores()[0]["status"]);
    lone.is_back();
}

fn the_api_server_goes(lone: &mut Lone) {
    lone.lab.restore_book("backup: many", "");
    let run = lone.lab.place.start_run("--no-wait");
    until_some_are_back(lone);
    lone.cluster.stop_api();
    lone.lab.until_said("does not answer");
    sleep(GONE_FOR);
    assert!(lone.cluster.start_api().unwrap());
    sleep(GONE_FOR);
    eprintln!("{:#}", lone.restores()[0]["status"]);
    let said = run.end();
    eprintln!("{said:?}\n{:#}\n{:#}", lone.lab.place.step("it"), lone.restores()[0]["status"]);
    panic!("look");
}
