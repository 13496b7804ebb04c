//! `velero.restore` while what it needs is gone: the API server, the server of S3; and under a hold that restarts Velero.

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use rig::Scratch;
use rig::servers::{Cluster, MinIo, Velero};
use serde_json::Value;

use super::lab::Lab;

pub const GONE_FOR: Duration = Duration::from_secs(30);

/// A cluster of its own, since it goes away.
pub struct Lone {
    // In this order they end.
    pub velero: Velero,
    pub cluster: Cluster,
    pub s3: MinIo,
    pub lab: Lab,
    _scratch: Scratch,
}

impl Lone {
    pub fn start() -> Lone {
        let scratch = Scratch::new().unwrap();
        let (cluster, s3) = (Cluster::start(&scratch).unwrap(), MinIo::start(&scratch).unwrap());
        let velero = Velero::start(&scratch, &cluster, &s3).unwrap();
        let lab = Lab::new();
        lab.kubeconfig(&fs::read_to_string(cluster.kubeconfig()).unwrap());
        cluster.said(&["create", "namespace", "edx"]).unwrap();
        cluster.said(&["create", "configmap", "settings", "-n", "edx", "--from-literal=theme=dark"]).unwrap();
        velero.backup("b", "edx", &[]).unwrap();
        let mut lone = Lone { velero, cluster, s3, lab, _scratch: scratch };
        lone.lose();
        lone
    }

    /// As it was before, for another run.
    pub fn lose(&mut self) {
        self.cluster.said(&["delete", "namespace", "edx"]).unwrap();
        self.cluster.said(&["delete", "restores", "--all", "-n", "velero"]).unwrap();
        self.lab = Lab::new();
        self.lab.kubeconfig(&fs::read_to_string(self.cluster.kubeconfig()).unwrap());
    }

    pub fn restores(&self) -> Vec<Value> {
        let all = self.cluster.said(&["get", "restores", "-n", "velero", "-o", "json"]).unwrap();
        serde_json::from_str::<Value>(&all).unwrap()["items"].as_array().unwrap().clone()
    }

    /// What Velero says of its bucket.
    pub fn location(&self) -> String {
        let phase = ["get", "backupstoragelocation", "default", "-n", "velero", "-o", "jsonpath={.status.phase}"];
        self.cluster.said(&phase).unwrap()
    }

    pub fn is_back(&self) {
        let theme = ["get", "configmap", "settings", "-n", "edx", "-o", "jsonpath={.data.theme}"];
        assert_eq!(self.cluster.said(&theme).unwrap(), "dark");
        assert_eq!(self.restores().len(), 1);
    }
}

/// One after the other, in one cluster.
#[test]
fn what_it_needs_may_be_gone_for_half_a_minute() {
    let mut lone = Lone::start();
    the_api_server_is_gone(&mut lone);
    lone.lose();
    the_server_of_s3_is_gone(&mut lone);
    lone.lose();
    a_hold_raises_the_speed_of_velero_and_gives_it_back(&mut lone);
}

/// While the location is closed and the Restore is waited for.
fn the_api_server_is_gone(lone: &mut Lone) {
    lone.velero.kill();
    lone.lab.restore_book("backup: b\nread_only_location: true", "");
    let run = lone.lab.place.start_run("--no-wait");
    lone.lab.until_said("has not taken up restore/regrow-run1-it-1");
    lone.cluster.stop_api();
    lone.lab.until_said("does not answer");
    sleep(GONE_FOR);
    assert!(lone.cluster.start_api().unwrap());
    lone.velero.start_server().unwrap();
    run.end().ends(0);
    assert_eq!(lone.lab.place.step("it")["attempts"], 1);
    lone.is_back();
}

/// Nothing is made while the location cannot be read; then it goes on by itself.
fn the_server_of_s3_is_gone(lone: &mut Lone) {
    lone.s3.stop();
    lone.lab.place.until("Velero misses its bucket", |_| lone.location() == "Unavailable");
    lone.lab.restore_book("backup: b", "retry: { attempts: 60, delay: 2s, backoff: constant }");
    let run = lone.lab.place.start_run("--no-wait");
    lone.lab.place.until("it has looked", |place| place.regrow("status run1").stdout.contains("RG3104"));
    sleep(GONE_FOR);
    assert!(lone.restores().is_empty());
    lone.s3.start_again().unwrap();
    run.end().ends(0);
    lone.is_back();
}

/// Its Deployment says how fast Velero asks; the Velero of the rig is not of that Deployment, so here only its words are seen.
fn a_hold_raises_the_speed_of_velero_and_gives_it_back(lone: &mut Lone) {
    let kept = |lone: &Lone| {
        let path = "jsonpath={.spec.template.spec.containers[0].args}";
        lone.cluster.said(&["get", "deployment", "velero", "-n", "velero", "-o", path]).unwrap()
    };
    let before = r#"["server","--client-qps=20","--client-burst=30"]"#;
    let args = format!(r#"[{{"op":"add","path":"/spec/template/spec/containers/0/args","value":{before}}}]"#);
    lone.cluster.said(&["patch", "deployment", "velero", "-n", "velero", "--type=json", "-p", &args]).unwrap();
    let book = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/examples/faster.yaml");
    lone.velero.kill();
    let kubeconfig = lone.lab.place.path("kube").display().to_string();
    let run = lone
        .lab
        .place
        .start(&format!("run {book} --yes --no-wait --run-id run1 --param backup=b --param kubeconfig={kubeconfig}"));
    lone.lab.until_said("has not taken up restore/regrow-run1-it-1");
    let raised = before.replace(']', r#","--client-qps=1000","--client-burst=1500"]"#);
    assert_eq!(kept(lone), raised);
    run.cut_power();
    lone.velero.start_server().unwrap();
    lone.lab.place.regrow("resume run1 --no-wait").ends(0);
    assert_eq!(kept(lone), before);
    lone.is_back();
}
