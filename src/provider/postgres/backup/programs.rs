//! Where PostgreSQL's own programs lie, for one major version.

use std::path::{Path, PathBuf};

use super::exec::{capture, plain};
use crate::model::Fault;

/// Needs `recovery.signal`, backup manifests, and a server that stops rather than promotes when the target is not reached.
const OLDEST: u32 = 13;

/// The folder with `postgres` and `pg_ctl` of this major version: the one named, else the newest installed.
pub fn bin_directory(major: u32, named: Option<&Path>) -> Result<PathBuf, Fault> {
    if major < OLDEST {
        return Err(Fault::new(
            "RG2412",
            format!("the backup is of PostgreSQL {major}; {OLDEST} is the oldest that is restored"),
        )
        .hint("older servers promote silently where the WAL ends too early"));
    }
    if let Some(folder) = named {
        return match version(folder) {
            Some(found) if found.0 == major && complete(folder) => Ok(folder.into()),
            Some(found) if found.0 == major => {
                Err(Fault::new("RG2412", format!("`{}` lacks some of PostgreSQL's server programs", folder.display()))
                    .hint(format!("needed are {}", NEEDED.join(", "))))
            }
            Some(found) => Err(missing(major, format!("`{}` holds PostgreSQL {}", folder.display(), found.0))),
            None => Err(missing(major, format!("`{}` holds no `postgres` that can be run", folder.display()))),
        };
    }
    let fits = |folder: &PathBuf| {
        Some((version(folder).filter(|found| found.0 == major && complete(folder))?, folder.clone()))
    };
    candidates(major).iter().filter_map(fits).max_by_key(|(version, _)| *version).map(|(_, folder)| folder).ok_or_else(
        || missing(major, format!("the backup is of PostgreSQL {major}, whose server is not installed here")),
    )
}

const NEEDED: [&str; 5] = ["postgres", "pg_ctl", "pg_controldata", "pg_verifybackup", "pg_waldump"];

fn complete(folder: &Path) -> bool {
    NEEDED.iter().all(|name| folder.join(name).is_file())
}

fn missing(major: u32, message: String) -> Fault {
    Fault::new("RG2412", message).hint(format!(
        "install the server of major version {major} (`apt-get install postgresql-{major}`) or name its `bin_directory`"
    ))
}

fn candidates(major: u32) -> Vec<PathBuf> {
    let mut found = vec![
        PathBuf::from(format!("/usr/lib/postgresql/{major}/bin")),
        PathBuf::from(format!("/usr/pgsql-{major}/bin")),
    ];
    if let Ok(said) = capture(plain(Path::new("pg_config")).arg("--bindir")) {
        found.push(PathBuf::from(said.out.trim()));
    }
    if let Some(path) = std::env::var_os("PATH") {
        found.extend(std::env::split_paths(&path));
    }
    found
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` as (15, 18).
fn version(folder: &Path) -> Option<(u32, u32)> {
    let program = folder.join("postgres");
    if !program.is_file() {
        return None;
    }
    let said = capture(plain(&program).arg("--version")).ok()?;
    let number = said.out.split_whitespace().nth(2)?;
    let mut parts = number.split('.');
    let digits = |part: &str| part.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u32>().ok();
    Some((digits(parts.next()?)?, parts.next().and_then(digits).unwrap_or(0)))
}
