//! `kubernetes.scale`: the count, the pods, the undo.

use serde_json::json;

use super::lab::Lab;

const DOWN: &str = "object: deployment/lms\nreplicas: 0";

#[test]
fn down_means_that_no_pod_is_left_and_undo_gives_the_former_count_back() {
    let lab = Lab::new();
    lab.deploy("lms", 3);
    lab.hold_pods("lms", true);
    lab.book("scale", DOWN, "undo: restore_replicas");
    let run = lab.place.start_run("");
    lab.until_said("waits: 3 pods of deployment/lms still have to go");
    assert_eq!(lab.object("deployment/lms")["spec"]["replicas"], 0);
    lab.hold_pods("lms", false);
    run.end().ends(0);
    assert_eq!(lab.place.step("it")["outputs"], json!({"previous": 3, "replicas": 0}));
    let marks = lab.object("deployment/lms")["metadata"]["annotations"].clone();
    assert_eq!(marks["regrow.dev/former-replicas"], "3");
    assert!(marks["regrow.dev/operation"].as_str().unwrap().contains("run1"), "{marks:#}");
    // All is as it is to be: nothing is written.
    let generation = lab.object("deployment/lms")["metadata"]["resourceVersion"].clone();
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.object("deployment/lms")["metadata"]["resourceVersion"], generation);

    lab.undo("run1").ends(0);
    let live = lab.object("deployment/lms");
    assert_eq!(live["spec"]["replicas"], 3);
    assert_eq!(live["metadata"]["annotations"]["regrow.dev/operation"], json!(null));
    lab.until_pods("lms", 3);
}

#[test]
fn what_it_had_before_it_was_stopped_is_kept_by_whoever_stops_it_again() {
    let lab = Lab::new();
    lab.deploy("lms", 3);
    lab.book("scale", &format!("{DOWN}\nwait: false"), "undo: restore_replicas");
    lab.place.run("").ends(0);
    let said = lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert!(lab.place.regrow("logs it --run run2").stdout.contains("set it from 3 to 0"), "{said:?}");
    assert_eq!(lab.place.step("it")["outputs"], json!({"previous": 3, "replicas": 0}));
    lab.undo("run2").ends(0);
    let live = lab.object("deployment/lms");
    assert_eq!(live["spec"]["replicas"], 3);
    for mark in ["operation", "former-replicas", "set-replicas"] {
        assert_eq!(live["metadata"]["annotations"][format!("regrow.dev/{mark}")], json!(null), "{mark}");
    }
}

/// The kubeconfig is read again at each look.
#[test]
fn a_token_that_expires_meanwhile_is_taken_from_the_kubeconfig_once_it_was_renewed() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.hold_pods("lms", true);
    lab.book("scale", DOWN, "");
    let good = lab.place.read("kube");
    let run = lab.place.start_run("--no-wait");
    lab.until_said("waits: 1 pods of deployment/lms still have to go");
    lab.kubeconfig(&lab.shared.cluster.kubeconfig_of("sesame-expired"));
    lab.until_said("does not accept the credentials; the kubeconfig is read again");
    lab.kubeconfig(&good);
    lab.hold_pods("lms", false);
    run.end().ends(0);
    assert_eq!(lab.place.step("it")["attempts"], 1);
}

#[test]
fn up_waits_until_the_pods_are_ready() {
    let lab = Lab::new();
    lab.deploy("lms", 0);
    lab.book("scale", "object: deploy/lms\nreplicas: 2", "");
    let run = lab.place.start_run("");
    lab.until_said("waits: 0 of 2 pods of deployment/lms are ready");
    lab.until_pods("lms", 2);
    lab.make_ready("lms");
    run.end().ends(0);
    lab.book("scale", "object: deploy/lms\nreplicas: 5\nwait: false", "");
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.object("deployment/lms")["spec"]["replicas"], 5);
}

#[test]
fn a_count_that_somebody_moved_is_not_taken_back() {
    let lab = Lab::new();
    lab.deploy("lms", 2);
    lab.book("scale", DOWN, "undo: restore_replicas");
    lab.place.run("").ends(0);
    lab.kubectl("scale deployment lms --replicas=7");
    lab.undo("run1").ends(1);
    assert_eq!(lab.object("deployment/lms")["spec"]["replicas"], 7);
    let shown = lab.place.regrow("show it --run run1").stdout;
    assert!(shown.contains("RG3010"), "{shown}");
}

#[test]
fn a_plan_says_what_is_changed_and_changes_nothing() {
    let lab = Lab::new();
    lab.deploy("lms", 2);
    let version = lab.object("deployment/lms")["metadata"]["generation"].clone();
    lab.book("scale", DOWN, "");
    let said = lab.place.regrow("plan book.yaml").ends(0);
    assert!(said.stdout.contains("deployment/lms") && said.stdout.contains("2 → 0"), "{}", said.stdout);
    assert_eq!(lab.object("deployment/lms")["metadata"]["generation"], version);
}
