//! Servers that come as Go modules, built once into the rig's cache.
//!
//! A family is a folder of `tests/rig/go` and an entry in [`FAMILIES`]: its `go.mod` names the programs as `tool`, `go.sum`
//! holds them to what was tried, `ldflags` is for the linker. What was built is kept under a name made of these three, so
//! that an edit builds anew and two checkouts never disturb each other.

use std::ffi::OsStr;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::{cache, tools, workspace};

/// All there are, in the order in which tests come to need them.
pub const FAMILIES: &[&str] = &["minio", "kubernetes", "velero"];

/// How often a build says how far it is.
const SAYS_EVERY: Duration = Duration::from_secs(15);
/// Of what a failed build said.
const LAST_LINES: usize = 20;

/// The folder of the programs of a family; builds them if nobody has yet.
pub fn tools(family: &str) -> Result<PathBuf> {
    let module = workspace::root().join("tests/rig/go").join(family);
    let folder = cache::dir()?.join(format!("go-{family}-{:016x}", key(&module)?));
    let _lock = cache::lock(&format!("go-{family}"))?;
    if folder.exists() {
        return Ok(folder);
    }
    let part = folder.with_extension("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir(&part)?;
    build(family, &module, &part)?;
    fs::rename(&part, &folder)?;
    Ok(folder)
}

/// Begins all builds in the background, one after the other. Whoever needs a family before it is there waits in [`tools`],
/// which also says again what went wrong.
pub fn begin() {
    thread::spawn(|| {
        for family in FAMILIES {
            if let Err(error) = tools(family) {
                eprintln!("rig: {error:#}");
            }
        }
    });
}

fn key(module: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for name in ["go.mod", "go.sum", "ldflags"] {
        let path = module.join(name);
        fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Niced: what else goes on meanwhile comes first.
fn build(family: &str, module: &Path, into: &Path) -> Result<()> {
    let go = tools::go()?;
    eprintln!("rig: building {family} from its Go modules, once; this takes minutes");
    let ldflags = fs::read_to_string(module.join("ldflags"))?;
    let mut install = Command::new("nice");
    install.args([OsStr::new("-n"), OsStr::new("15"), go.as_os_str(), OsStr::new("install"), OsStr::new("-v")]);
    install.args(["-ldflags", ldflags.trim(), "tool"]).current_dir(module);
    install.env("CGO_ENABLED", "0").env("GOFLAGS", "-p=2 -buildvcs=false -mod=readonly").env("GOBIN", into);
    let mut child = install.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().context("cannot run go")?;
    let said = child.stderr.take().context("go has no stderr")?;
    let last = follow(family, BufReader::new(said));
    let status = child.wait()?;
    ensure!(status.success(), "building {family} failed ({status}):\n{}", last.join("\n"));
    eprintln!("rig: {family} is built");
    Ok(())
}

/// Says now and then how many packages are done; returns the last lines.
fn follow(family: &str, said: impl BufRead) -> Vec<String> {
    let (mut last, mut packages, mut spoke) = (Vec::new(), 0, Instant::now());
    for line in said.lines().map_while(Result::ok) {
        packages += usize::from(!line.contains(' '));
        if last.len() == LAST_LINES {
            last.remove(0);
        }
        last.push(line);
        if spoke.elapsed() >= SAYS_EVERY {
            eprintln!("rig: building {family}: {packages} packages so far");
            spoke = Instant::now();
        }
    }
    last
}
