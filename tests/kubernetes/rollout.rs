//! `kubernetes.rollout`: waits as kubectl does, and makes pods anew once.

use serde_json::json;

use super::lab::{Lab, killed_at_every_sync};

#[test]
fn a_restart_makes_the_pods_anew_and_waits_for_them() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.make_ready("lms");
    lab.place.until("it is ready", |_| lab.object("deployment/lms")["status"]["readyReplicas"] == 1);
    let before = lab.pods("lms");
    lab.book("rollout", "object: deployment/lms\nrestart: true", "");
    let run = lab.place.start_run("");
    lab.until_said("waits: deployment/lms: 1 old pods are still there");
    lab.make_ready("lms");
    run.end().ends(0);
    let after = lab.pods("lms");
    assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
    assert_eq!(lab.place.step("it")["outputs"]["status"]["availableReplicas"], 1);
}

/// As kubectl refuses it.
#[test]
fn what_makes_no_pods_anew_by_itself_is_not_restarted() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.kubectl("rollout pause deployment lms");
    lab.book("rollout", "object: deployment/lms\nrestart: true", "");
    let said = lab.place.run("--no-wait");
    assert!(format!("{}{}", said.stdout, said.stderr).contains("RG3015 "), "{said:?}");
    assert_eq!(lab.object("deployment/lms")["spec"]["template"]["metadata"]["annotations"], json!(null));
}

#[test]
fn what_does_not_come_up_is_said_with_its_reason() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    let pod = lab.pods("lms").remove(0);
    let status = r#"{"status":{"containerStatuses":[{"name":"none","ready":false,"restartCount":0,"image":"","imageID":"","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}}"#;
    lab.kubectl(&format!("patch {pod} --subresource=status --type=merge -p {status}"));
    lab.book("rollout", "object: deployment/lms", "timeout: 3s");
    lab.place.run("--no-wait").ends(1);
    let fault = lab.fault();
    assert_eq!(
        (&fault["code"], &fault["causes"]),
        (&json!("RG3013"), &json!(["deployment/lms: 0 of 1 available (ImagePullBackOff)"]))
    );
    // Its own deadline is over: it is not waited for.
    lab.kubectl(r#"patch deployment lms --type=merge -p {"spec":{"progressDeadlineSeconds":1,"template":{"metadata":{"labels":{"x":"y"}}}}}"#);
    lab.book("rollout", "object: deployment/lms", "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(1);
    assert_eq!(lab.fault()["code"], "RG3015", "{:#}", lab.fault());
}

#[test]
fn killed_at_every_sync_it_is_restarted_once() {
    let lab = Lab::new();
    let make = |lab: &Lab, k: usize| {
        lab.kubectl(&format!("create deployment r{k} --image=none.test/none --replicas=0"));
        lab.book("rollout", &format!("object: deployment/r{k}\nrestart: true"), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        let live = lab.object(&format!("deployment/r{k}"));
        assert_eq!(live["metadata"]["generation"], 2, "killed before sync {k}");
    });
}
