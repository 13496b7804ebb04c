//! `kubernetes.patch`: what is changed, put back, refused; killed at every sync, overtaken, and led to another cluster.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::lab::{Lab, Shared, killed_at_every_sync};

const IMAGE: &str = "object: deployment/lms\npatch: { spec: { paused: true, template: { spec: { containers: [{ name: none, image: none.test/new }] } } } }";

fn image(lab: &Lab) -> Value {
    lab.object("deployment/lms")["spec"]["template"]["spec"]["containers"][0]["image"].clone()
}

#[test]
fn the_fields_that_were_shown_are_changed_and_put_back_and_no_others() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.book("patch", IMAGE, "undo: restore_fields");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    let wanted = [
        "deployment/lms: spec.paused: nothing → true",
        "deployment/lms: spec.template.spec.containers[0].image: none.test/none → none.test/new",
    ];
    wanted.iter().for_each(|line| assert!(plan.contains(line), "{line}\n{plan}"));
    assert_eq!(image(&lab), "none.test/none", "a plan changes nothing");

    lab.place.run("").ends(0);
    let live = lab.object("deployment/lms");
    assert_eq!((&live["spec"]["paused"], image(&lab)), (&json!(true), json!("none.test/new")));
    assert!(live["metadata"]["annotations"]["regrow.dev/operation"].as_str().unwrap().contains("run1"));
    let fields = json!(["spec.template.spec.containers[0].image", "spec.paused"]);
    assert_eq!(lab.place.step("it")["outputs"], json!({"changed": true, "fields": fields}));
    // All is as it is to be: nothing is written.
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.object("deployment/lms")["metadata"]["generation"], live["metadata"]["generation"]);
    assert_eq!(lab.place.step("it")["outputs"]["changed"], false);
    // And it has nothing to put back.
    lab.undo("run2").ends(0);
    assert_eq!(image(&lab), "none.test/new");

    lab.kubectl("scale deployment lms --replicas=5");
    lab.undo("run1").ends(0);
    let live = lab.object("deployment/lms");
    assert_eq!((&live["spec"]["paused"], image(&lab)), (&json!(null), json!("none.test/none")));
    assert_eq!(live["spec"]["replicas"], 5, "what others changed stays");
    assert_eq!(live["metadata"]["annotations"]["regrow.dev/operation"], json!(null));
}

#[test]
fn a_field_that_somebody_moved_since_is_not_put_back() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    lab.book("patch", IMAGE, "undo: restore_fields");
    lab.place.run("").ends(0);
    lab.kubectl("set image deployment/lms none=none.test/theirs");
    lab.undo("run1").ends(1);
    assert_eq!(
        (image(&lab), lab.object("deployment/lms")["spec"]["paused"].clone()),
        (json!("none.test/theirs"), json!(true))
    );
    let shown = lab.place.regrow("show it --run run1").stdout;
    assert!(shown.contains("RG3010") && shown.contains("none.test/theirs"), "{shown}");
}

/// Two steps on one object: each takes back its own.
#[test]
fn two_patches_of_one_object_are_both_taken_back() {
    let lab = Lab::new();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    let step = |id: &str, needs: &str, patch: &str| {
        format!(
            "  - id: {id}\n    needs: [{needs}]\n    uses: kubernetes.patch\n    undo: restore_fields\n    with: {{ kubeconfig: kube, namespace: {}, object: cm/settings, patch: {patch} }}\n",
            lab.space
        )
    };
    let steps = step("a", "", "{ data: { theme: light } }")
        + &step("b", "a", "{ data: { lang: en }, metadata: { labels: { x: y } } }");
    lab.place.write("book.yaml", &format!("version: 1\nname: book\nseverity: partial\nsteps:\n{steps}"));
    lab.place.run("").ends(0);
    assert_eq!(lab.object("configmap/settings")["data"], json!({"theme": "light", "lang": "en"}));
    lab.undo("run1").ends(0);
    let live = lab.object("configmap/settings");
    assert_eq!((&live["data"], &live["metadata"]["labels"]), (&json!({"theme": "dark"}), &json!(null)));
    assert_eq!(live["metadata"]["annotations"], json!(null));
}

#[test]
fn what_the_cluster_does_not_take_stops_it_before_anything_is_written() {
    let lab = Lab::new();
    lab.deploy("lms", 1);
    let refused = |with: &str| {
        lab.book("patch", with, "");
        lab.place.run("--no-wait").stderr
    };
    let said = refused("object: deployment/lms\npatch: { spec: { replica: 3 } }");
    assert!(said.contains("RG3012") && said.contains("unknown field"), "{said}");
    let said = refused("object: deployment/none\npatch: { spec: { replicas: 3 } }");
    assert!(said.contains("RG3008"), "{said}");
    let group = format!("{}.test", lab.space);
    let definition = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: sites.{group}}}\n\
         spec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: Site, plural: sites}}\n\
         \x20 versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}]\n"
    );
    lab.place.write("crd.yaml", &definition);
    lab.kubectl(&format!("apply -f {}", lab.place.path("crd.yaml").display()));
    lab.kubectl(&format!("wait --for=condition=Established crd/sites.{group} --timeout=30s"));
    lab.place.write("site.yaml", &format!("apiVersion: {group}/v1\nkind: Site\nmetadata: {{name: a}}\nlist: [1, 2]\n"));
    lab.kubectl(&format!("apply -f {}", lab.place.path("site.yaml").display()));
    let site = format!("object: Site/a\napi_version: {group}/v1\npatch: {{ list: [3] }}");
    let said = refused(&site);
    assert!(said.contains("RG3012") && said.contains("type: merge"), "{said}");
    lab.book("patch", &format!("{site}\ntype: merge"), "");
    lab.place.regrow("run book.yaml --yes --run-id run9").ends(0);
    assert_eq!(lab.object(&format!("sites.{group}/a"))["list"], json!([3]));
}

