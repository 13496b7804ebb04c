//! `velero.restore` while what it needs goes away in the middle of it: the server of S3, the API server, and what a watch begins from.

use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;

use super::velero_outage::{GONE_FOR, Lone};

/// So many that a restore of them is seen under way.
const MANY: usize = 600;
/// Velero asks again ever later.
const VELERO: Duration = Duration::from_secs(300);

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

/// The API server remembers nothing of what was before its start: the step watches from what is now, and does not ask again and again.
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
    let answer = lone.cluster.said(&["get", "--raw", &watch]).unwrap_or_else(|error| error.to_string());
    assert!(answer.contains("410") || answer.contains("too old resource version"), "{answer}");
    sleep(Duration::from_secs(4));
    let looks = || lone.lab.place.step("it")["progress"]["done"].as_u64().unwrap();
    let before = looks();
    sleep(Duration::from_secs(15));
    let since = looks() - before;
    assert!(since <= 2, "it looked {since} times");
    lone.velero.start_server().unwrap();
    run.end().ends(0);
    assert_eq!(lone.lab.place.step("it")["attempts"], 1);
    lone.is_back();
}

/// Velero has read the backup by then, and cannot leave its log and its messages there: what failed nobody can tell any more.
fn the_server_of_s3_goes(lone: &mut Lone) {
    lone.lab.restore_book("backup: many", "");
    let run = lone.lab.place.start_run("--no-wait");
    until_some_are_back(lone);
    lone.s3.stop();
    sleep(GONE_FOR);
    lone.s3.start_again().unwrap();
    until_velero_has_an_end(lone);
    run.end().ends(1);
    lone.is_back();
    let causes = lone.lab.fault()["causes"].to_string();
    assert!(causes.contains("Velero could not leave them in its storage"), "{causes}");
    is_done_again(lone);
}

/// What Velero could not make meanwhile has failed; it says so itself once it can.
fn the_api_server_goes(lone: &mut Lone) {
    lone.lab.restore_book("backup: many", "");
    let run = lone.lab.place.start_run("--no-wait");
    until_some_are_back(lone);
    lone.cluster.stop_api();
    lone.lab.until_said("does not answer");
    sleep(GONE_FOR);
    assert!(lone.cluster.start_api().unwrap());
    until_velero_has_an_end(lone);
    run.end().ends(1);
    assert_eq!(lone.restores().len(), 1);
    is_done_again(lone);
}

/// It comes back to its API server and its bucket in its own time.
fn until_velero_has_an_end(lone: &Lone) {
    let began = Instant::now();
    while lone.restores()[0]["status"]["completionTimestamp"].is_null() {
        assert!(began.elapsed() < VELERO, "Velero does not end: {:#}", lone.restores()[0]["status"]);
        sleep(Duration::from_millis(500));
    }
}

/// A part has failed; another attempt would find the same, and another restore brings back what is missing. Where Velero takes
/// its time to say what failed, another attempt hears it.
fn is_done_again(lone: &Lone) {
    let (place, mut attempts, began) = (&lone.lab.place, 1, Instant::now());
    while lone.lab.fault()["causes"].to_string().contains("does not say where") && began.elapsed() < VELERO {
        place.regrow("retry it --run run1").ends(0);
        place.regrow("resume run1 --no-wait").ends(1);
        attempts += 1;
    }
    let fault = lone.lab.fault();
    assert_eq!((&fault["code"], &fault["retry"]), (&json!("RG3107"), &json!("anew")), "{fault:#}");
    assert_eq!((&place.step("it")["attempts"], lone.restores().len()), (&json!(attempts), 1));
    // Velero looks at its bucket once a minute; before that the step would be refused, as it should be.
    let began = Instant::now();
    while lone.location() != "Available" {
        assert!(began.elapsed() < VELERO, "Velero does not see its bucket");
        sleep(Duration::from_millis(500));
    }
    place.argv(&["rerun", "it", "--run", "run1", "--because", "test"]).ends(0);
    place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lone.restores().len(), 2);
    let all = lone.cluster.said(&["get", "configmaps", "-n", "edx", "-o", "name"]).unwrap();
    // With `settings`, and the one that is in every namespace.
    assert_eq!(all.lines().count(), MANY + 2);
}
