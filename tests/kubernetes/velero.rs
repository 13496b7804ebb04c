//! `velero.restore` over a real Velero: what comes back, what is warned of, what fails, and what is found before.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use rig::Scratch;
use rig::servers::{MinIo, Velero};
use serde_json::{Value, json};

use super::lab::{Lab, Shared};

/// Velero with its cluster and bucket; all tests that run at the same time have the same. It restores one after the other, and
/// one test ends it: they take turns.
pub struct Site {
    // In this order they end.
    velero: Mutex<Velero>,
    shared: Arc<Shared>,
    _s3: MinIo,
    _scratch: Scratch,
}

impl Site {
    pub fn borrow() -> Arc<Site> {
        static ONE: Mutex<Weak<Site>> = Mutex::new(Weak::new());
        let mut one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        one.upgrade().unwrap_or_else(|| {
            let (scratch, shared) = (Scratch::new().unwrap(), Arc::new(Shared::start()));
            let s3 = MinIo::start(&scratch).unwrap();
            let velero = Mutex::new(Velero::start(&scratch, &shared.cluster, &s3).unwrap());
            let site = Arc::new(Site { velero, shared, _s3: s3, _scratch: scratch });
            *one = Arc::downgrade(&site);
            site
        })
    }

    pub fn velero(&self) -> MutexGuard<'_, Velero> {
        self.velero.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// With a namespace of its own, and no restore of anybody else.
    pub fn lab(&self) -> Lab {
        let lab = Lab::on(Arc::clone(&self.shared));
        lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
        lab
    }
}

impl Lab {
    /// A runbook with one step, `it`; `with` are fields one a line, `more` are keys of the step.
    pub fn restore_book(&self, with: &str, more: &str) {
        self.book("get", with, more);
        let text = self.place.read("book.yaml").replace("kubernetes.get", "velero.restore");
        self.place.write("book.yaml", &text.replace(&format!("      namespace: {}\n", self.space), ""));
    }

    /// Of Velero, as JSON.
    pub fn restores(&self) -> Vec<Value> {
        let all = self.shared.cluster.said(&["get", "restores", "-n", "velero", "-o", "json"]).unwrap();
        serde_json::from_str::<Value>(&all).unwrap()["items"].as_array().unwrap().clone()
    }

    pub fn lose(&self) {
        self.shared.cluster.said(&["delete", "namespace", &self.space]).unwrap();
    }
}

#[test]
fn a_namespace_comes_back_by_one_restore() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    lab.kubectl("create secret generic db --from-literal=password=hunter2hunter2");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.lose();
    lab.restore_book(&format!("backup: b-{0}\ninclude_namespaces: [{0}]", lab.space), "");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    for line in [&format!("backup b-{}, complete at", lab.space), "what is there already stays as it is"] {
        assert!(plan.contains(line), "{line}\n{plan}");
    }
    assert!(lab.restores().is_empty(), "a plan makes nothing");

    lab.place.run("--no-wait").ends(0);
    assert_eq!(lab.object("configmap/settings")["data"], json!({"theme": "dark"}));
    lab.object("secret/db");
    let restores = lab.restores();
    assert_eq!(restores.len(), 1, "{restores:#?}");
    assert_eq!(restores[0]["metadata"]["annotations"]["regrow.dev/operation"], "run1.it.1");
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!(outputs["restore"], restores[0]["metadata"]["name"]);
    assert_eq!((&outputs["phase"], &outputs["errors"]), (&json!("Completed"), &json!(0)), "{outputs:#}");
    assert_eq!(outputs["items"], restores[0]["status"]["progress"]["itemsRestored"]);
    assert!(outputs["restored_to"].is_string());
    // The namespace is made with that object in it before Velero comes to its own.
    let warned = outputs["messages"].to_string();
    assert!(warned.contains("kube-root-ca.crt") && outputs["warnings"] == 1, "{outputs:#}");
    assert!(lab.place.regrow("logs it --run run1").stdout.contains("warning: "), "the log has them, too");
    let asked = lab.shared.cluster.said(&["get", "downloadrequests", "-n", "velero", "-o", "name"]).unwrap();
    assert_eq!(asked, "", "what was asked for the files is taken away");
    let all =
        format!("{}{}", lab.place.regrow("events run1 --json").stdout, lab.place.regrow("logs it --run run1").stdout);
    assert!(!all.contains("X-Amz-Signature"), "an address with a signature is shown");
}

