//! `kubernetes.delete`: what goes, what holds it, and what came meanwhile and stays; killed at every sync.

use std::fs;

use serde_json::{Value, json};

use super::lab::{Lab, Shared, killed_at_every_sync};

const HELD: &str = r#"{"metadata":{"finalizers":["regrow.test/keep"]}}"#;
const FREE: &str = r#"{"metadata":{"finalizers":null}}"#;

fn patch(lab: &Lab, object: &str, patch: &str) {
    lab.kubectl(&format!("patch {object} --type=merge -p {patch}"));
}

fn uid(lab: &Lab, object: &str) -> Value {
    lab.object(object)["metadata"]["uid"].clone()
}

#[test]
fn an_object_goes_after_what_belongs_to_it_and_gone_already_is_success() {
    let lab = Lab::new();
    lab.deploy("lms", 2);
    lab.hold_pods("lms", true);
    let was = uid(&lab, "deployment/lms");
    lab.book("delete", "object: deployment/lms", "");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains("deployment/lms: is deleted"), "{plan}");
    assert_eq!(lab.pods("lms").len(), 2, "a plan deletes nothing");
    let run = lab.place.start_run("");
    lab.until_said("waits: deployment/lms is still there, held by what belongs to it");
    lab.hold_pods("lms", false);
    run.end().ends(0);
    assert_eq!(lab.kubectl("get deployments,replicasets,pods -o name"), "");
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!(outputs, json!({"objects": [{"object": "deployment/lms", "uid": was}], "deleted": 1}));
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.place.step("it")["outputs"], json!({"objects": [], "deleted": 0}));
}

#[test]
fn what_a_selector_chose_goes_and_what_holds_it_is_said() {
    let lab = Lab::new();
    for name in ["a", "b", "other"] {
        lab.kubectl(&format!("create configmap {name}"));
    }
    lab.kubectl("label configmap a b tier=old");
    patch(&lab, "configmap/b", HELD);
    lab.book("delete", "kind: cm\nselector: tier=old", "timeout: 3s");
    lab.place.run("--no-wait").ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3013", "{fault:#}");
    assert_eq!(fault["causes"], json!(["configmap/b is still there, held by regrow.test/keep"]));
    // One that comes under the selector, and one under the name of what has gone: not this step's.
    lab.kubectl("label configmap other tier=old");
    lab.kubectl("create configmap a");
    lab.kubectl("label configmap a tier=old");
    patch(&lab, "configmap/b", FREE);
    lab.place.regrow("retry it --run run1").ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    let left = lab.kubectl("get configmap -l tier=old -o name");
    assert_eq!(left, "configmap/a\nconfigmap/other\n");
    assert_eq!(lab.place.step("it")["outputs"]["deleted"], 2);
}

#[test]
fn made_anew_between_the_look_and_the_delete_it_stays() {
    let lab = Lab::new();
    lab.kubectl("create configmap mine");
    patch(&lab, "configmap/mine", HELD);
    lab.kubectl("create configmap last");
    // Cut off while it waits for the first; meanwhile somebody replaces both.
    lab.kubectl("label configmap mine last tier=old");
    patch(&lab, "configmap/last", HELD);
    lab.book("delete", "kind: cm\nselector: tier=old", "");
    let run = lab.place.start_run("");
    lab.until_said("2 of 2 are still there");
    run.cut_power();
    for name in ["mine", "last"] {
        patch(&lab, &format!("configmap/{name}"), FREE);
        lab.kubectl(&format!("create configmap {name} --from-literal=whose=theirs"));
    }
    lab.place.regrow("resume run1 --no-wait").ends(0);
    for name in ["mine", "last"] {
        let live = lab.object(&format!("configmap/{name}"));
        assert_eq!((&live["data"]["whose"], &live["metadata"]["deletionTimestamp"]), (&json!("theirs"), &json!(null)));
    }
}

/// An approval is for the objects that were there, not for their names.
#[test]
fn replaced_while_people_think_it_is_asked_about_again() {
    let lab = Lab::new();
    lab.kubectl("create configmap mine");
    lab.book("delete", "object: cm/mine", "approval: {}");
    lab.place.run("--no-wait").ends(3);
    lab.kubectl("delete configmap mine");
    lab.kubectl("create configmap mine");
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(3);
    assert!(uid(&lab, "configmap/mine").is_string());
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.kubectl("get configmap -o name"), "configmap/kube-root-ca.crt\n");
}

#[test]
fn killed_at_every_sync_it_is_gone() {
    let lab = Lab::new();
    let make = |lab: &Lab, k: usize| {
        lab.kubectl(&format!("create configmap c{k}"));
        lab.book("delete", &format!("object: cm/c{k}"), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        assert_eq!(lab.kubectl("get configmap -o name"), "configmap/kube-root-ca.crt\n", "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["deleted"], 1, "killed before sync {k}");
    });
}

/// Cut off in the one, resumed in the other: the same name is there, too, and stays.
#[test]
fn in_another_cluster_nothing_is_deleted() {
    let other = Shared::start();
    let lab = Lab::new();
    other.cluster.said(&["create", "namespace", &lab.space]).unwrap();
    other.cluster.said(&["-n", &lab.space, "create", "configmap", "mine"]).unwrap();
    lab.kubectl("create configmap mine");
    patch(&lab, "configmap/mine", HELD);
    lab.book("delete", "object: cm/mine", "");
    let run = lab.place.start_run("--no-wait");
    lab.until_said("held by regrow.test/keep");
    run.cut_power();
    let own = lab.place.read("kube");
    lab.kubeconfig(&fs::read_to_string(other.cluster.kubeconfig()).unwrap());
    let said = lab.place.regrow("resume run1 --no-wait").ends(4).stderr;
    assert!(said.contains("RG3007"), "{said}");
    lab.place.argv(&["retry", "it", "--run", "run1", "--because", "test"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3007");
    let there = other.cluster.said(&["-n", &lab.space, "get", "configmap", "mine", "-o", "jsonpath={.metadata}"]);
    assert!(!there.unwrap().contains("deletionTimestamp"));
    lab.kubeconfig(&own);
    patch(&lab, "configmap/mine", FREE);
    lab.place.argv(&["retry", "it", "--run", "run1"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
}

#[test]
fn what_takes_everything_with_it_wants_more_than_a_line() {
    let lab = Lab::new();
    let checks = |with: &str, more: &str| {
        lab.book("delete", with, more);
        let said = lab.place.regrow("check book.yaml");
        format!("{}{}", said.stdout, said.stderr)
    };
    for (with, lost) in [
        ("object: namespace/edx", "everything in the namespace goes with it"),
        ("kind: pvc\nselector: app=redis", "what lies on a volume may be lost with it"),
        ("object: crd/sites.example.org", "every object of the kind goes with its definition"),
    ] {
        let said = checks(with, "");
        assert!(said.contains(lost), "{said}");
        let agreed = "in_place: { because: it is empty, safety_copy: none is needed }\napproval: {}";
        assert!(!checks(with, agreed).contains("RG"), "{with}");
    }
    assert!(!checks("object: pod/a", "").contains("RG"));
}
