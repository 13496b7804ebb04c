//! The programs of the system that the rig needs, and how a fresh Debian machine gets them.
//!
//! A tool counts as there when its program is found, not when a package manager says so. As root, what is missing is
//! installed; everybody else is told the one command to run.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// A program of the system.
#[derive(Clone, Copy, Debug)]
pub struct Tool {
    pub name: &'static str,
    /// In Debian.
    pub package: &'static str,
    is_there: fn() -> bool,
}

pub const POSTGRES: Tool = Tool { name: "PostgreSQL", package: "postgresql", is_there: || postgres_bin().is_some() };
pub const PGBACKREST: Tool =
    Tool { name: "pgBackRest", package: "pgbackrest", is_there: || in_path("pgbackrest").is_some() };
pub const STRACE: Tool = Tool { name: "strace", package: "strace", is_there: || in_path("strace").is_some() };
pub const BIND: Tool = Tool { name: "BIND", package: "bind9", is_there: || named().is_some() };
/// With `dig`, which tells what servers answer.
pub const NSUPDATE: Tool = Tool {
    name: "nsupdate",
    package: "bind9-dnsutils",
    is_there: || in_path("nsupdate").and(in_path("dig")).is_some(),
};
/// Fetches the second PostgreSQL, which `xz` unpacks.
pub const MAVEN: Tool = Tool { name: "Maven", package: "maven", is_there: || in_path("mvn").is_some() };
pub const XZ: Tool = Tool { name: "xz", package: "xz-utils", is_there: || in_path("xz").is_some() };
/// Runs the program of the page on own kinds, and makes the environment that moto lives in, which Debian's Python alone cannot.
pub const PYTHON: Tool = Tool { name: "Python", package: "python3-venv", is_there: makes_environments };

/// What the whole suite needs.
pub const ALL: &[Tool] = &[POSTGRES, PGBACKREST, STRACE, MAVEN, XZ, BIND, NSUPDATE, PYTHON];

/// How it went with what was missing.
#[derive(Debug, PartialEq, Eq)]
pub enum Installed {
    Nothing,
    These(Vec<&'static str>),
    /// We are not root: a person has to run this.
    ByHand(String),
}

/// Sees to it that the tools are there; talks on stderr.
pub fn install(tools: &[Tool]) -> Result<Installed> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|tool| !(tool.is_there)()).collect();
    if missing.is_empty() {
        return Ok(Installed::Nothing);
    }
    let packages: Vec<&str> = missing.iter().map(|tool| tool.package).collect();
    if !rustix::process::geteuid().is_root() {
        let command = format!("sudo apt-get install --yes --no-install-recommends {}", packages.join(" "));
        return Ok(Installed::ByHand(command));
    }
    if in_path("apt-get").is_none() {
        bail!("these packages are missing, and there is no apt-get to install them: {}", packages.join(" "));
    }
    eprintln!("rig: installing what is missing: {}", packages.join(" "));
    prevent_cluster()?;
    if packages.contains(&BIND.package) {
        prevent_name_server()?;
    }
    // A source that does not answer need not be the one that has our packages.
    if let Err(error) = apt(&["update"]) {
        eprintln!("rig: {error:#}; going on with the lists that are there");
    }
    apt(&[&["install", "--yes", "--no-install-recommends"], &packages[..]].concat())?;
    for tool in &missing {
        ensure!((tool.is_there)(), "{} is still not found after the package {} was installed", tool.name, tool.package);
    }
    Ok(Installed::These(missing.iter().map(|tool| tool.name).collect()))
}

/// The program folder of the newest PostgreSQL: Debian keeps one folder a major version, outside of `PATH`.
pub fn postgres_bin() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|item| Some((item.file_name().to_str()?.parse::<u32>().ok()?, item.path().join("bin"))))
        .filter(|(_, bin)| is_complete(bin))
        .max()
        .map(|(_, bin)| bin);
    newest.or_else(|| in_path("postgres")?.parent().map(Path::to_path_buf).filter(|bin| is_complete(bin)))
}

pub fn named() -> Option<PathBuf> {
    in_path("named")
}

fn makes_environments() -> bool {
    let mut look = Command::new("python3");
    look.args(["-c", "import venv, ensurepip"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    look.status().is_ok_and(|status| status.success())
}

/// Terraform, which no package of Debian and no registry has: it must be part of the machine.
pub fn terraform() -> Result<PathBuf> {
    in_path("terraform").context(
        "Terraform is not there, and the rig cannot install it: it is in no registry. \
         Put the program `terraform`, 1.11 or newer, where PATH finds it",
    )
}

/// Go, which builds servers; Debian's is too old for their modules.
pub fn go() -> Result<PathBuf> {
    in_path("go").context(
        "Go is not there, and the rig cannot install it: Debian's is too old. \
         Put the program `go`, 1.26 or newer, where PATH finds it",
    )
}

fn is_complete(bin: &Path) -> bool {
    ["postgres", "initdb", "pg_basebackup", "psql"].iter().all(|program| bin.join(program).is_file())
}

fn in_path(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    // Debian's user path lacks sbin, where some servers lie.
    let also = [PathBuf::from("/usr/sbin")];
    env::split_paths(&folders).chain(also).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// Debian's package would start a cluster of its own at once. An existing file is somebody's decision and stays.
fn prevent_cluster() -> Result<()> {
    let path = Path::new("/etc/postgresql-common/createcluster.conf");
    if path.exists() {
        return Ok(());
    }
    fs::create_dir_all("/etc/postgresql-common").context("cannot create /etc/postgresql-common")?;
    let text = "# Written by `cargo rig` of regrow before PostgreSQL was installed: tests start their own clusters.\n\
                create_main_cluster = false\n";
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Debian's package would answer the whole network on port 53, now and after every start of the machine. What is masked is
/// not started; whoever wants it can take the mask away, and a unit of somebody's own stays.
fn prevent_name_server() -> Result<()> {
    let unit = Path::new("/etc/systemd/system/named.service");
    if unit.symlink_metadata().is_ok() {
        return Ok(());
    }
    eprintln!("rig: tests start their own BIND, so the system's is masked: {}", unit.display());
    fs::create_dir_all("/etc/systemd/system").context("cannot create /etc/systemd/system")?;
    std::os::unix::fs::symlink("/dev/null", unit).with_context(|| format!("cannot write {}", unit.display()))
}

/// Its output is talk, so it goes to stderr: stdout may belong to a command.
fn apt(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(["-q", "-o", "Dpkg::Use-Pty=0", "-o", "Dpkg::Options::=--force-confold", "-o", "DPkg::Lock::Timeout=300"])
        .args(arguments)
        .envs([("DEBIAN_FRONTEND", "noninteractive"), ("UCF_FORCE_CONFFOLD", "1")])
        .stdin(Stdio::null())
        .stdout(std::io::stderr())
        .status()
        .context("cannot run apt-get")?;
    ensure!(status.success(), "apt-get {} failed ({status})", arguments.join(" "));
    Ok(())
}
