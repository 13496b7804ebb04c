//! `read_only_location`: the storage location is closed around the restore and put back, killed wherever, also where the restore fails.

use super::lab::{Lab, killed_at_every_sync};
use super::velero::Site;

/// Its mode, and whether anything of ours is left on it.
fn location(lab: &Lab) -> String {
    let path = r"jsonpath={.spec.accessMode} {.metadata.annotations.regrow\.dev/former-access-mode}{.metadata.annotations.regrow\.dev/operation}";
    lab.shared.cluster.said(&["get", "backupstoragelocation", "default", "-n", "velero", "-o", path]).unwrap()
}

fn set_mode(lab: &Lab, mode: &str) {
    let patch = format!(r#"{{"spec":{{"accessMode":{mode}}}}}"#);
    let patch = ["patch", "backupstoragelocation", "default", "-n", "velero", "--type=merge", "-p", &patch];
    lab.shared.cluster.said(&patch).unwrap();
}

#[test]
fn the_location_is_closed_around_the_restore_and_put_back_over_every_kill() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    // Once not written, as it is made, and once written.
    let before = |k: usize| if k.is_multiple_of(2) { "null" } else { "\"ReadWrite\"" };
    let make = |lab: &Lab, k: usize| {
        lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
        set_mode(lab, before(k));
        let mapping = format!("namespace_mapping: {{ {}: {}-{k} }}", lab.space, lab.space);
        lab.restore_book(&format!("backup: b-{}\nread_only_location: true\n{mapping}", lab.space), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        let mode = if before(k) == "null" { "" } else { "ReadWrite" };
        assert_eq!(location(lab), format!("{mode} "), "killed before sync {k}");
        assert_eq!(lab.restores().len(), 1, "killed before sync {k}");
        let said = lab.place.regrow("logs it --run run1").stdout;
        assert!(said.contains("backupstoragelocation/default is ReadOnly"), "killed before sync {k}: {said}");
    });
    set_mode(&lab, "null");
}

#[test]
fn it_is_put_back_where_the_restore_fails_and_by_whoever_comes_after_one_that_was_given_up() {
    let site = Site::borrow();
    let mut velero = site.velero();
    let lab = site.lab();
    ["a", "b"].iter().for_each(|name| drop(lab.kubectl(&format!("create configmap {name}"))));
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.kubectl("delete configmap a b");
    lab.kubectl("create quota small --hard=count/configmaps=1");
    lab.place.until("the quota counts", |_| lab.object("quota/small")["status"]["used"]["count/configmaps"] == "1");
    lab.restore_book(&format!("backup: b-{}\nread_only_location: true", lab.space), "");
    let plan = lab.place.regrow("plan book.yaml").ends(0).stdout;
    assert!(plan.contains("location default is read-only meanwhile: ReadWrite → ReadOnly → ReadWrite"), "{plan}");
    lab.place.run("--no-wait").ends(1);
    assert_eq!((lab.fault()["code"].as_str(), location(&lab).as_str()), (Some("RG3107"), " "));

    // Given up in the middle: it stays closed, and the next run puts it back as it was before the first.
    lab.kubectl("delete quota small");
    lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
    velero.kill();
    let run = lab.place.start("run book.yaml --yes --no-wait --run-id run2");
    lab.place.until("the Restore is made", |_| lab.restores().len() == 1);
    assert_eq!(location(&lab), "ReadOnly run2.it.1");
    run.cut_power();
    velero.start_server().unwrap();
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run3").ends(0);
    assert_eq!(location(&lab), " ");
    assert_eq!(lab.kubectl("get configmaps -o name").lines().count(), 3);
}

#[test]
fn one_that_was_read_only_stays_so() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.lose();
    set_mode(&lab, "\"ReadOnly\"");
    lab.restore_book(&format!("backup: b-{}\nread_only_location: true", lab.space), "");
    lab.place.run("--no-wait").ends(0);
    assert_eq!(
        (location(&lab), lab.object("configmap/settings")["data"]["theme"].as_str()),
        ("ReadOnly ".to_owned(), Some("dark"))
    );
    set_mode(&lab, "null");
}
