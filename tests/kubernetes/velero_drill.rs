//! `velero.restore` in a drill: beside production by namespace mapping, with a tripwire on all that production's namespace holds.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::lab::Lab;
use super::support::{REGROW, Said, finish};
use super::velero::Site;

const LINE: &str = "drill book.yaml --yes --no-wait --run-id run1";

/// What begins to work under another name, or asks for what production has.
const AT_WORK: &str = "
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: media}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: lms.example.org, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: lms, port: {number: 80}}}}]}}]}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 1 1 *'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: none.test/none}]}}}}
";
/// What is in every namespace by itself.
const ALWAYS: [&str; 2] = ["configmap/kube-root-ca.crt", "serviceaccount/default"];

/// A namespace of production with a backup, and a change since.
fn furnish(lab: &Lab, backup: impl FnOnce(&str)) {
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    lab.kubectl("create secret generic db --from-literal=password=hunter2hunter2");
    lab.kubectl("create serviceaccount worker");
    lab.kubectl("create role reader --verb=get --resource=pods");
    lab.kubectl(&format!("create rolebinding reader --role=reader --serviceaccount={}:worker", lab.space));
    lab.kubectl("create quota roomy --hard=count/configmaps=50");
    lab.kubectl("create service clusterip lms --tcp=80:80");
    lab.deploy("lms", 1);
    lab.place.write("work.yaml", AT_WORK);
    lab.kubectl(&format!("create -f {}", lab.place.path("work.yaml").display()));
    backup(&format!("b-{}", lab.space));
    lab.kubectl(r#"patch configmap settings --type=merge -p {"data":{"theme":"light"}}"#);
}

fn book(lab: &Lab, more: &str) {
    lab.restore_book(&format!("backup: b-{0}\ninclude_namespaces: [{0}]", lab.space), more);
    let text = lab.place.read("book.yaml").replace("PROBE", "kubernetes.get");
    lab.place.write("book.yaml", &text);
}

fn beside(lab: &Lab) -> String {
    format!("{}-drill-run1", lab.space)
}

/// Everything in a namespace but what tells of it: its name with the number of its last write.
fn all(lab: &Lab, space: &str) -> BTreeSet<(String, String)> {
    let said = |arguments: &[&str]| lab.shared.cluster.said(arguments).unwrap();
    let kinds = said(&["api-resources", "--namespaced", "--verbs=list", "-o", "name"]);
    let kinds: Vec<&str> = kinds.lines().filter(|kind| !kind.starts_with("events")).collect();
    let found: Value = serde_json::from_str(&said(&["get", &kinds.join(","), "-n", space, "-o", "json"])).unwrap();
    let text = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    let one = |object: &Value| {
        let name = format!("{}/{}", text(object, "/kind").to_lowercase(), text(object, "/metadata/name"));
        (name, text(object, "/metadata/resourceVersion"))
    };
    found["items"].as_array().unwrap().iter().map(one).collect()
}

fn is_there(lab: &Lab, space: &str) -> bool {
    !lab.shared.cluster.said(&["get", "namespace", space, "--ignore-not-found", "-o", "name"]).unwrap().is_empty()
}

fn uid(lab: &Lab, space: &str) -> String {
    lab.shared.cluster.said(&["get", "namespace", space, "-o", "jsonpath={.metadata.uid}"]).unwrap()
}

fn ledger(lab: &Lab) -> Value {
    lab.place.status()["ledger"].clone()
}

/// Nothing is left of it but Velero's record.
fn is_over(lab: &Lab, what: &str) {
    assert_eq!((lab.place.state().as_str(), ledger(lab)), ("succeeded", json!([])), "{what}");
    assert!(!is_there(lab, &beside(lab)), "{what}");
    assert_eq!(lab.place.step("it")["drill"], "beside", "{what}");
    lab.place.regrow("verify-log run1").ends(0);
}

#[test]
fn a_drill_restores_beside_production_what_cannot_work_and_takes_it_away() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    let proof = |probe: &str, with: &str| format!("  - probe: {probe}\n    with: {{ kubeconfig: kube, {with} }}\n");
    let theme = proof("PROBE", &format!("namespace: {}, object: configmap/settings, value: data.theme", lab.space));
    let ready = proof("kubernetes.ready", &format!("namespaces: [{}]", lab.space));
    book(&lab, &format!("verify:\n{theme}    expect: {{ equals: dark }}\n{ready}    expect: {{ equals: true }}"));
    let plan = lab.place.regrow("plan book.yaml --drill").ends(0).stdout;
    for line in
        ["is made for it, and is in the ledger", "workloads, services, volumes and objects of other kinds do not"]
    {
        assert!(plan.contains(line), "{line}\n{plan}");
    }
    let before = all(&lab, &lab.space);

    lab.place.regrow(&format!("{LINE} --keep")).ends(0);
    assert_eq!(all(&lab, &lab.space), before, "a drill wrote to production");
    let came: BTreeSet<String> = all(&lab, &beside(&lab)).into_iter().map(|(name, _)| name).collect();
    let own = ["configmap/settings", "secret/db", "serviceaccount/worker", "role/reader", "rolebinding/reader"];
    let wanted = own.iter().chain(&["resourcequota/roomy"]).chain(&ALWAYS);
    assert_eq!(came, wanted.map(|name| (*name).to_owned()).collect());
    let binding = ["get", "rolebinding", "reader", "-n", &beside(&lab), "-o", "jsonpath={.subjects[0].namespace}"];
    assert_eq!(lab.shared.cluster.said(&binding).unwrap(), beside(&lab), "rights of an account of production");
    let entries = ledger(&lab);
    let id = entries[0]["id"].as_str().unwrap().to_owned();
    assert!(entries.as_array().unwrap().len() == 1 && id.starts_with(&format!("{} of cluster ", beside(&lab))));
    // One proof is asked beside, where the theme is that of the backup; the other is named.
    let shown = lab.place.regrow("show it --run run1").ends(0).stdout;
    assert!(shown.contains("kubernetes.get: is \"dark\"") && shown.contains("not asked kubernetes.ready"), "{shown}");
    let report = fs::read_to_string(lab.place.run_dir().join("report.md")).unwrap();
    assert!(report.contains("What did it not prove?** 1 proof not asked."), "{report}");
    let told = lab.place.regrow("events run1").ends(0).stdout;
    assert!(told.contains("is proven: is \"dark\"; not asked in a drill: `kubernetes.ready`"), "{told}");
    let outputs = &lab.place.step("it")["outputs"];
    assert!(outputs["items"].as_u64() >= Some(6), "{outputs:#}");

    let removed = lab.place.regrow("cleanup run1").ends(0).stdout;
    assert_eq!(removed, format!("removed namespace {id}\n"));
    is_over(&lab, "cleaned by hand");
    assert_eq!(all(&lab, &lab.space), before, "the clean-up wrote to production");
    assert_eq!(lab.restores().len(), 1, "Velero's record stays");

    // The same in earnest: the wire is live.
    lab.kubectl("delete configmap settings");
    let before = all(&lab, &lab.space);
    book(&lab, "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(0);
    assert_ne!(all(&lab, &lab.space), before);
}

#[test]
fn killed_on_its_way_it_restores_once_and_leaves_nothing() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    book(&lab, "");
    let before = all(&lab, &lab.space);
    for k in 2..40 {
        let inject = format!("inject=fdatasync,fsync:signal=SIGKILL:when={k}");
        let mut args = vec!["-qq", "-e", "trace=fdatasync,fsync", "-o", "/dev/null", "-e", &inject, REGROW];
        args.extend(LINE.split(' '));
        let said: Said = finish(lab.place.command("strace", &args));
        let killed = said.signal == Some(Signal::KILL.as_raw());
        if killed {
            let again = if lab.place.run_dir().exists() { "resume run1 --no-wait" } else { LINE };
            lab.place.regrow(again).ends(0);
        } else {
            said.ends(0);
        }
        let what = format!("killed before sync {k}");
        is_over(&lab, &what);
        assert_eq!(lab.restores().len(), 1, "{what}");
        assert_eq!(all(&lab, &lab.space), before, "{what}");
        if !killed {
            assert!(k > 8, "killed only {k} times");
            return;
        }
        fs::remove_dir_all(lab.place.path("state")).unwrap();
        lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
    }
    panic!("never ran to its end");
}

