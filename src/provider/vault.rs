//! Where secrets come from: read anew by every executor, kept in memory only.

use std::path::Path;
use std::process::{Command, Stdio};

use indexmap::IndexMap;

use crate::model::Fault;
use crate::model::secret::Secret;
use crate::provider::mask::SHORTEST;
use crate::runbook::ast::SecretSpec;
use crate::runbook::template::Secrets;

/// Reads every secret of a runbook; all that are missing are named at once.
pub fn open(specs: &IndexMap<String, SecretSpec>, base: &Path) -> Result<Secrets, Vec<Fault>> {
    let mut secrets = Secrets::new();
    let mut faults = Vec::new();
    for (name, spec) in specs {
        match read(name, spec, base).and_then(|text| long_enough(name, text)) {
            Ok(secret) => {
                secrets.insert(name.clone(), secret);
            }
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() { Ok(secrets) } else { Err(faults) }
}

fn long_enough(name: &str, text: String) -> Result<Secret, Fault> {
    if text.len() < SHORTEST {
        let why = format!("secret `{name}` is shorter than {SHORTEST} characters");
        return Err(Fault::new("RG2022", why).hint("so short a secret cannot be kept out of logs"));
    }
    Ok(Secret::new(text))
}

fn read(name: &str, spec: &SecretSpec, base: &Path) -> Result<String, Fault> {
    let missing = |why: String| Fault::new("RG2021", format!("secret `{name}` cannot be read: {why}"));
    match spec {
        SecretSpec::Env { key } => std::env::var(key).map_err(|_| {
            missing(format!("the environment variable `{key}` is not set"))
                .hint(format!("export {key} before the command"))
        }),
        SecretSpec::File { path } => {
            let path = base.join(path);
            let text = std::fs::read_to_string(&path).map_err(|e| missing(format!("`{}`: {e}", path.display())))?;
            Ok(text.trim_end_matches(['\r', '\n']).to_string())
        }
        SecretSpec::Command { command } => run(command, base).map_err(missing),
    }
}

/// The command is given what every process of a run is given, and nothing else of our environment: other secrets stand there.
fn run(argv: &[String], base: &Path) -> Result<String, String> {
    let program = argv.first().ok_or("its command is empty")?;
    let output = Command::new(program)
        .args(&argv[1..])
        .env_clear()
        .envs(crate::provider::process::basics())
        .current_dir(base)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("`{program}`: {e}"))?;
    if !output.status.success() {
        return Err(format!("`{program}` failed ({})", output.status));
    }
    let text = String::from_utf8(output.stdout).map_err(|_| format!("`{program}` printed what is not UTF-8"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_string())
}
