//! `kubernetes.apply`: what is made, changed, refused, taken back; and killed at every sync.

use serde_json::json;

use super::lab::{Lab, killed_at_every_sync};

const SETTINGS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {theme: dark, lang: en}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: lms}
spec:
  replicas: 3
  selector: {matchLabels: {app: lms}}
  template:
    metadata: {labels: {app: lms}}
    spec: {containers: [{name: none, image: none.test/none}]}
";
const FILE: &str = "manifests: [settings.yaml]";

#[test]
fn what_is_made_is_taken_back_and_what_was_there_stays() {
    let lab = Lab::new();
    lab.place.write("settings.yaml", SETTINGS);
    // By the same manager: its fields are regrow's to change.
    let old = lab.place.path("old.yaml");
    lab.place.write("old.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {theme: light}\n");
    lab.kubectl(&format!("apply --server-side --field-manager=regrow -f {}", old.display()));
    lab.book("apply", FILE, "undo: delete_created");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    let wanted = [
        format!("{}/configmap/settings: data.theme: light → dark", lab.space),
        format!("{}/configmap/settings: data.lang: nothing → en", lab.space),
        format!("{}/deployment/lms: is made", lab.space),
    ];
    wanted.iter().for_each(|line| assert!(plan.contains(line), "{line}\n{plan}"));
    assert_eq!(lab.object("configmap/settings")["data"], json!({"theme": "light"}), "a plan changes nothing");

    lab.place.run("").ends(0);
    let live = lab.object("deployment/lms");
    assert_eq!(live["spec"]["replicas"], 3);
    assert!(live["metadata"]["annotations"]["regrow.dev/operation"].as_str().unwrap().contains("run1"));
    assert_eq!(lab.object("configmap/settings")["data"], json!({"theme": "dark", "lang": "en"}));
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!((&outputs["created"], &outputs["objects"][1]["uid"]), (&json!(1), &live["metadata"]["uid"]));

    lab.undo("run1").ends(0);
    lab.place.until("it is gone", |_| lab.kubectl("get deployments -o name").is_empty());
    assert_eq!(lab.object("configmap/settings")["data"]["theme"], "dark");
}

#[test]
fn fields_of_others_stop_it_before_anything_is_written_unless_they_are_taken_over() {
    let lab = Lab::new();
    lab.place.write("settings.yaml", SETTINGS);
    lab.kubectl("create configmap settings --from-literal=theme=light");
    lab.book("apply", FILE, "");
    let said = lab.place.run("--no-wait").ends(2).stderr;
    let parts = ["RG3011", ".data.theme", "kubectl-create", "force_conflicts: true"];
    parts.iter().for_each(|part| assert!(said.contains(part), "{part}: {said}"));
    assert_eq!(lab.kubectl("get deployments -o name"), "");
    lab.book("apply", &format!("{FILE}\nforce_conflicts: true"), "");
    lab.place.regrow("run book.yaml --yes --run-id run2").ends(0);
    assert_eq!(lab.object("configmap/settings")["data"]["theme"], "dark");
}

#[test]
fn a_definition_and_its_object_and_a_namespace_and_its_secret_go_together() {
    let lab = Lab::new();
    let space = format!("{}-new", lab.space);
    let text = format!(
        "apiVersion: {space}.test/v1\nkind: Site\nmetadata: {{name: a, namespace: {space}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: db, namespace: {space}}}\nstringData: {{password: hunter2hunter2}}\n---\n\
         apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: sites.{space}.test}}\n\
         spec:\n  group: {space}.test\n  scope: Namespaced\n  names: {{kind: Site, plural: sites}}\n\
         \x20 versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]\n---\n\
         apiVersion: v1\nkind: Namespace\nmetadata: {{name: {space}}}\n"
    );
    lab.place.write("all.yaml", &text);
    lab.book("apply", "manifests: [all.yaml]", "undo: delete_created");
    lab.place.run("").ends(0);
    let get = |object: &str| lab.shared.cluster.said(&["get", object, "-n", &space, "-o", "name"]);
    assert!(get(&format!("sites.{space}.test/a")).is_ok() && get("secret/db").is_ok());
    let all = format!("{}{}", lab.place.regrow("events run1 --json").stdout, lab.place.regrow("report run1").stdout);
    assert!(!all.contains("hunter2hunter2") && !all.contains("aHVudGVyMmh1bnRlcjI="), "{all}");
    lab.undo("run1").ends(0);
    lab.place.until("all is gone", |_| get("secret/db").is_err());
}

