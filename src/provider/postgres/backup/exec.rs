//! Runs the programs of PostgreSQL and pgBackRest, as the right account, and hears what they say.

use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::Fault;

/// Set when the work is dropped: threads and children that belong to it end.
#[derive(Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets it when dropped.
    pub fn guard(&self) -> CancelGuard {
        CancelGuard(self.clone())
    }

    pub fn check(&self) -> Result<(), Fault> {
        match self.is_set() {
            true => Err(Fault::new("RG2423", "the work was stopped")),
            false => Ok(()),
        }
    }
}

pub struct CancelGuard(Cancel);

impl Drop for CancelGuard {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Who a program runs as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
}

pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

impl Account {
    /// By name or number, from the system's own table.
    pub fn find(name: &str) -> Option<Self> {
        let said = capture(plain(Path::new("getent")).args(["passwd", name])).ok().filter(|said| said.ok);
        let table = match said {
            Some(said) => said.out,
            None => std::fs::read_to_string("/etc/passwd").ok()?,
        };
        table.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [found, _, uid, gid, ..] = fields[..] else { return None };
            (found == name || uid == name)
                .then(|| Some(Self { name: found.into(), uid: uid.parse().ok()?, gid: gid.parse().ok()? }))?
        })
    }

    /// Who the server runs as: the one named, else the owner of the backup, else `postgres`. Only root can choose.
    pub fn to_run(named: Option<&str>, owner: Option<Self>) -> Result<Self, Fault> {
        let unknown = |name: &str| {
            Fault::new("RG2413", format!("there is no account `{name}` here"))
                .hint("name an existing one as `run_as`, often `postgres`")
        };
        if !is_root() {
            let me = rustix::process::geteuid().as_raw().to_string();
            let me = Account::find(&me).ok_or_else(|| unknown(&me))?;
            return match named {
                Some(name) if name != me.name => Err(Fault::new(
                    "RG2413",
                    format!("only root can run the server as `{name}`; this is `{}`", me.name),
                )
                .hint("leave `run_as` out, or start regrow as root")),
                _ => Ok(me),
            };
        }
        let account = match named {
            Some(name) => Account::find(name).ok_or_else(|| unknown(name))?,
            // A backup that root fetched belongs to root.
            None => owner
                .filter(|it| it.uid != 0)
                .or_else(|| Account::find("postgres"))
                .ok_or_else(|| unknown("postgres"))?,
        };
        match account.uid {
            0 => Err(Fault::new("RG2413", "PostgreSQL never runs as root").hint("name another account as `run_as`")),
            _ => Ok(account),
        }
    }

    pub fn owner_of(path: &Path) -> Option<Self> {
        Self::find(&std::fs::metadata(path).ok()?.uid().to_string())
    }

    /// A program under this account. The standard library clears the other groups when root gives itself away.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = plain(program);
        if is_root() {
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// Whether this account can read a file or enter a folder, asked by trying.
    pub fn may(&self, right: &str, path: &Path) -> bool {
        capture(self.command(Path::new("/usr/bin/test")).arg(right).arg(path)).is_ok_and(|said| said.ok)
    }
}

/// A program with a plain environment, so that its words and times can be read.
pub fn plain(program: &Path) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into());
    command.env_clear().env("PATH", path).env("LC_ALL", "C").env("TZ", "UTC");
    command.current_dir("/").stdin(Stdio::null());
    command
}

pub struct Said {
    pub ok: bool,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The last lines of what it complained about, for the causes of a fault.
    pub fn complaint(&self) -> Vec<String> {
        let text = if self.err.trim().is_empty() { &self.out } else { &self.err };
        last_lines(text, 8)
    }
}

pub fn last_lines(text: &str, count: usize) -> Vec<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| line.to_string()).collect()
}

/// Runs it to its end.
pub fn capture(command: &mut Command) -> Result<Said, Fault> {
    let output = command.output().map_err(|error| not_started(command, &error))?;
    Ok(Said {
        ok: output.status.success(),
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// Runs it to its end, line by line, or kills it when the work is dropped.
pub fn follow(command: &mut Command, cancel: &Cancel, mut heard: impl FnMut(&str)) -> Result<Said, Fault> {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| not_started(command, &error))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (send, lines) = std::sync::mpsc::channel::<String>();
    let complaints = std::thread::spawn(move || read_all(err));
    let reader = std::thread::spawn(move || {
        use std::io::BufRead;
        let Some(out) = out else { return };
        for line in std::io::BufReader::new(out).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    let mut out = String::new();
    let status = loop {
        while let Ok(line) = lines.try_recv() {
            heard(&line);
            out.push_str(&line);
            out.push('\n');
            // Only the end of it is ever shown.
            if out.len() > 1 << 16 {
                out.drain(..out.len() - (1 << 15)).for_each(drop);
            }
        }
        if cancel.is_set() {
            let _ = child.kill();
        }
        if let Some(status) = child.try_wait().map_err(|error| not_started(command, &error))? {
            break status;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let _ = reader.join();
    out.extend(lines.try_iter().map(|line| line + "\n"));
    Ok(Said { ok: status.success(), code: status.code(), out, err: complaints.join().unwrap_or_default() })
}

fn read_all(from: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut from) = from {
        let _ = from.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn not_started(command: &Command, error: &std::io::Error) -> Fault {
    let name = Path::new(command.get_program()).display().to_string();
    Fault::new("RG2412", format!("`{name}` cannot be run")).hint("install it, or name its folder").caused_by(error)
}

/// A fault of the file system, with the disk told apart: a full one is freed by a person.
pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Fault {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        return full(path).caused_by(error);
    }
    Fault::new("RG2423", format!("{doing} `{}` does not work", path.display())).caused_by(error)
}

pub fn full(path: &Path) -> Fault {
    Fault::new("RG2409", format!("the disk is full at `{}`", path.display()))
        .hint("make room, then `retry`: what was copied half is copied again, nothing else is touched")
}
