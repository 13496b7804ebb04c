//! Which version of a module it is that is about to be applied.

use std::path::Path;
use std::process::Stdio;

use serde::{Deserialize, Serialize};

use crate::provider::process;

/// Where the module's folder stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Commit {
    /// None: the folder is in no git work tree, or git is not there.
    pub commit: Option<String>,
    /// What is not in that commit, as `git status --porcelain` names it.
    pub uncommitted: Vec<String>,
}

/// What Terraform itself leaves in a module's folder.
const LEFT_BY_TERRAFORM: [&str; 3] = ["terraform.tfstate", ".terraform", "errored.tfstate"];

impl Commit {
    pub async fn of(dir: &Path) -> Self {
        let Some(head) = git(dir, &["rev-parse", "HEAD"]).await else { return Self::default() };
        let status = git(dir, &["status", "--porcelain", "--", "."]).await.unwrap_or_default();
        let changed = status.lines().filter(|line| {
            let path = line.get(3..).unwrap_or_default();
            let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
            name == ".terraform.lock.hcl" || !LEFT_BY_TERRAFORM.iter().any(|left| name.starts_with(left))
        });
        Self { commit: Some(head.trim().to_owned()), uncommitted: changed.map(str::to_owned).collect() }
    }

    pub fn words(&self, dir: &str) -> String {
        let Some(commit) = &self.commit else { return format!("module `{dir}`, in no git work tree") };
        let short = &commit[..commit.len().min(12)];
        match self.uncommitted.as_slice() {
            [] => format!("module `{dir}` at commit {short}, nothing uncommitted"),
            changed => {
                let names: Vec<&str> = changed.iter().take(5).map(|line| line.get(3..).unwrap_or(line)).collect();
                let more = if changed.len() > 5 { ", …" } else { "" };
                format!("module `{dir}` at commit {short}, with uncommitted changes: {}{more}", names.join(", "))
            }
        }
    }
}

async fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = tokio::process::Command::new("git")
        .args(arguments)
        .env_clear()
        .envs(process::basics())
        // Looking must not write.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .current_dir(dir)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
