//! The list of scratch folders: who owns each, and what runs in it. From it a dead owner's remains are ended by others.
//!
//! One file a scratch, in the cache, which only this user may write. It is written before the folder is made and removed
//! after the folder is gone. Beside it lies the list of processes, appended to by every start.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::cache;
use crate::process::{Identity, descendants, wait_gone};

/// How long a process may take for an orderly end before SIGKILL. A killed rig has to be gone within five seconds.
const GRACE: Duration = Duration::from_millis(2500);

/// One scratch in the list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    pub folder: PathBuf,
    owner: Identity,
    /// Pids mean something only within one boot and one pid namespace.
    boot: String,
    pids: PathBuf,
    #[serde(skip)]
    file: PathBuf,
}

/// One line of the list of processes.
#[derive(Serialize, Deserialize)]
struct Started {
    process: Identity,
    signal: i32,
}

/// Puts a new folder, owned by this process, on the list. The folder itself is the caller's to make.
pub(crate) fn register() -> Result<Entry> {
    let tmp = std::path::absolute(std::env::temp_dir())?;
    let name = format!("rig-{}", std::iter::repeat_with(fastrand::alphanumeric).take(8).collect::<String>());
    let list = list_folder()?;
    let entry = Entry {
        folder: tmp.join(&name),
        owner: Identity::own().context("cannot read /proc: the rig needs Linux with /proc mounted")?,
        boot: boot()?,
        pids: pid_namespace()?,
        file: list.join(format!("{name}.json")),
    };
    let part = list.join(format!("{name}.part"));
    fs::write(&part, serde_json::to_vec(&entry)?).with_context(|| format!("cannot write {}", part.display()))?;
    fs::rename(&part, &entry.file)?;
    Ok(entry)
}

/// Ends every scratch whose owner is dead. Two sweeps at once do no harm.
pub fn sweep() -> Result<()> {
    for item in fs::read_dir(list_folder()?)? {
        let file = item?.path();
        if file.extension().is_some_and(|extension| extension == "json")
            && let Some(entry) = Entry::read(&file)
            && entry.is_orphaned()?
        {
            eprintln!("rig: removing {}, left behind by a process that was killed", entry.folder.display());
            entry.end()?;
        }
    }
    Ok(())
}

impl Entry {
    /// None when another process just ended it.
    pub(crate) fn read(file: &Path) -> Option<Entry> {
        let mut entry: Entry = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
        entry.file = file.to_path_buf();
        Some(entry)
    }

    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// Another pid namespace's processes cannot be seen from here, so their scratch is never taken for an orphan.
    fn is_orphaned(&self) -> Result<bool> {
        Ok(self.pids == pid_namespace()? && (self.boot != boot()? || !self.owner.is_alive()))
    }

