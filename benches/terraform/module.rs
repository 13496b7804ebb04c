//! A module, applied by hand and by regrow.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rig::servers::Moto;
use rig::servers::moto::{KEY, REGION};

use crate::peers;
use crate::support::seconds;

pub enum State<'a> {
    File,
    Bucket(&'a Moto),
}

pub struct Module<'a> {
    pub things: usize,
    /// Seconds that each takes, ten of them at once.
    pub pause: usize,
    pub state: State<'a>,
}

/// Nobody looks at it.
const SECRET: &str = "not-looked-at";

const BOOK: &str = "version: 1\nname: bench\nseverity: partial\n";

impl Module<'_> {
    /// Of its folders and buckets.
    pub fn name(&self) -> String {
        let place = if matches!(self.state, State::File) { "file" } else { "bucket" };
        format!("{place}-{}-{}", self.things, self.pause)
    }

    /// The module, a runbook that applies it, and nothing applied.
    pub fn make(&self, folder: &Path) -> Result<()> {
        let dir = folder.join("infra");
        fs::create_dir_all(&dir)?;
        let name = folder.file_name().context("a folder without a name")?.to_string_lossy().into_owned();
        let (block, more) = match self.state {
            State::File => (String::new(), String::new()),
            State::Bucket(server) => {
                let made = server.ask("PUT", &format!("/{name}"), "")?;
                ensure!(made.0 == 200, "no bucket `{name}`: {}", made.1);
                let block = format!(
                    "terraform {{\n  backend \"s3\" {{\n    bucket = \"{name}\"\n    key = \"tfstate\"\n    use_lockfile = true\n    \
                     use_path_style = true\n    skip_credentials_validation = true\n    skip_requesting_account_id = true\n    \
                     skip_metadata_api_check = true\n  }}\n}}\n"
                );
                let env = format!(
                    ", env: {{ AWS_ENDPOINT_URL_S3: {}, AWS_REGION: {REGION}, AWS_ACCESS_KEY_ID: {KEY}, \
                     AWS_SECRET_ACCESS_KEY: \"{{{{ secrets.s3 }}}}\" }}",
                    server.endpoint()
                );
                (block, env)
            }
        };
        let resource = format!(
            "resource \"terraform_data\" \"thing\" {{\n  count = {}\n  provisioner \"local-exec\" {{\n    command = \"sleep {}\"\n  }}\n}}\n\
             output \"count\" {{\n  value = length(terraform_data.thing)\n}}\n",
            self.things, self.pause
        );
        fs::write(dir.join("main.tf"), block + &resource)?;
        fs::write(folder.join("s3-key"), SECRET)?;
        fs::write(folder.join("cli.tfrc"), "disable_checkpoint = true\n")?;
        let secrets = if more.is_empty() { "" } else { "secrets: { s3: { from: file, path: s3-key } }\n" };
        let step =
            format!("steps:\n  - {{ id: platform, uses: terraform.apply, needs: [], with: {{ dir: infra{more} }} }}\n");
        fs::write(folder.join("book.yaml"), format!("{BOOK}{secrets}{step}"))?;
        let git = |arguments: &[&str]| {
            seconds(
                Command::new("git")
                    .args(["-c", "user.name=bench", "-c", "user.email=bench@example.org"])
                    .args(arguments)
                    .current_dir(&dir),
            )
        };
        git(&["init", "--quiet"])?;
        git(&["add", "main.tf"])?;
        git(&["commit", "--quiet", "-m", "bench"])?;
        Ok(())
    }

    /// Seconds of the five commands, one after the other.
    pub fn by_hand(&self, folder: &Path) -> Result<f64> {
        let commands: [&[&str]; 5] = [
            &["init", "-input=false"],
            &["plan", "-input=false", "-out=plan"],
            &["show", "-json", "plan"],
            &["apply", "-input=false", "plan"],
            &["output", "-json"],
        ];
        let mut took = 0.0;
        for arguments in commands {
            let mut command = Command::new("terraform");
            command.args(arguments).current_dir(folder.join("infra"));
            command.envs([("CHECKPOINT_DISABLE", "1"), ("TF_IN_AUTOMATION", "1")]);
            command.env("TF_CLI_CONFIG_FILE", folder.join("cli.tfrc"));
            if let State::Bucket(server) = self.state {
                command.env("AWS_ENDPOINT_URL_S3", server.endpoint());
                command.envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)]);
            }
            took += seconds(&mut command)?;
        }
        Ok(took)
    }

    pub fn by_regrow(&self, folder: &Path, regrow: &Path) -> Result<f64> {
        let mut command = peers::run(regrow, &folder.join("state"), &folder.join("book.yaml"));
        seconds(&mut command)
    }
}
