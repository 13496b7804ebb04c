//! The infrastructure of the demo: a Terraform module that needs no provider but the built-in one. Each node is a file that
//! says when it was made, so what was left alone can be told from what was made again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::scratch::Scratch;
use crate::servers::Postgres;
use crate::servers::account::finish;
use crate::tools;

pub const NODES: [&str; 4] = ["web-a", "web-b", "worker-a", "worker-b"];

/// The module, and what it makes.
pub struct Estate {
    pub module: PathBuf,
    place: PathBuf,
    /// Of Terraform when a person calls it; the module's folder stays as it came out of version control.
    data: PathBuf,
    terraform: PathBuf,
}

/// One node: its id in Terraform's state, and what stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    pub id: String,
    pub made: String,
}

impl Estate {
    /// Writes the module down; nothing is made yet.
    pub fn draw(scratch: &Scratch) -> Result<Estate> {
        let terraform = tools::terraform()?;
        let (module, place) = (scratch.folder("infrastructure")?, scratch.folder("nodes")?);
        let data = scratch.folder("terraform")?;
        fs::write(data.join("cli.tfrc"), "disable_checkpoint = true\n")?;
        fs::write(module.join("main.tf"), include_str!("estate.tf")).context("cannot write the module")?;
        let values = json!({"nodes": NODES, "place": place});
        fs::write(module.join("terraform.tfvars.json"), values.to_string())?;
        Ok(Estate { module, place, data, terraform })
    }

    /// The module shall make these databases, too, on a server that is new.
    pub fn place_databases(&self, databases: &[&str], server: &Postgres) -> Result<()> {
        let psql = server.bin_dir().join("psql");
        let values = json!({"databases": databases, "server": server.superuser_url(), "psql": psql});
        fs::write(self.module.join("databases.auto.tfvars.json"), values.to_string()).context("cannot write values")
    }

    /// As the team did on a calm day.
    pub fn build(&self) -> Result<()> {
        self.call(&["init", "-input=false"])?;
        self.call(&["apply", "-input=false", "-auto-approve"]).map(drop)
    }

    /// Everything of availability zone b goes. Returns the names.
    pub fn lose_zone_b(&self) -> Result<Vec<&'static str>> {
        let lost: Vec<_> = NODES.into_iter().filter(|name| name.ends_with("-b")).collect();
        let targets: Vec<String> = lost.iter().map(|name| format!("-target=terraform_data.node[\"{name}\"]")).collect();
        let mut arguments = vec!["destroy", "-input=false", "-auto-approve"];
        arguments.extend(targets.iter().map(String::as_str));
        self.call(&arguments)?;
        Ok(lost)
    }

    /// Everything goes, and Terraform's state with it.
    pub fn burn(&self) -> Result<()> {
        fs::remove_dir_all(&self.place)?;
        fs::create_dir(&self.place)?;
        fs::remove_file(self.module.join("terraform.tfstate")).context("there was no state")
    }

    /// Every node that is in the state and there.
    pub fn read(&self) -> Result<BTreeMap<String, Node>> {
        let state: Value = serde_json::from_str(&self.call(&["state", "pull"])?).context("no state as JSON")?;
        let mut nodes = BTreeMap::new();
        for resource in state["resources"].as_array().into_iter().flatten().filter(|it| it["name"] == "node") {
            for instance in resource["instances"].as_array().into_iter().flatten() {
                let (Some(name), Some(id)) = (instance["index_key"].as_str(), instance["attributes"]["id"].as_str())
                else {
                    continue;
                };
                if let Ok(made) = fs::read_to_string(self.place.join(name)) {
                    nodes.insert(name.to_string(), Node { id: id.to_string(), made });
                }
            }
        }
        Ok(nodes)
    }

    /// Whether a plan by hand finds nothing left to do.
    pub fn is_whole(&self) -> Result<bool> {
        self.call(&["init", "-input=false"])?;
        let status = self.command(&["plan", "-input=false", "-detailed-exitcode"]).stdout(Stdio::null()).status();
        let code = status.context("cannot run terraform")?.code();
        ensure!(matches!(code, Some(0 | 2)), "terraform plan ended with {code:?}");
        Ok(code == Some(0))
    }

    fn call(&self, arguments: &[&str]) -> Result<String> {
        finish(&mut self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.terraform);
        command.args(arguments).current_dir(&self.module).stdin(Stdio::null()).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path))).env("HOME", &self.data);
        let ours: [(&str, &Path); 2] =
            [("TF_DATA_DIR", &self.data.join("data")), ("TF_CLI_CONFIG_FILE", &self.data.join("cli.tfrc"))];
        command.envs(ours).envs([("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1")]);
        command
    }
}