#[test]
fn what_is_there_stays_and_is_warned_of_and_a_mapping_leads_elsewhere() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.kubectl(r#"patch configmap settings --type=merge -p {"data":{"theme":"light"}}"#);
    let backup = format!("backup: b-{0}\ninclude_namespaces: [{0}]", lab.space);
    lab.restore_book(&backup, "");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains(&format!("the namespace {} is there already", lab.space)), "{plan}");
    lab.place.run("--no-wait").ends(0);
    assert_eq!(lab.object("configmap/settings")["data"]["theme"], "light");
    let outputs = lab.place.step("it")["outputs"].clone();
    assert!(outputs["messages"].to_string().contains("settings"), "{outputs:#}");

    lab.restore_book(&format!("{backup}\nnamespace_mapping: {{ {0}: {0}-drill }}", lab.space), "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(0);
    let drill = format!("{}-drill", lab.space);
    let theme = ["get", "configmap", "settings", "-n", &drill, "-o", "jsonpath={.data.theme}"];
    assert_eq!(lab.shared.cluster.said(&theme).unwrap(), "dark");
}

#[test]
fn a_part_that_fails_is_a_failure_unless_it_may() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    ["a", "b", "c"].iter().for_each(|name| drop(lab.kubectl(&format!("create configmap {name}"))));
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.kubectl("delete configmap a b c");
    lab.kubectl("create quota small --hard=count/configmaps=2");
    lab.place.until("the quota counts", |_| lab.object("quota/small")["status"]["used"]["count/configmaps"] == "1");
    let backup = format!("backup: b-{}", lab.space);
    lab.restore_book(&backup, "");
    lab.place.run("--no-wait").ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3107", "{fault:#}");
    assert!(fault["causes"].to_string().contains("exceeded quota"), "{fault:#}");
    assert_eq!(lab.restores().len(), 1);

    lab.restore_book(&format!("{backup}\nallow: [\"*no such thing*\"]"), "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(1);
    lab.restore_book(&format!("{backup}\nallow: [\"*exceeded quota*\"]"), "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run3").ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!(outputs["phase"], "PartiallyFailed");
    assert!(outputs["errors"].as_u64().unwrap() > 0, "{outputs:#}");
}

#[test]
fn the_newest_of_a_schedule_by_then_is_taken() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    let labels = format!("velero.io/schedule-name={}", lab.space);
    let make = |name: &str| {
        lab.kubectl(&format!("create configmap is-{name}"));
        let backup = format!("{name}-{}", lab.space);
        velero.backup(&backup, &lab.space, &["--labels", &labels]).unwrap();
        let end = ["get", "backup", &backup, "-n", "velero", "-o", "jsonpath={.status.completionTimestamp}"];
        lab.shared.cluster.said(&end).unwrap()
    };
    make("first");
    let as_of = make("second");
    // Times are whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    make("third");
    lab.lose();
    lab.restore_book(&format!("backup: {{ schedule: {}, as_of: \"{as_of}\" }}", lab.space), "");
    lab.place.run("--no-wait").ends(0);
    let outputs = lab.place.step("it")["outputs"].clone();
    assert_eq!((&outputs["backup"], &outputs["restored_to"]), (&json!(format!("second-{}", lab.space)), &json!(as_of)));
    let there = lab.kubectl("get configmaps -o name");
    assert!(there.contains("is-second") && !there.contains("is-third"), "{there}");
    lab.restore_book(&format!("backup: {{ schedule: {}, as_of: 2020-01-01T00:00:00Z }}", lab.space), "");
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(1);
    assert_eq!(lab.fault()["code"], "RG3102");
}

