//! Stands in for the nodes of a control plane: says of every pod that waits what a kubelet would, that it runs and is ready.
//!
//! Nothing runs. No pod is bound to a node, so the API server takes a pod away as soon as it is deleted.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::{Cluster, command};

const BETWEEN: Duration = Duration::from_millis(250);
const STATUS: &str = r#"{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;

/// Until it is dropped.
pub struct Nodes {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Nodes {
    pub fn start(cluster: &Cluster) -> Nodes {
        let ends = Arc::new(AtomicBool::new(false));
        let kubectl = Kubectl {
            program: cluster.programs.join("kubectl"),
            folder: cluster.folder.clone(),
            kubeconfig: cluster.kubeconfig(),
        };
        let seen = Arc::clone(&ends);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                kubectl.look();
                thread::sleep(BETWEEN);
            }
        });
        Nodes { ends, thread: Some(thread) }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Kubectl {
    program: PathBuf,
    folder: PathBuf,
    kubeconfig: PathBuf,
}

impl Kubectl {
    /// What goes wrong is looked at again: a pod may be gone, and the cluster away.
    fn look(&self) {
        let form = "jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{'\\n'}{end}";
        let list = ["get", "pods", "-A", "--field-selector=status.phase=Pending", "-o", form];
        let Ok(said) = self.command().args(list).output() else { return };
        for pod in String::from_utf8_lossy(&said.stdout).lines() {
            if let Some((space, name)) = pod.split_once(' ') {
                let patch = ["patch", "pod", name, "-n", space, "--subresource=status", "--type=merge", "-p", STATUS];
                let _ = self.command().args(patch).output();
            }
        }
    }

    fn command(&self) -> Command {
        let mut kubectl = command(&self.program, &self.folder);
        kubectl.arg("--kubeconfig").arg(&self.kubeconfig).args(["--request-timeout", "10s"]);
        kubectl
    }
}