/// Between the namespace and its restore, and between a restore that failed and the next one.
#[test]
fn cut_off_or_done_again_it_takes_up_the_namespace_that_it_made() {
    let site = Site::borrow();
    let mut velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    book(&lab, "");
    velero.kill();
    let run = lab.place.start(LINE);
    lab.place.until("the Restore is made", |_| lab.restores().len() == 1);
    let made = uid(&lab, &beside(&lab));
    run.cut_power();
    // As if it had not come as far as that.
    lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
    let run = lab.place.start("resume run1 --no-wait");
    lab.place.until("another Restore is made", |_| lab.restores().len() == 1);
    assert_eq!(uid(&lab, &beside(&lab)), made);
    let name = lab.restores()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let failed = r#"{"status":{"phase":"Failed","failureReason":"test"}}"#;
    lab.shared.cluster.said(&["patch", "restore", &name, "-n", "velero", "--type=merge", "-p", failed]).unwrap();
    run.end().ends(1);
    assert_eq!(lab.fault()["code"], "RG3106");
    velero.start_server().unwrap();
    lab.place.argv(&["rerun", "it", "--run", "run1", "--because", "test"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    is_over(&lab, "done again");
    assert_eq!(lab.restores().len(), 2);
}

/// Velero would do it later, and make the namespace anew that the clean-up has taken away.
#[test]
fn a_restore_that_was_never_taken_up_is_withdrawn_with_its_namespace() {
    let site = Site::borrow();
    let mut velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    book(&lab, "");
    velero.kill();
    let run = lab.place.start(LINE);
    lab.place.until("the Restore is made", |_| lab.restores().len() == 1);
    run.cut_power();
    lab.place.argv(&["abort", "--run", "run1", "--because", "test"]);
    lab.place.regrow("resume run1 --no-wait");
    lab.place.regrow("cleanup run1");
    assert_eq!((lab.place.state().as_str(), ledger(&lab)), ("aborted", json!([])));
    assert!(!is_there(&lab, &beside(&lab)));
    assert_eq!(lab.restores(), Vec::<Value>::new());
    velero.start_server().unwrap();
    sleep(Duration::from_secs(3));
    assert!(!is_there(&lab, &beside(&lab)), "Velero made it anew");
}

#[test]
fn a_namespace_that_is_not_its_own_stops_it_and_stays() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    book(&lab, "");
    let beside = beside(&lab);
    let kubectl = |arguments: &str| {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        lab.shared.cluster.said(&arguments).unwrap()
    };
    kubectl(&format!("create namespace {beside}"));
    let said = lab.place.regrow(LINE).ends(2).stderr;
    assert!(said.contains("RG3111") && said.contains(&beside), "{said}");
    assert!(is_there(&lab, &beside) && lab.restores().is_empty() && !lab.place.run_dir().exists());

    // One that was its own, and is claimed by somebody meanwhile.
    kubectl(&format!("delete namespace {beside}"));
    lab.place.regrow(&format!("{LINE} --keep")).ends(0);
    kubectl(&format!("annotate namespace {beside} --overwrite regrow.dev/operation=run9.it.1"));
    let said = lab.place.regrow("cleanup run1").ends(1);
    assert!(said.stderr.contains("RG3111") || said.stdout.contains("RG3111"), "{said:#?}");
    assert!(is_there(&lab, &beside));
    assert_eq!(ledger(&lab).as_array().unwrap().len(), 1);
    kubectl(&format!("annotate namespace {beside} --overwrite regrow.dev/operation=run1.it.1"));
    lab.place.regrow("cleanup run1").ends(0);
    is_over(&lab, "given back");
}

/// Kinds of which the backup holds none: Velero is content with them. That no proof is asked makes no success of it.
#[test]
fn a_drill_that_brings_nothing_back_fails() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    furnish(&lab, |name| velero.backup(name, &lab.space, &[]).unwrap());
    let proof = "verify:\n  - { probe: kubernetes.ready, with: { kubeconfig: kube }, expect: { equals: true } }";
    let with = format!("backup: b-{0}\ninclude_namespaces: [{0}]\ninclude_resources: [limitranges]", lab.space);
    lab.restore_book(&with, &format!("succeeds_if: verify\n{proof}"));
    lab.place.regrow(LINE).ends(1);
    assert_eq!(lab.fault()["code"], "RG3113", "{:#}", lab.fault());
}