    pub(crate) fn record(&self, process: Identity, signal: Signal) -> Result<()> {
        let mut line = serde_json::to_vec(&Started { process, signal: signal.as_raw() })?;
        line.push(b'\n');
        let path = self.processes();
        let mut file = File::options().create(true).append(true).open(&path)?;
        file.write_all(&line).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Stops the processes, removes the folder, then leaves the list. May be repeated.
    pub(crate) fn end(&self) -> Result<()> {
        if self.boot == boot()? {
            self.stop_processes();
        }
        remove_folder(&self.folder)?;
        for file in [self.processes(), self.file.clone()] {
            if let Err(error) = fs::remove_file(&file)
                && error.kind() != io::ErrorKind::NotFound
            {
                return Err(error).with_context(|| format!("cannot remove {}", file.display()));
            }
        }
        Ok(())
    }

    fn stop_processes(&self) {
        stop(self.started());
        stop(self.writers());
    }

    fn started(&self) -> Vec<Started> {
        let text = fs::read_to_string(self.processes()).unwrap_or_default();
        let recorded = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        let foreign = data_folders(&self.folder, 3)
            .into_iter()
            .filter_map(|data| postmaster_of(&data))
            .map(|process| Started { process, signal: Signal::QUIT.as_raw() });
        recorded.chain(foreign).collect()
    }

    /// Whoever still has a file open for writing below a folder of this scratch's name, here or where its results are kept: a
    /// program that was killed leaves supervised work behind, to which no parent leads any more.
    fn writers(&self) -> Vec<Started> {
        let Some(name) = self.folder.file_name() else { return Vec::new() };
        let is_ours = |fd: procfs::process::FDInfo| match &fd.target {
            procfs::process::FDTarget::Path(path) => {
                fd.mode().contains(procfs::process::FDPermissions::WRITE) && path.iter().any(|part| part == name)
            }
            _ => false,
        };
        let everyone = procfs::process::all_processes().into_iter().flatten().flatten();
        everyone
            .filter(|process| process.pid != self.owner.pid && i64::from(process.pid) != i64::from(std::process::id()))
            .filter(|process| process.fd().into_iter().flatten().flatten().any(is_ours))
            .filter_map(|process| Identity::of(process.pid))
            .map(|process| Started { process, signal: Signal::TERM.as_raw() })
            .collect()
    }

    fn processes(&self) -> PathBuf {
        self.file.with_extension("processes")
    }
}

/// Each is asked to end by its signal; what is left of them and all below them is killed.
fn stop(started: Vec<Started>) {
    let mut all = BTreeSet::new();
    for Started { process, signal } in started {
        all.extend(descendants(process));
        all.insert(process);
        if let Some(signal) = Signal::from_named_raw(signal) {
            process.signal(signal);
        }
    }
    if !wait_gone(&all, GRACE) {
        all.iter().for_each(|process| process.signal(Signal::KILL));
        wait_gone(&all, GRACE);
    }
}

/// The PostgreSQL servers that a program under test started in the scratch (a restored copy outlives its program by
/// design): their own start wrote the pid into the data folder.
fn data_folders(folder: &Path, depth: u32) -> Vec<PathBuf> {
    if folder.join("PG_VERSION").exists() {
        return vec![folder.to_path_buf()];
    }
    if depth == 0 {
        return Vec::new();
    }
    let folders = fs::read_dir(folder).into_iter().flatten().flatten();
    folders
        .filter(|item| item.file_type().is_ok_and(|kind| kind.is_dir()))
        .flat_map(|item| data_folders(&item.path(), depth - 1))
        .collect()
}

/// A server works inside its data folder, so a stale file with a reused pid is told from a living server.
fn postmaster_of(data: &Path) -> Option<Identity> {
    let text = fs::read_to_string(data.join("postmaster.pid")).ok()?;
    let identity = Identity::of(text.lines().next()?.trim().parse().ok()?)?;
    let works_in = procfs::process::Process::new(identity.pid).ok()?.cwd().ok()?;
    (works_in == fs::canonicalize(data).ok()?).then_some(identity)
}

/// A process that is just ending may still write: a folder that is not empty is tried again.
fn remove_folder(folder: &Path) -> Result<()> {
    ensure!(
        folder.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rig-")),
        "{} is not a scratch folder; not removed",
        folder.display()
    );
    let mut tries = 0;
    loop {
        match fs::remove_dir_all(folder) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !folder.exists() => {
                return Ok(());
            }
            Err(error) if tries == 100 => {
                return Err(error).with_context(|| format!("cannot remove {}", folder.display()));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
        tries += 1;
    }
}

fn list_folder() -> Result<PathBuf> {
    let list = cache::dir()?.join("scratch");
    fs::create_dir_all(&list).with_context(|| format!("cannot create {}", list.display()))?;
    Ok(list)
}

fn boot() -> Result<String> {
    let path = "/proc/sys/kernel/random/boot_id";
    Ok(fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?.trim().to_string())
}

fn pid_namespace() -> Result<PathBuf> {
    fs::read_link("/proc/self/ns/pid").context("cannot read /proc/self/ns/pid")
}
