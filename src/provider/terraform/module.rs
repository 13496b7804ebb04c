//! One folder of configuration and how Terraform is called on it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::params::{Reach, Vars};
use super::said::{self, Problem};
use super::stream::{self, Ended, Line};
use crate::journal::disk::private;
use crate::kind::{Op, ReadCx};
use crate::model::{Fault, OpId};
use crate::provider::clock::boot;
use crate::provider::process;

/// Which of the two programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Binary {
    #[default]
    Terraform,
    Tofu,
}

impl Binary {
    pub fn word(self) -> &'static str {
        match self {
            Binary::Terraform => "terraform",
            Binary::Tofu => "tofu",
        }
    }
}

pub struct Module {
    pub binary: Binary,
    pub dir: PathBuf,
    /// Ours: the data folder, the CLI configuration, a lock.
    room: PathBuf,
    backend_config: Vec<String>,
    env: Vec<(String, String)>,
}

/// Where providers lie beside a runbook that does not say it.
const MIRROR: &str = "terraform-mirror";

impl Module {
    /// `vars`: values of its variables, where something is planned.
    pub fn open<P, Q>(cx: &ReadCx, op: &Op<P, Q>, reach: &Reach, vars: Option<&Vars>) -> Result<Self, Fault> {
        let dir = std::path::absolute(cx.path(&reach.dir)).map_err(broken)?;
        let has_files = |name: &fs::DirEntry| {
            let name = name.file_name();
            [".tf", ".tf.json", ".tofu"].iter().any(|end| name.to_string_lossy().ends_with(end))
        };
        if !fs::read_dir(&dir).is_ok_and(|entries| entries.flatten().any(|entry| has_files(&entry))) {
            return Err(Fault::new("RG2702", format!("`{}` is no folder with configuration (*.tf)", dir.display()))
                .hint("`dir` starts at the folder of the runbook"));
        }
        let identity = json!([dir, reach.binary, reach.backend_config]).to_string();
        let hash: String = Sha256::digest(identity.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        let room = std::path::absolute(cx.work.join(format!("terraform-{hash}"))).map_err(broken)?;
        folder(&room)?;
        let mirror = reach.mirror.as_ref().map(|mirror| cx.path(mirror)).or_else(|| {
            let beside = cx.path(MIRROR);
            beside.is_dir().then_some(beside)
        });
        let settings = configuration(&room, mirror.as_deref())?;
        let mut own: Vec<(String, String)> =
            reach.env.iter().map(|(name, value)| (name.clone(), value.expose().to_string())).collect();
        own.extend(vars.into_iter().flat_map(Vars::environment));
        let ours = [("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0"), ("CHECKPOINT_DISABLE", "1")];
        own.extend(ours.map(|(name, value)| (name.to_owned(), value.to_owned())));
        own.push(("TF_DATA_DIR".into(), room.join("data").display().to_string()));
        own.push(("TF_CLI_CONFIG_FILE".into(), settings.display().to_string()));
        own.extend(reach.workspace.iter().map(|name| ("TF_WORKSPACE".to_owned(), name.clone())));
        let backend_config = reach.backend_config.iter().map(|(key, value)| format!("-backend-config={key}={value}"));
        Ok(Self {
            binary: reach.binary,
            dir,
            room,
            backend_config: backend_config.collect(),
            env: process::environment(cx, op, own),
        })
    }

    /// Makes the data folder. `anew` also where it is there already: the configuration may have changed since.
    pub async fn init(&self, anew: bool) -> Result<(), Fault> {
        let done = self.room.join("initialised");
        let lock = private().create(true).truncate(false).write(true).open(self.room.join("lock")).map_err(broken)?;
        let held = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock)).await;
        let _held = held.map_err(|error| broken(io::Error::other(error)))?.map_err(broken)?;
        // Of this boot: Terraform does not sync what it writes there.
        if fs::read_to_string(&done).is_ok_and(|of| of == boot()) {
            if !anew {
                return Ok(());
            }
            fs::remove_file(&done).map_err(broken)?;
        } else if self.data().exists() {
            // It was cut off in the middle, and would not read its own torn files.
            fs::remove_dir_all(self.data()).map_err(broken)?;
        }
        let mut arguments = vec!["init", "-input=false", "-json", "-lockfile=readonly", "-reconfigure"];
        arguments.extend(self.backend_config.iter().map(String::as_str));
        let said = self.ask(&arguments).await?;
        if !said.ok {
            let hint = "on the bad day nothing should be fetched: keep `.terraform.lock.hcl` with the module and the \
                        providers in a mirror beside the runbook (`terraform providers mirror terraform-mirror`)";
            return Err(said.fault("RG2704", format!("{} cannot be initialised", self.binary.word())).hint(hint));
        }
        fs::write(done, boot()).map_err(broken)
    }

    /// A short call, read to its end. It is ended if nobody waits for it any more.
    pub async fn ask(&self, arguments: &[&str]) -> Result<said::Said, Fault> {
        self.ask_with(arguments, None).await
    }

    pub async fn ask_with(&self, arguments: &[&str], stdin: Option<&Path>) -> Result<said::Said, Fault> {
        let stdin = match stdin {
            Some(path) => File::open(path).map_err(broken)?.into(),
            None => Stdio::null(),
        };
        let output = self.command(arguments).stdin(stdin).kill_on_drop(true).output().await;
        let output = output.map_err(|error| self.missing(&error))?;
        Ok(said::Said {
            ok: output.status.success(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// A long call that prints into `file` and goes on whatever becomes of us. `heed` gets every line, and is asked often.
    pub async fn follow(
        &self,
        arguments: &[&str],
        file: &Path,
        began: impl FnOnce(u32),
        heed: impl FnMut(Option<Line>),
    ) -> Result<Ended, Fault> {
        let out = private().create(true).append(true).open(file).map_err(broken)?;
        let from = out.metadata().map_err(broken)?.len();
        let both = out.try_clone().map_err(broken)?;
        let mut command = self.command(arguments);
        // A group of its own: a signal that is meant for us reaches it once and from us, never as one of its group.
        command.stdin(Stdio::null()).stdout(out).stderr(both).process_group(0);
        let child = command.spawn().map_err(|error| self.missing(&error))?;
        began(child.id().unwrap_or_default());
        stream::follow(child, file, from, heed).await.map_err(broken)
    }

    /// Processes of an operation that Terraform left running: itself, providers, commands that it started. Another run may
    /// have been given the same id elsewhere on this machine; its data folder is another one.
    pub fn survivors(&self, op: &OpId) -> Vec<u32> {
        let mark = format!("TF_DATA_DIR={}", self.data().display());
        let carries = |pid: &u32| {
            let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes())
        };
        process::survivors(op).into_iter().filter(carries).collect()
    }

    pub fn data(&self) -> PathBuf {
        self.room.join("data")
    }

    fn command(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.binary.word());
        command.args(arguments).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.dir);
        command
    }

    fn missing(&self, error: &io::Error) -> Fault {
        let word = self.binary.word();
        Fault::new("RG2701", format!("`{word}` cannot be started"))
            .caused_by(error)
            .hint(format!("install `{word}` where PATH finds it, or say `binary:`"))
    }

    /// What a failed call said, as the faults it may mean.
    pub fn problem(&self, lines: &[Line], what: &str) -> Problem {
        said::problem(lines, &format!("{} {what}", self.binary.word()))
    }
}

/// No registry is asked where the providers lie in a mirror, and nobody is told that a newer version is there.
fn configuration(room: &Path, mirror: Option<&Path>) -> Result<PathBuf, Fault> {
    let mut text = "disable_checkpoint = true\n".to_owned();
    if let Some(mirror) = mirror {
        let mirror = fs::canonicalize(mirror).map_err(|error| {
            Fault::new("RG2702", format!("the mirror `{}` cannot be read", mirror.display())).caused_by(&error)
        })?;
        text += &format!("provider_installation {{\n  filesystem_mirror {{\n    path = {}\n  }}\n}}\n", json!(mirror));
    }
    let path = room.join("cli.tfrc");
    if fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(path);
    }
    let mut file = private().create(true).truncate(true).write(true).open(&path).map_err(broken)?;
    file.write_all(text.as_bytes()).map_err(broken)?;
    Ok(path)
}

pub fn folder(path: &Path) -> Result<(), Fault> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(broken)
}

pub fn broken(error: io::Error) -> Fault {
    Fault::new("RG2715", "a file in the run's folder cannot be read or written").caused_by(&error)
}