/// The runbook that comes with the program.
#[test]
fn a_partial_loss_brings_back_the_namespaces_that_are_gone() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    let (labels, backup) = (format!("velero.io/schedule-name={}", lab.space), format!("b-{}", lab.space));
    velero.backup(&backup, &lab.space, &["--labels", &labels]).unwrap();
    let as_of = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(1);
    lab.lose();
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/partial.yaml");
    let kubeconfig = lab.place.path("kube").display().to_string();
    let params = [("schedule", lab.space.clone()), ("kubeconfig", kubeconfig), ("as_of", as_of.to_string())];
    let params = params.map(|(name, value)| format!(" --param {name}={value}")).concat();
    let run = format!(
        "run {book} --yes --no-wait --run-id run1 --param lost=cluster --param namespaces={}{params}",
        lab.space
    );
    lab.place.regrow(&run).ends(3);
    let code = lab.place.step("cluster")["asks"]["code"].as_str().unwrap().to_owned();
    lab.place.regrow(&format!("approve cluster --code {code}")).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.place.step("cluster")["outputs"]["backup"], json!(backup));
    assert_eq!(lab.kubectl("get configmap settings -o jsonpath={.data.theme}"), "dark");
    assert_eq!(lab.restores().len(), 1);
    for left_out in ["infrastructure", "table", "objects", "names"] {
        assert_eq!(lab.place.step_state(left_out), "skipped", "{left_out}");
    }
}

/// Velero is content with it.
#[test]
fn a_restore_that_brings_nothing_back_is_no_success() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    refused(&lab, &format!("backup: b-{0}\ninclude_namespaces: [no-{0}]", lab.space), 2, "RG3109");
    let empty = "include_resources: [resourcequotas]\nread_only_location: true";
    lab.restore_book(&format!("backup: b-{0}\ninclude_namespaces: [{0}]\n{empty}", lab.space), "");
    let _ = std::fs::remove_dir_all(lab.place.path("state"));
    lab.place.run("--no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3113", "{:#}", lab.fault());
    let mode = ["get", "backupstoragelocation", "default", "-n", "velero", "-o", "jsonpath={.spec.accessMode}"];
    assert_ne!(lab.shared.cluster.said(&mode).unwrap(), "ReadOnly", "the location is put back whatever came of it");
}

#[test]
fn what_would_fail_is_found_before_anything_is_made() {
    let site = Site::borrow();
    let _velero = site.velero();
    let lab = site.lab();
    let object = |name: &str, at: &str, phase: &str| {
        let end = "'2030-01-01T00:00:00Z'";
        format!(
            "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {{name: {name}, namespace: velero}}\nspec: {{storageLocation: {at}}}\n\
             status: {{phase: {phase}, startTimestamp: {end}, completionTimestamp: {end}}}\n---\n"
        )
    };
    let location = "apiVersion: velero.io/v1\nkind: BackupStorageLocation\nmetadata: {name: away, namespace: velero}\n\
                    spec: {provider: aws, objectStorage: {bucket: no-such-bucket}, config: {region: us-east-1, s3Url: 'http://127.0.0.1:9'}}\n---\n";
    let completed = ["away", "gone"].map(|at| object(&format!("completed-{at}"), at, "Completed")).concat();
    let all = [location, &completed, &object("failed-default", "default", "Failed")].concat();
    lab.place.write("objects.yaml", &all);
    let file = lab.place.path("objects.yaml").display().to_string();
    lab.shared.cluster.said(&["apply", "--server-side", "-f", &file]).unwrap();
    lab.place.until("the location is looked at", |_| {
        let phase = ["get", "backupstoragelocation", "away", "-n", "velero", "-o", "jsonpath={.status.phase}"];
        lab.shared.cluster.said(&phase).unwrap() == "Unavailable"
    });
    refused(&lab, "backup: nowhere", 1, "RG3102");
    assert!(lab.fault()["causes"].to_string().contains("failed-default: Failed"), "{:#}", lab.fault());
    refused(&lab, "backup: failed-default", 2, "RG3103");
    refused(&lab, "backup: completed-away", 1, "RG3104");
    refused(&lab, "backup: completed-gone", 2, "RG3104");
    refused(&lab, "backup: failed-default\nnamespace: elsewhere", 2, "RG3101");
    assert!(lab.restores().is_empty());
    lab.shared.cluster.said(&["delete", "-f", &file]).unwrap();
    // A cluster without Velero.
    refused(&Lab::new(), "backup: nowhere", 2, "RG3101");
}

/// What may be over by itself begins a run, which can be told to try again; the rest does not.
#[track_caller]
fn refused(lab: &Lab, with: &str, exit: i32, code: &str) {
    let _ = std::fs::remove_dir_all(lab.place.path("state"));
    lab.restore_book(with, "");
    let said = lab.place.run("--no-wait").ends(exit);
    let all = format!("{}{}", said.stdout, said.stderr);
    assert!(all.contains(&format!("{code} ")) && all.contains("hint: "), "{code}: {all}");
}