#[test]
fn an_approval_is_for_what_was_shown() {
    let lab = Lab::new();
    lab.place.write("settings.yaml", SETTINGS);
    lab.book("apply", FILE, "approval: {}\nundo: delete_created");
    lab.place.run("--no-wait").ends(3);
    // Other manifests: asked again. Somebody's object under the same name: asked again, and shown as changed.
    lab.place.write("settings.yaml", &SETTINGS.replace("dark", "pink"));
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(3);
    assert_eq!(lab.kubectl("get configmaps,deployments -o name"), "configmap/kube-root-ca.crt\n");
    lab.kubectl("create configmap settings --from-literal=whose=theirs");
    lab.approve("run1");
    let said = lab.place.regrow("resume run1 --no-wait").ends(3).stderr;
    assert!(said.contains("configmap/settings: data.theme: nothing → pink"), "{said}");
    assert_eq!(lab.object("configmap/settings")["data"], json!({"whose": "theirs"}));
    lab.approve("run1");
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.object("configmap/settings")["data"], json!({"whose": "theirs", "theme": "pink", "lang": "en"}));
    // What it was made of is gone: nothing is taken back on a guess.
    lab.place.write("settings.yaml", SETTINGS);
    lab.undo("run1").ends(1);
    assert!(lab.place.regrow("show it --run run1").stdout.contains("RG3017"));
}

/// In the middle: what carries the operation is its own, and the rest is applied.
#[test]
fn cut_off_between_two_objects_it_goes_on_behind_those_that_are_its_own() {
    let lab = Lab::new();
    let group = format!("{}.test", lab.space);
    let text = format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: sites.{group}}}\n\
         spec:\n  group: {group}\n  scope: Namespaced\n  names: {{kind: Site, plural: sites}}\n\
         \x20 versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]\n---\n\
         apiVersion: {group}/v2\nkind: Site\nmetadata: {{name: a}}\n---\n{SETTINGS}"
    );
    lab.place.write("settings.yaml", &text);
    lab.book("apply", FILE, "");
    let run = lab.place.start_run("");
    lab.until_said("has no kind `Site`");
    run.cut_power();
    let version = r#"{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}}}"#;
    let patch = format!(r#"[{{"op":"add","path":"/spec/versions/-","value":{version}}}]"#);
    lab.kubectl(&format!("patch crd sites.{group} --type=json -p {patch}"));
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.place.step("it")["outputs"]["created"], 4);
    assert_eq!(lab.object("deployment/lms")["metadata"]["generation"], 1);
    assert_eq!(lab.kubectl(&format!("get sites.{group} -o name")), format!("site.{group}/a\n"));
}

#[test]
fn killed_at_every_sync_all_is_applied_and_known_as_its_own() {
    let lab = Lab::new();
    let make = |lab: &Lab, k: usize| {
        lab.place.write(
            "settings.yaml",
            &SETTINGS.replace("name: settings", &format!("name: s{k}")).replace("lms", &format!("d{k}")),
        );
        lab.book("apply", FILE, "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        let live = lab.object(&format!("deployment/d{k}"));
        assert_eq!(live["metadata"]["generation"], 1, "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["created"], 2, "killed before sync {k}");
        assert_eq!(lab.object(&format!("configmap/s{k}"))["data"]["theme"], "dark");
    });
}
