//! Velero on loopback: its server, as it is released, beside a control plane and over a bucket of MinIO.
//!
//! It runs outside of the cluster, so its Deployment there has no replicas; Velero only wants it to be there. Without nodes no
//! volume is backed up: objects, their order, their mapping, quotas, result files and restarts are real.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use super::moto::{KEY, REGION, SECRET};
use super::own::Own;
use super::{Cluster, MinIo, Offer, Running, free_port};
use crate::go;
use crate::leftovers::Entry;
use crate::process::{Identity, descendants, wait_gone};
use crate::scratch::Scratch;

pub const OFFER: Offer = Offer {
    name: "velero",
    about: "Velero, with a Kubernetes control plane without nodes and a bucket in MinIO",
    tools: &[],
    start: |scratch| {
        let (cluster, s3) = (Cluster::start(scratch)?, MinIo::start(scratch)?);
        Ok(Box::new(Whole { _velero: Velero::start(scratch, &cluster, &s3)?, cluster, s3 }))
    },
};

pub const NAMESPACE: &str = "velero";
pub const BUCKET: &str = "velero";
/// The plugin that speaks S3; Velero finds it by its name.
const PLUGIN: &str = "velero-plugin-for-aws";
/// Generous: a machine under load, not a machine that hangs.
const PATIENCE: Duration = Duration::from_secs(120);
const BETWEEN: Duration = Duration::from_millis(100);

/// One server. Dropping it ends it, and leaves the cluster and the bucket as they are.
pub struct Velero {
    own: Option<Own>,
    programs: PathBuf,
    folder: PathBuf,
    kubeconfig: PathBuf,
    entry: Arc<Entry>,
}

impl Velero {
    /// Into a cluster that has none yet. The bucket may hold what another one left there.
    pub fn start(scratch: &Scratch, cluster: &Cluster, s3: &MinIo) -> Result<Velero> {
        let programs = go::tools("velero")?;
        let folder = scratch.folder("velero")?;
        for inner in ["tmp", "plugins"] {
            fs::create_dir(folder.join(inner))?;
        }
        symlink(programs.join(PLUGIN), folder.join("plugins").join(PLUGIN))?;
        let credentials = format!("[default]\naws_access_key_id={KEY}\naws_secret_access_key={SECRET}\n");
        fs::write(folder.join("credentials"), credentials)?;
        s3.make_bucket(BUCKET)?;
        let (kubeconfig, entry) = (cluster.kubeconfig(), scratch.entry());
        let mut velero = Velero { own: None, programs, folder, kubeconfig, entry };
        velero.install(cluster, s3)?;
        velero.start_server()?;
        velero.until("its location is available", |velero| {
            ensure!(velero.process().is_some_and(Identity::is_alive), "Velero has ended:\n{}", velero.log());
            let phase = ["get", "backupstoragelocation", "default", "-n", NAMESPACE, "-o", "jsonpath={.status.phase}"];
            Ok(cluster.said(&phase)? == "Available")
        })?;
        Ok(velero)
    }

    /// Its definitions, where it keeps backups, and the Deployment that it looks for.
    fn install(&self, cluster: &Cluster, s3: &MinIo) -> Result<()> {
        let mut crds = self.command();
        let crds = crds.args(["install", "--crds-only", "--dry-run", "-o", "yaml"]).output()?;
        ensure!(crds.status.success(), "velero install: {}", String::from_utf8_lossy(&crds.stderr));
        fs::write(self.folder.join("crds.yaml"), crds.stdout)?;
        fs::write(self.folder.join("installation.yaml"), installation(&s3.endpoint()))?;
        let apply = |file: &str| {
            let file = self.folder.join(file).display().to_string();
            cluster.said(&["apply", "--server-side", "-f", &file])
        };
        apply("crds.yaml")?;
        cluster.said(&["wait", "--for=condition=Established", "crd", "-l", "component=velero", "--timeout=9s"])?;
        apply("installation.yaml").map(drop)
    }

    /// Starts it over what the cluster and the bucket hold.
    pub fn start_server(&mut self) -> Result<()> {
        for _ in 0..5 {
            let ports = [free_port()?, free_port()?].map(|port| format!("127.0.0.1:{port}"));
            let mut server = self.command();
            server.args(["server", "--namespace", NAMESPACE, "--default-backup-storage-location", "default"]);
            server.args(["--metrics-address", &ports[0], "--profiler-address", &ports[1], "--plugin-dir"]);
            server.arg(self.folder.join("plugins")).args(["--client-qps", "200", "--client-burst", "400"]);
            server.args(["--store-validation-frequency", "5s", "--backup-sync-period", "5s"]);
            server.args(["--item-operation-sync-frequency", "1s", "--terminating-resource-timeout", "30s"]);
            let mut own = Own::spawn(&mut server, self.folder.join("log"), &self.entry)?;
            let deadline = Instant::now() + PATIENCE;
            while !own.is_over()? {
                if own.log().contains("Server starting...") {
                    self.own = Some(own);
                    return Ok(());
                }
                ensure!(Instant::now() < deadline, "Velero does not start:\n{}", own.log());
                thread::sleep(BETWEEN);
            }
            ensure!(own.log().contains("address already in use"), "Velero did not start:\n{}", own.log());
        }
        bail!("found no free ports for Velero in five attempts")
    }

