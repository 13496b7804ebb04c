//! A Kubernetes control plane on loopback: etcd, the API server and the controller manager, as they are released.
//!
//! There is no kubelet and no scheduler: objects, access rules, defaults, conflicts, garbage collection and the controllers
//! of workloads are real, and pods stay `Pending`. A test that needs a pod to be ready says so itself, by its status; where many
//! have to be, [`Nodes`] does.

pub mod keys;
mod nodes;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::own::Own;
use super::{Offer, Running, free_port};
use crate::go;
use crate::leftovers::Entry;
use crate::process::Identity;
use crate::scratch::Scratch;
use keys::Keys;
pub use nodes::Nodes;

pub const OFFER: Offer = Offer {
    name: "kubernetes",
    about: "a Kubernetes control plane without nodes",
    tools: &[],
    start: |scratch| Ok(Box::new(Cluster::start(scratch)?)),
};

/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(100);

/// One control plane. Dropping it ends it.
pub struct Cluster {
    // In this order they end: each needs the next.
    controllers: Option<Own>,
    api: Option<Own>,
    etcd: Own,
    programs: PathBuf,
    folder: PathBuf,
    keys: Keys,
    port: u16,
    etcd_port: u16,
    entry: Arc<Entry>,
}

impl Cluster {
    pub fn start(scratch: &Scratch) -> Result<Cluster> {
        let programs = go::tools("kubernetes")?;
        for _ in 0..5 {
            if let Some(cluster) = Cluster::try_start(scratch, &programs)? {
                return Ok(cluster);
            }
        }
        bail!("found no free ports for Kubernetes in five attempts")
    }

    /// None if a port was taken meanwhile.
    fn try_start(scratch: &Scratch, programs: &Path) -> Result<Option<Cluster>> {
        let folder = scratch.folder("kubernetes")?;
        let (port, etcd_port, peer) = (free_port()?, free_port()?, free_port()?);
        let keys = Keys::make(&folder, port)?;
        let entry = scratch.entry();
        let (client, peer) = (format!("http://127.0.0.1:{etcd_port}"), format!("http://127.0.0.1:{peer}"));
        let mut etcd = command(&programs.join("server"), &folder);
        etcd.args(["--name", "rig", "--unsafe-no-fsync", "--log-level", "warn", "--data-dir"]).arg(folder.join("etcd"));
        etcd.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        etcd.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        etcd.args(["--initial-cluster", &format!("rig={peer}")]);
        let etcd = Own::spawn(&mut etcd, folder.join("etcd.log"), &entry)?;
        let (programs, controllers, api) = (programs.to_path_buf(), None, None);
        let mut cluster = Cluster { controllers, api, etcd, programs, folder, keys, port, etcd_port, entry };
        if !cluster.start_api()? {
            return Ok(None);
        }
        cluster.start_controllers()?;
        cluster.until("the namespace `default` has its account", |cluster| {
            Ok(cluster.kubectl(&["get", "serviceaccount", "default"])?.status.success())
        })?;
        Ok(Some(cluster))
    }

    /// Starts the API server on its port, over what etcd holds. False if it or etcd could not have its port.
    pub fn start_api(&mut self) -> Result<bool> {
        let mut api = command(&self.programs.join("kube-apiserver"), &self.folder);
        api.arg(format!("--etcd-servers=http://127.0.0.1:{}", self.etcd_port));
        api.arg(format!("--secure-port={}", self.port)).arg(format!("--cert-dir={}", self.folder.display()));
        api.args(["--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none"]);
        api.args(["--service-cluster-ip-range=10.0.0.0/24", "--authorization-mode=RBAC", "--allow-privileged=true"]);
        api.args(["--service-account-issuer=https://kubernetes.default.svc", "--profiling=false"]);
        api.arg("--api-audiences=https://kubernetes.default.svc").args(self.keys.api_arguments());
        self.api = Some(Own::spawn(&mut api, self.folder.join("api.log"), &self.entry)?);
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.kubectl(&["get", "--raw", "/readyz"])?.status.success() {
                return Ok(true);
            }
            let api = self.api.as_mut().context("it was started")?;
            if self.etcd.is_over()? || api.is_over()? {
                let said = format!("{}{}", self.etcd.log(), api.log());
                ensure!(said.contains("address already in use"), "Kubernetes did not start:\n{said}");
                return Ok(false);
            }
            ensure!(Instant::now() < deadline, "the API server is not ready:\n{}", api.log());
            thread::sleep(BETWEEN);
        }
    }

    /// Ends the API server as a lost machine would; what etcd holds stays.
    pub fn stop_api(&mut self) {
        if let Some(process) = self.api.as_ref().and_then(Own::process) {
            process.signal(Signal::KILL);
        }
        self.api = None;
    }

    /// Ends all of it as a lost place would.
    pub fn burn(self) {
        self.all().for_each(|process| process.signal(Signal::KILL));
    }

    fn all(&self) -> impl Iterator<Item = Identity> {
        let all = [self.controllers.as_ref(), self.api.as_ref(), Some(&self.etcd)];
        all.into_iter().flatten().filter_map(Own::process)
    }

    fn start_controllers(&mut self) -> Result<()> {
        let mut controllers = command(&self.programs.join("kube-controller-manager"), &self.folder);
        controllers.arg(format!("--kubeconfig={}", self.kubeconfig().display()));
        controllers.args(["--secure-port=0", "--leader-elect=false", "--use-service-account-credentials=false"]);
        controllers.args(["--kube-api-qps=200", "--kube-api-burst=400", "--min-resync-period=12h"]);
        controllers.args(self.keys.controller_arguments());
        self.controllers = Some(Own::spawn(&mut controllers, self.folder.join("controllers.log"), &self.entry)?);
        Ok(())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self)? {
            ensure!(Instant::now() < deadline, "waited in vain until {what}");
            thread::sleep(BETWEEN);
        }
        Ok(())
    }

    /// Of somebody who may do everything; its context is `rig`.
    pub fn kubeconfig(&self) -> PathBuf {
        self.keys.kubeconfig()
    }

    /// The kubeconfig of somebody else, by token: [`keys::STRANGER`] may do nothing, any other is not known at all.
    pub fn kubeconfig_of(&self, token: &str) -> String {
        self.keys.kubeconfig_of(token, self.port)
    }

    /// What `kubectl` of the same release prints.
    pub fn said(&self, arguments: &[&str]) -> Result<String> {
        let output = self.kubectl(arguments)?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        ensure!(output.status.success(), "kubectl {}: {}", arguments.join(" "), text(&output.stderr));
        Ok(text(&output.stdout))
    }

    fn kubectl(&self, arguments: &[&str]) -> Result<Output> {
        let mut kubectl = command(&self.programs.join("kubectl"), &self.folder);
        kubectl.arg("--kubeconfig").arg(self.kubeconfig()).args(["--request-timeout", "10s"]).args(arguments);
        kubectl.output().context("cannot run kubectl")
    }
}

impl Drop for Cluster {
    /// All are asked to end at once; their own `Drop` then waits for each.
    fn drop(&mut self) {
        self.all().for_each(|process| process.signal(Signal::TERM));
    }
}

impl Running for Cluster {
    fn env(&self) -> Vec<(String, String)> {
        vec![("KUBECONFIG".to_string(), self.kubeconfig().display().to_string())]
    }
}

/// Nothing of our environment leads it astray.
fn command(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("HOME", home).env("LANG", "C.UTF-8").current_dir(home);
    // `kubectl diff` calls diff.
    command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command
}
