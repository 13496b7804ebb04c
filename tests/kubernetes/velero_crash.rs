//! `velero.restore` killed, Velero killed under it, and overtaken: one `Restore`, and none that is somebody else's.

use super::lab::{Lab, killed_at_every_sync};
use super::velero::Site;

#[test]
fn killed_at_every_sync_one_restore_is_made() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    let target = |k: usize| format!("{}-{k}", lab.space);
    let make = |lab: &Lab, k: usize| {
        // The run has the same name each time, so its operation has, too.
        lab.shared.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
        let mapping = format!("namespace_mapping: {{ {}: {} }}", lab.space, target(k));
        lab.restore_book(&format!("backup: b-{}\n{mapping}", lab.space), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        assert_eq!(lab.restores().len(), 1, "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["phase"], "Completed", "killed before sync {k}");
        lab.shared.cluster.said(&["get", "configmap", "settings", "-n", &target(k)]).unwrap();
    });
}

/// While Velero is down nothing happens; the executor is cut off meanwhile, and the one that goes on finds its own.
#[test]
fn cut_off_while_it_waits_it_is_found_again() {
    let site = Site::borrow();
    let mut velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.lose();
    velero.kill();
    lab.restore_book(&format!("backup: b-{}", lab.space), "");
    let run = lab.place.start_run("");
    lab.until_said("has not taken up restore/regrow-run1-it-1");
    run.cut_power();
    let made = lab.restores();
    velero.start_server().unwrap();
    lab.place.regrow("resume run1 --no-wait").ends(0);
    let now = lab.restores();
    assert_eq!((now.len(), &now[0]["metadata"]["uid"]), (1, &made[0]["metadata"]["uid"]));
    assert_eq!(lab.object("configmap/settings")["data"]["theme"], "dark");
}

/// Velero gives up what it was doing when it is started again.
#[test]
fn killed_with_its_velero_it_says_how_far_it_came_and_is_done_again_under_another_name() {
    let site = Site::borrow();
    let mut velero = site.velero();
    let lab = site.lab();
    let many: String = (0..600)
        .map(|at| {
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: c{at}, namespace: {}}}\n---\n", lab.space)
        })
        .collect();
    lab.place.write("many.yaml", &many);
    let file = lab.place.path("many.yaml").display().to_string();
    lab.kubectl(&format!("create -f {file}"));
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.lose();
    lab.restore_book(&format!("backup: b-{}", lab.space), "");
    let run = lab.place.start_run("--no-wait");
    lab.place.until("some are back", |_| {
        lab.restores().first().is_some_and(|restore| restore["status"]["progress"]["itemsRestored"].as_u64() > Some(0))
    });
    velero.kill();
    velero.start_server().unwrap();
    run.end().ends(1);
    let fault = lab.fault();
    assert_eq!(fault["code"], "RG3106", "{fault:#}");
    assert!(fault["message"].as_str().unwrap().contains(" of 60"), "{fault:#}");
    let offered = lab.place.regrow("status run1").stdout;
    assert!(offered.contains(" rerun it --because TEXT") && !offered.contains(" retry it"), "{offered}");
    // Another attempt of the same operation finds the same Restore.
    lab.place.argv(&["retry", "it", "--run", "run1"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!((&lab.fault()["code"], lab.restores().len()), (&"RG3106".into(), 1));
    lab.place.argv(&["rerun", "it", "--run", "run1", "--because", "test"]).ends(0);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(lab.restores().len(), 2);
    assert_eq!(lab.kubectl("get configmaps -o name").lines().count(), 601);
}

#[test]
fn a_restore_of_that_name_that_is_not_its_own_stops_it() {
    let site = Site::borrow();
    let velero = site.velero();
    let lab = site.lab();
    lab.kubectl("create configmap settings --from-literal=theme=dark");
    velero.backup(&format!("b-{}", lab.space), &lab.space, &[]).unwrap();
    lab.restore_book(&format!("backup: b-{}", lab.space), "");
    lab.place.run("--no-wait").ends(0);
    let name = lab.restores()[0]["metadata"]["name"].as_str().unwrap().to_owned();
    lab.shared.cluster.said(&["annotate", "restore", &name, "-n", "velero", "regrow.dev/operation-"]).unwrap();
    std::fs::remove_dir_all(lab.place.path("state")).unwrap();
    let said = lab.place.run("--no-wait").ends(2).stderr;
    assert!(said.contains("RG3108"), "{said}");
    assert_eq!(lab.restores().len(), 1);
}