/// A patch that is not the same when it is done twice.
#[test]
fn killed_at_every_sync_a_list_gets_its_item_once() {
    let lab = Lab::new();
    let make = |lab: &Lab, k: usize| {
        lab.kubectl(&format!("create deployment d{k} --image=none.test/none --replicas=0 -- a"));
        let add = "[{ op: add, path: /spec/template/spec/containers/0/command/-, value: b }]";
        lab.book("patch", &format!("object: deployment/d{k}\ntype: json\npatch: {add}"), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        let live = lab.object(&format!("deployment/d{k}"));
        let command = &live["spec"]["template"]["spec"]["containers"][0]["command"];
        assert_eq!(command, &json!(["a", "b"]), "killed before sync {k}");
        assert_eq!(live["metadata"]["generation"], 2, "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["changed"], true, "killed before sync {k}");
    });
}

/// A server that keeps this program's writes waiting, and only those.
fn refuse_writes(lab: &Lab) {
    let condition =
        "request.dryRun != true && has(request.options.fieldManager) && request.options.fieldManager == 'regrow'";
    let hook = json!({
        "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": lab.space},
        "webhooks": [{
            "name": "hold.regrow.test", "admissionReviewVersions": ["v1"], "sideEffects": "None", "failurePolicy": "Fail",
            "clientConfig": {"url": "https://127.0.0.1:1/"},
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": lab.space}},
            "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"], "resources": ["configmaps"]}],
            "matchConditions": [{"name": "real", "expression": condition}],
        }],
    });
    lab.place.write("hook.yaml", &hook.to_string());
    lab.kubectl(&format!("create -f {}", lab.place.path("hook.yaml").display()));
    lab.kubectl("create configmap probe");
    let label = ["-n", &lab.space, "label", "configmap", "probe", "--field-manager=regrow", "--overwrite"];
    lab.place.until("the hook is heeded", |_| {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let value = format!("n={}", NEXT.fetch_add(1, Ordering::Relaxed));
        lab.shared.cluster.said(&[&label[..], &[&value]].concat()).is_err()
    });
}

#[test]
fn moved_by_somebody_between_the_look_and_the_write_it_is_left_alone() {
    let lab = Lab::new();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    refuse_writes(&lab);
    lab.book("patch", "object: cm/settings\npatch: { data: { theme: light } }", "undo: restore_fields");
    let move_it =
        |to: &str| lab.kubectl(&format!(r#"patch cm settings --type=merge -p {{"data":{{"theme":"{to}"}}}}"#));
    let run = lab.place.start_run("--no-wait");
    lab.until_said("cannot answer now");
    move_it("theirs");
    run.end().ends(1);
    let fault = lab.fault();
    let why = "`data.theme` is theirs (it was dark, and is to be light)";
    assert_eq!((&fault["code"], &fault["causes"]), (&json!("RG3010"), &json!([why])), "{fault:#}");
    assert_eq!(lab.object("cm/settings")["data"]["theme"], "theirs");

    // The same behind a cut: what was shown before it is what counts.
    move_it("dark");
    let run = lab.place.start("run book.yaml --yes --no-wait --run-id run2");
    lab.place.until("it waits", |place| place.regrow("logs it --run run2").stdout.contains("cannot answer now"));
    run.cut_power();
    move_it("theirs");
    lab.kubectl(&format!("delete validatingwebhookconfiguration {}", lab.space));
    lab.place.regrow("resume run2 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3010");
    assert_eq!(lab.object("cm/settings")["data"]["theme"], "theirs");
}

#[test]
fn another_cluster_is_not_touched() {
    let other = Shared::start();
    let lab = Lab::new();
    let there = |arguments: &[&str]| other.cluster.said(&[&["-n", &lab.space], arguments].concat()).unwrap();
    other.cluster.said(&["create", "namespace", &lab.space]).unwrap();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    there(&["create", "configmap", "settings", "--from-literal=theme=dark"]);
    let theirs = || there(&["get", "configmap", "settings", "-o", "jsonpath={.data.theme}"]);
    let other_config = fs::read_to_string(other.cluster.kubeconfig()).unwrap();
    let own_config = lab.place.read("kube");
    lab.book("patch", "object: cm/settings\npatch: { data: { theme: light } }", "approval: {}\nundo: restore_fields");
    lab.place.run("--no-wait").ends(3);
    // Approved for the one and led to the other: asked again.
    lab.kubeconfig(&other_config);
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(theirs(), "dark");
    lab.kubeconfig(&own_config);
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(3);
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.object("cm/settings")["data"]["theme"], "light");
    there(&["patch", "configmap", "settings", "--type=merge", "-p", r#"{"data":{"theme":"light"}}"#]);
    lab.kubeconfig(&other_config);
    lab.undo("run1").ends(1);
    assert_eq!(theirs(), "light");
    let shown = lab.place.regrow("show it --run run1").stdout;
    assert!(shown.contains("RG3007"), "{shown}");
}
