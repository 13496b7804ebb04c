//! The tools, each as its manual has it for this task on two cores.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::peers::run;
use crate::servers::Servers;
use crate::support::seconds;

pub struct Tool {
    pub name: &'static str,
    /// For regrow: the ratio to reach.
    pub target: f64,
    make: fn(&Task<'_>) -> Result<Command>,
}

/// So many of [`TOOLS`] are PostgreSQL's own.
pub const PEERS: usize = 3;

pub const TOOLS: [Tool; 5] = [
    Tool {
        name: "pg_dump | psql",
        target: 0.0,
        make: |task| Ok(task.shell("pg_dump \"$SOURCE\" | psql -Xq \"$TARGET\"")),
    },
    Tool {
        name: "pg_dump -Fd -j2, pg_restore -j2",
        target: 0.0,
        make: |task| {
            let dump = "pg_dump -Fd -j2 -Z0 --no-sync -f \"$FOLDER/dump\" \"$SOURCE\"";
            Ok(task.shell(&format!("{dump} && pg_restore -j2 -d \"$TARGET\" \"$FOLDER/dump\"")))
        },
    },
    Tool {
        name: "pgcopydb",
        target: 0.0,
        make: |task| {
            let clone = "pgcopydb clone --source \"$SOURCE\" --target \"$TARGET\" --table-jobs 2 --index-jobs 2";
            Ok(task.shell(&format!("{clone} --dir \"$FOLDER/copydb\"")))
        },
    },
    Tool { name: "regrow, compare: checksum", target: 0.85, make: |task| task.runbook("checksum") },
    Tool { name: "regrow, compare: none", target: 0.72, make: |task| task.runbook("none") },
];

impl Tool {
    pub fn time(&self, servers: &Servers, regrow: &Path) -> Result<f64> {
        let folder = servers.scratch.folder("tool")?;
        let task = Task { servers, regrow, folder: &folder };
        let took = seconds(&mut (self.make)(&task)?)?;
        fs::remove_dir_all(&folder)?;
        Ok(took)
    }
}

struct Task<'a> {
    servers: &'a Servers,
    regrow: &'a Path,
    folder: &'a Path,
}

impl Task<'_> {
    fn shell(&self, script: &str) -> Command {
        let own = self.servers.source.bin_dir().to_path_buf();
        let path = env::var_os("PATH").unwrap_or_default();
        let path: Vec<PathBuf> = std::iter::once(own).chain(env::split_paths(&path)).collect();
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]);
        command.env("PATH", env::join_paths(path).unwrap_or_default());
        command.env("SOURCE", Servers::url(&self.servers.source)).env("TARGET", Servers::url(&self.servers.target));
        command.env("FOLDER", self.folder);
        command
    }

    fn runbook(&self, compare: &str) -> Result<Command> {
        let (source, target) = (Servers::url(&self.servers.source), Servers::url(&self.servers.target));
        let text = format!(
            "\
version: 1
name: load
description: One table.
severity: restore-only
steps:
  - id: load
    needs: []
    uses: postgres.dump_and_load
    with:
      source: \"{source}\"
      target: \"{target}\"
      tables: [enrolments]
      mode: create
      compare: {compare}
"
        );
        let file = self.folder.join("runbook.yaml");
        fs::write(&file, text)?;
        let mut command = run(self.regrow, &self.folder.join("state"), &file);
        command.arg("--no-wait");
        Ok(command)
    }
}
