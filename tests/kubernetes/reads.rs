//! `kubernetes.get`, `.ready` and `.wait`.

use serde_json::json;

use super::lab::Lab;

#[test]
fn an_object_is_read_with_one_of_its_fields() {
    let lab = Lab::new();
    lab.deploy("lms", 2);
    lab.book("get", "object: deployment/lms\nvalue: spec.replicas", "");
    lab.place.run("").ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!((&outputs["value"], &outputs["found"]), (&json!(2), &json!(true)));
    assert_eq!(outputs["object"]["metadata"]["uid"], lab.object("deployment/lms")["metadata"]["uid"]);
    assert_eq!(outputs["object"]["metadata"]["managedFields"], json!(null));
    // Anything else is looked for, and what is not there is said.
    lab.book("get", "object: statefulset/lms", "");
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(1);
    assert_eq!(lab.fault()["code"], "RG3008");
}

#[test]
fn what_a_secret_holds_is_nowhere() {
    let lab = Lab::new();
    lab.kubectl("create secret generic db --from-literal=password=hunter2hunter2");
    lab.book("get", "object: secret/db", "");
    lab.place.run("").ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!(outputs["object"]["data"], json!({"password": "***"}));
    let all = format!("{}{}", lab.place.regrow("events run1 --json").stdout, lab.place.regrow("report run1").stdout);
    assert!(all.contains("kubernetes.get") && !all.contains("aHVudGVyMmh1bnRlcjI="), "{all}");
}

#[test]
fn what_is_not_ready_is_named_with_what_it_lacks() {
    let lab = Lab::new();
    lab.deploy("lms", 2);
    lab.deploy("cms", 1);
    lab.make_ready("cms");
    let ready = |lab: &Lab, name: &str| lab.object(&format!("deployment/{name}"))["status"]["readyReplicas"].clone();
    lab.place.until("one is ready", |_| ready(&lab, "cms") == 1);
    lab.book("ready", "", "");
    lab.place.run("").ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3015");
    assert_eq!(fault["causes"], json!([format!("{}/deployment/lms: 0 of 2 available", lab.space)]), "{fault:#}");
    lab.make_ready("lms");
    lab.place.until("all are ready", |_| ready(&lab, "lms") == 2);
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!(outputs, json!({"ready": true, "not_ready": [], "count": 2}));
}

#[test]
fn a_namespace_that_is_not_there_is_not_ready() {
    let lab = Lab::new();
    lab.book("ready", &format!("namespaces: [{}]", lab.space), "");
    lab.place.run("").ends(0);
    assert_eq!(lab.place.step("it")["outputs"]["count"], 0);
    lab.book("ready", "namespaces: [edx-typo]", "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(1);
    assert_eq!(lab.fault()["code"], "RG3008", "{:#}", lab.fault());
}

#[test]
fn a_condition_is_waited_for_and_what_lacks_is_said() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.book("wait", "object: deployment/lms\ncondition: Available", "timeout: 3s");
    lab.place.run("").ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3013");
    assert!(fault["causes"][0].as_str().unwrap().contains("`Available` is False, not True"), "{fault:#}");
    lab.book("wait", "object: deployment/lms\ncondition: Available", "");
    let run = lab.place.start("run book.yaml --yes --run-id run2");
    std::thread::sleep(std::time::Duration::from_millis(1500));
    lab.make_ready("lms");
    run.end().ends(0);
    assert_eq!(lab.place.step("it")["outputs"]["status"]["readyReplicas"], 1);
    // What is not there yet is waited for, too.
    lab.book("wait", "object: configmap/later\ncondition: exists", "");
    let run = lab.place.start("run book.yaml --yes --run-id run3");
    std::thread::sleep(std::time::Duration::from_millis(1000));
    lab.kubectl("create configmap later");
    run.end().ends(0);
}
