//! `kubernetes.scale` killed, cut off and overtaken: the count changes once, and nobody's is overwritten.

use std::sync::Arc;
use std::time::Duration;

use super::lab::{Lab, Shared, killed_at_every_sync};

const DOWN: &str = "object: deployment/lms\nreplicas: 0";

/// Each change of what is wanted counts it up by one.
fn generation(lab: &Lab, name: &str) -> i64 {
    lab.object(&format!("deployment/{name}"))["metadata"]["generation"].as_i64().unwrap()
}

#[test]
fn killed_at_every_sync_it_is_scaled_once() {
    let lab = Lab::new();
    let make = |lab: &Lab, k: usize| {
        lab.deploy(&format!("d{k}"), 1);
        lab.book("scale", &format!("object: deployment/d{k}\nreplicas: 0"), "");
    };
    killed_at_every_sync(&lab, make, |lab, k| {
        assert_eq!(generation(lab, &format!("d{k}")), 2, "killed before sync {k}");
        assert_eq!(lab.place.step("it")["outputs"]["previous"], 1, "killed before sync {k}");
        assert!(lab.pods(&format!("d{k}")).is_empty());
    });
}

#[test]
fn cut_off_while_it_waits_it_goes_on_and_keeps_the_former_count() {
    let lab = Lab::new();
    lab.deploy("lms", 3);
    lab.hold_pods("lms", true);
    lab.book("scale", DOWN, "undo: restore_replicas");
    let run = lab.place.start_run("");
    lab.until_said("still have to go");
    run.cut_power();
    lab.hold_pods("lms", false);
    lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(generation(&lab, "lms"), 2);
    assert_eq!(lab.place.step("it")["outputs"]["previous"], 3, "it is not taken anew");
    lab.undo("run1").ends(0);
    assert_eq!(lab.object("deployment/lms")["spec"]["replicas"], 3);
}

#[test]
fn moved_by_somebody_after_the_crash_it_is_left_alone() {
    let lab = Lab::new();
    lab.deploy("lms", 3);
    lab.hold_pods("lms", true);
    lab.book("scale", DOWN, "");
    let run = lab.place.start_run("");
    lab.until_said("still have to go");
    run.cut_power();
    lab.hold_pods("lms", false);
    // Back at its former count: not a sign that nothing was done.
    lab.kubectl("scale deployment lms --replicas=3");
    lab.place.regrow("resume run1 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3010");
    assert_eq!(lab.object("deployment/lms")["spec"]["replicas"], 3);
}

/// The API server is away in the middle of the wait and comes back. Then the same kubeconfig leads to another cluster.
#[test]
fn a_cluster_that_goes_away_is_waited_for_and_another_one_is_not_touched() {
    let mut lost = Shared::start();
    let lab = Lab::on(Arc::new(Shared::start()));
    let away = "lost-and-found";
    lost.cluster.said(&["create", "namespace", away]).unwrap();
    let deploy = ["create", "deployment", "lms", "--image=none.test/none", "--replicas=2", "-n", away];
    lost.cluster.said(&deploy).unwrap();
    let pods = |cluster: &rig::servers::Cluster| cluster.said(&["get", "pods", "-n", away, "-o", "name"]).unwrap();
    lab.place.until("the pods are there", |_| pods(&lost.cluster).lines().count() == 2);
    let hold = |cluster: &rig::servers::Cluster, list: &str| {
        let patch = format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
        for pod in pods(cluster).lines() {
            cluster.said(&["patch", "-n", away, pod, "--type=merge", "-p", &patch]).unwrap();
        }
    };
    hold(&lost.cluster, r#"["regrow.test/hold"]"#);
    lab.kubeconfig(&std::fs::read_to_string(lost.cluster.kubeconfig()).unwrap());
    lab.book("scale", DOWN, "undo: restore_replicas");
    lab.place.write("book.yaml", &lab.place.read("book.yaml").replace(&lab.space, away));
    let run = lab.place.start_run("--no-wait");
    lab.until_said("still have to go");
    lost.cluster.stop_api();
    lab.until_said("does not answer");
    std::thread::sleep(Duration::from_secs(5));
    assert!(lost.cluster.start_api().unwrap());
    hold(&lost.cluster, "null");
    run.end().ends(0);
    assert_eq!(lab.place.step("it")["attempts"], 1);

    // The other one has the same namespace and name, and is what the kubeconfig means from now on.
    lab.shared.cluster.said(&["create", "namespace", away]).unwrap();
    lab.shared.cluster.said(&deploy).unwrap();
    lab.kubeconfig(&std::fs::read_to_string(lab.shared.cluster.kubeconfig()).unwrap());
    lab.undo("run1").ends(1);
    let other =
        || lab.shared.cluster.said(&["get", "deployment", "lms", "-n", away, "-o", "jsonpath={.spec.replicas}"]);
    assert_eq!(other().unwrap(), "2");
    let shown = lab.place.regrow("show it --run run1").stdout;
    assert!(shown.contains("RG3007"), "{shown}");

    // Approved for the one and led to the other, which is what nobody agreed to: asked again.
    let lost_config = std::fs::read_to_string(lost.cluster.kubeconfig()).unwrap();
    let other_config = lab.place.read("kube");
    lab.kubeconfig(&lost_config);
    lost.cluster.said(&["scale", "deployment", "lms", "--replicas=2", "-n", away]).unwrap();
    lab.book("scale", DOWN, "approval: {}");
    lab.place.write("book.yaml", &lab.place.read("book.yaml").replace(&lab.space, away));
    lab.place.regrow("run book.yaml --yes --no-wait --run-id run2").ends(3);
    lab.kubeconfig(&other_config);
    lab.approve("run2");
    lab.place.regrow("resume run2 --no-wait").ends(3);
    assert_eq!(other().unwrap(), "2");

    // Cut off in the one, resumed in the other: stopped before the first write.
    lab.kubeconfig(&lost_config);
    lab.place.until("the pods are there", |_| pods(&lost.cluster).lines().count() == 2);
    hold(&lost.cluster, r#"["regrow.test/hold"]"#);
    lab.book("scale", DOWN, "");
    lab.place.write("book.yaml", &lab.place.read("book.yaml").replace(&lab.space, away));
    let run = lab.place.start("run book.yaml --yes --no-wait --run-id run3");
    lab.place.until("it waits", |place| place.regrow("logs it --run run3").stdout.contains("still have to go"));
    run.cut_power();
    lab.kubeconfig(&other_config);
    // It cannot be looked for there, and who says that it did not happen does not make it happen there.
    let said = lab.place.regrow("resume run3 --no-wait").ends(4).stderr;
    assert!(said.contains("RG3007"), "{said}");
    lab.place.argv(&["retry", "it", "--run", "run3", "--because", "test"]).ends(0);
    lab.place.regrow("resume run3 --no-wait").ends(1);
    assert_eq!(lab.fault()["code"], "RG3007", "{:#}", lab.fault());
    assert_eq!(other().unwrap(), "2");
    // In the right one it is found as its own and only waited for.
    lab.kubeconfig(&lost_config);
    hold(&lost.cluster, "null");
    lab.place.argv(&["retry", "it", "--run", "run3"]).ends(0);
    lab.place.regrow("resume run3 --no-wait").ends(0);
    assert_eq!(lab.place.step("it")["outputs"]["previous"], 2);
}