    /// Ends it as a lost machine would, with its plugins.
    pub fn kill(&mut self) {
        self.end(Signal::KILL);
    }

    fn end(&mut self, signal: Signal) {
        let Some(root) = self.process() else { return };
        // Its plugins do not see it die.
        let plugins = descendants(root);
        root.signal(signal);
        self.own = None;
        plugins.iter().for_each(|plugin| plugin.signal(Signal::KILL));
        wait_gone(&plugins, Duration::from_secs(2));
    }

    pub fn process(&self) -> Option<Identity> {
        self.own.as_ref().and_then(Own::process)
    }

    /// With its plugins.
    pub fn processes(&self) -> BTreeSet<Identity> {
        let root = self.process();
        root.into_iter().chain(root.map(descendants).into_iter().flatten()).collect()
    }

    pub fn log(&self) -> String {
        self.own.as_ref().map(Own::log).unwrap_or_default()
    }

    /// What `velero` of the same release prints.
    pub fn said(&self, arguments: &[&str]) -> Result<String> {
        let output = self.command().args(arguments).output().context("cannot run velero")?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        ensure!(output.status.success(), "velero {}: {out}{err}", arguments.join(" "));
        Ok(out)
    }

    /// A backup of a namespace, as it then is; waits until it is there.
    pub fn backup(&self, name: &str, namespace: &str, more: &[&str]) -> Result<()> {
        let create = ["backup", "create", name, "--include-namespaces", namespace, "--wait"];
        let said = self.said(&[&create, more].concat())?;
        ensure!(said.contains("with status: Completed"), "{said}{}", self.log());
        Ok(())
    }

    /// Until it has found a backup in its bucket, which another Velero left there, and has looked through the bucket once more. It does
    /// so once a minute, and when it starts.
    pub fn find(&mut self, cluster: &Cluster, backup: &str) -> Result<()> {
        let said = |what: &str, name: &str, path: &str| {
            let path = format!("jsonpath={{{path}}}");
            cluster.said(&["get", what, name, "-n", NAMESPACE, "--ignore-not-found", "-o", &path])
        };
        for _ in 0..20 {
            self.kill();
            self.start_server()?;
            for _ in 0..30 {
                let found = said("backup", backup, ".metadata.creationTimestamp")?;
                // Both are written the same way, so their order as text is that in time.
                if !found.is_empty() && said("backupstoragelocation", "default", ".status.lastSyncedTime")? > found {
                    return Ok(());
                }
                thread::sleep(BETWEEN);
            }
        }
        bail!("Velero does not find the backup {backup}:\n{}", self.log())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> Result<bool>) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self)? {
            ensure!(Instant::now() < deadline, "waited in vain until {what}:\n{}", self.log());
            thread::sleep(BETWEEN);
        }
        Ok(())
    }

    /// Nothing of our environment leads it astray.
    fn command(&self) -> Command {
        let mut command = Command::new(self.programs.join("velero"));
        command.env_clear().env("HOME", &self.folder).env("LANG", "C.UTF-8").current_dir(&self.folder);
        command.env("TMPDIR", self.folder.join("tmp")).env("VELERO_NAMESPACE", NAMESPACE);
        command.env("AWS_SHARED_CREDENTIALS_FILE", self.folder.join("credentials"));
        // Its plugins are processes of their own, and find the cluster only by this.
        command.env("KUBECONFIG", &self.kubeconfig).args(["--namespace", NAMESPACE]);
        command
    }
}

impl Drop for Velero {
    fn drop(&mut self) {
        self.end(Signal::TERM);
    }
}

fn installation(endpoint: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\n\
         apiVersion: velero.io/v1\nkind: BackupStorageLocation\nmetadata: {{name: default, namespace: {NAMESPACE}}}\n\
         spec:\n  provider: aws\n  default: true\n  objectStorage: {{bucket: {BUCKET}}}\n\
         \x20 config: {{region: {REGION}, s3ForcePathStyle: 'true', s3Url: '{endpoint}'}}\n---\n\
         apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: velero, namespace: {NAMESPACE}}}\n\
         spec:\n  replicas: 0\n  selector: {{matchLabels: {{deploy: velero}}}}\n\
         \x20 template:\n    metadata: {{labels: {{deploy: velero}}}}\n\
         \x20   spec: {{containers: [{{name: velero, image: 'velero/velero:v1.18.3'}}]}}\n"
    )
}

/// For a command: everything that Velero needs, and Velero.
struct Whole {
    // In this order they end: each needs the next.
    _velero: Velero,
    cluster: Cluster,
    s3: MinIo,
}

impl Running for Whole {
    fn env(&self) -> Vec<(String, String)> {
        let own = [("RIG_VELERO_NAMESPACE", NAMESPACE), ("RIG_VELERO_BUCKET", BUCKET)];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        own.chain(self.cluster.env()).chain(self.s3.env()).collect()
    }
}
