//! `regrow ready` and `backups.inventory` on backups of a real Velero.

use serde_json::{Value, json};

use super::lab::Lab;
use super::velero::Site;

fn ready(lab: &Lab, exit: i32) -> Value {
    let said = lab.place.regrow("ready book.yaml --json").ends(exit);
    serde_json::from_str(&said.stdout).unwrap()
}

fn codes(found: &Value) -> Vec<String> {
    let all = found["runbooks"][0]["findings"].as_array().unwrap_or_else(|| panic!("{found:#}"));
    all.iter().map(|it| it["fault"]["code"].as_str().unwrap().to_owned()).filter(|code| code != "RG8015").collect()
}

/// A runbook that restores the newest of the schedule, and one that only tells of it.
fn books(lab: &Lab, limits: &str) {
    let space = &lab.space;
    lab.place.write(
        "book.yaml",
        &format!(
            "version: 1\nname: book\nseverity: partial\nobjectives: {{ rpo: 1d }}\nparams: {{ as_of: {{ type: timestamp }} }}\nsteps:\n  \
             - id: it\n    needs: []\n    uses: velero.restore\n    with: {{ kubeconfig: kube, backup: {{ schedule: {space}, as_of: \
             '{{{{ params.as_of }}}}' }} }}\n  - id: told\n    uses: backups.inventory\n    with: {{ stores: {{ cluster: {{ kind: velero, \
             kubeconfig: kube, schedule: {space}{limits} }} }} }}\n"
        ),
    );
}

#[test]
fn the_newest_whole_backup_of_a_schedule_is_judged_by_age_and_items() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    let schedule = format!("velero.io/schedule-name={}", lab.space);
    let backup =
        |name: &str| velero.backup(&format!("{name}-{}", lab.space), &lab.space, &["--labels", &schedule]).unwrap();
    for number in 0..40 {
        lab.kubectl(&format!("create configmap c{number} --from-literal=a=b"));
    }
    backup("a");
    books(&lab, "");
    let found = ready(&lab, 8);
    assert_eq!(codes(&found), Vec::<String>::new(), "{found:#}");
    let stores = &found["runbooks"][0]["stores"];
    assert_eq!(stores["it"]["newest"], format!("a-{}", lab.space), "{found:#}");
    assert_eq!(stores["it"]["at"], stores["cluster"]["at"], "{found:#}");
    assert!(stores["it"]["items"].as_u64().unwrap() > 40, "{found:#}");
    assert!(lab.restores().is_empty(), "nothing is made");

    // The next one holds a few of them; it is older than it may be, too.
    lab.kubectl("delete configmaps --all");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    backup("b");
    std::thread::sleep(std::time::Duration::from_millis(1100));
    books(&lab, ", max_age: 1s");
    let found = ready(&lab, 9);
    assert_eq!(codes(&found), ["RG3205", "RG3201", "RG3205"], "{found:#}");
    assert_eq!(found["runbooks"][0]["stores"]["cluster"]["before"]["name"], format!("a-{}", lab.space), "{found:#}");

    // One that failed later is named, and not taken.
    let failed = format!(
        "apiVersion: velero.io/v1\nkind: Backup\nmetadata: {{name: c-{0}, namespace: velero, labels: {{velero.io/schedule-name: {0}}}}}\n\
         spec: {{storageLocation: default}}\nstatus: {{phase: Failed}}\n",
        lab.space
    );
    lab.place.write("failed.yaml", &failed);
    let file = lab.place.path("failed.yaml").display().to_string();
    lab.shared.cluster.said(&["apply", "--server-side", "-f", &file]).unwrap();
    books(&lab, ", smallest: 0");
    let found = ready(&lab, 8);
    assert_eq!(codes(&found), ["RG3206", "RG3205", "RG3206"], "{found:#}");
    assert_eq!(found["runbooks"][0]["stores"]["it"]["newest"], format!("b-{}", lab.space), "{found:#}");
    lab.shared.cluster.said(&["delete", "-f", &file]).unwrap();

    // None of that schedule, and a cluster that is not there.
    lab.place.write(
        "book.yaml",
        &lab.place.read("book.yaml").replace(&format!("schedule: {}", lab.space), "schedule: none"),
    );
    assert_eq!(codes(&ready(&lab, 9)), ["RG3102", "RG3102"]);
    lab.kubeconfig(&lab.place.read("kube").replace("https://127.0.0.1:", "https://127.0.0.9:"));
    let found = ready(&lab, 9);
    assert_eq!(codes(&found), ["RG3001", "RG3001"], "{found:#}");
    assert!(lab.restores().is_empty());
}

/// The runbook that comes with the program.
#[test]
fn a_partial_loss_of_namespaces_can_be_asked_every_night() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    let labels = format!("velero.io/schedule-name={}", lab.space);
    velero.backup(&format!("p-{}", lab.space), &lab.space, &["--labels", &labels]).unwrap();
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/partial.yaml");
    let kubeconfig = lab.place.path("kube").display().to_string();
    let params =
        [("lost", "cluster"), ("schedule", &lab.space), ("kubeconfig", &kubeconfig), ("namespaces", &lab.space)];
    let params = params.map(|(name, value)| format!(" --param {name}={value}")).concat();
    let said = lab.place.regrow(&format!("ready {book} --json{params}")).ends(8);
    let found: Value = serde_json::from_str(&said.stdout).unwrap();
    assert_eq!(codes(&found), Vec::<String>::new(), "{found:#}");
    assert_eq!(found["runbooks"][0]["stores"]["cluster"]["fitness"], json!("fit"), "{found:#}");
}
