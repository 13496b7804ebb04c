//! Two real servers for the tests of this crate: `live` and `copy`, started with the first test that asks, gone with the
//! process (a shell holds them, and ends them when the pipe from us closes).

use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Connection, Endpoint};
use crate::kind::ReadCx;

const BIN: &str = "/usr/lib/postgresql/15/bin";

pub struct Server {
    pub port: u16,
    /// Never waited for: it outlives us by the moment it takes to end the server.
    _shell: Child,
}

pub struct Pair {
    pub live: Server,
    pub copy: Server,
}

/// A database of its own on both servers.
pub struct Lab {
    pub database: String,
    pub live: &'static Server,
    pub copy: &'static Server,
}

pub fn cx() -> ReadCx {
    let (base, work) = (PathBuf::from("/"), std::env::temp_dir());
    ReadCx {
        base,
        work,
        mode: crate::model::record::Mode::Real,
        secrets: [].into(),
        seal: None,
        rpo: Default::default(),
    }
}

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let home = home();
        let template = home.join("template");
        initdb(Path::new(BIN), &template);
        let ready = |name: &str| {
            let data = home.join(name);
            assert!(as_postgres_args(&["cp", "-a", template.to_str().unwrap(), data.to_str().unwrap()]));
            start(Path::new(BIN), &data, &[], None)
        };
        let pair = Pair { live: ready("live"), copy: ready("copy") };
        for server in [&pair.live, &pair.copy] {
            server.psql("postgres", "create role ana; create role \"Ben B\"; create role carrier login");
        }
        pair
    })
}

fn home() -> PathBuf {
    let home = std::env::temp_dir().join(format!("regrow-pg-{}", std::process::id()));
    as_postgres(&["install", "-d", "-m", "755"], &home);
    home
}

fn initdb(bin: &Path, data: &Path) {
    let program = bin.join("initdb");
    let args = ["-U", "regrow", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
    let all: Vec<&str> = [program.to_str().unwrap()].into_iter().chain(args).chain([data.to_str().unwrap()]).collect();
    assert!(as_postgres_args(&all), "initdb failed");
}

/// A server of one test alone, beside the pair; it ends with the process, as they do.
pub struct Own {
    pub bin: PathBuf,
    pub data: PathBuf,
    pub settings: Vec<String>,
}

impl Own {
    /// A new cluster that does not run yet. `name` is the test's own.
    pub fn new(name: &str) -> Self {
        Self::made_by(Path::new(BIN), name)
    }

    pub fn made_by(bin: &Path, name: &str) -> Self {
        let data = home().join(name);
        initdb(bin, &data);
        Self { bin: bin.to_path_buf(), data, settings: Vec::new() }
    }

    pub fn set(mut self, setting: &str) -> Self {
        self.settings.extend(["-c".to_owned(), setting.to_owned()]);
        self
    }

    /// A file of the server's user, closed to others, beside its data: what the server reads.
    pub fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.data.join(name);
        std::fs::write(&path, content).unwrap();
        let owner = std::fs::metadata(&self.data).unwrap();
        std::os::unix::fs::chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub fn start(self) -> &'static Server {
        Box::leak(Box::new(start(&self.bin, &self.data, &self.settings, None)))
    }

    /// The same with a small disk of its own as the tablespace `small`. It is mounted where only the server sees it, and is
    /// gone with it. Needs root, as the suite has it.
    pub fn start_with_disk(self, mib: u32) -> &'static Server {
        assert!(is_root(), "a small disk is mounted here: run the suite as root");
        let server = Box::leak(Box::new(start(&self.bin, &self.data, &self.settings, Some(mib))));
        server.psql("postgres", "create tablespace small location '/mnt'");
        server
    }
}

fn as_postgres(command: &[&str], last: &Path) {
    let mut args = command.to_vec();
    args.push(last.to_str().unwrap());
    assert!(as_postgres_args(&args), "{args:?}");
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn setpriv() -> Vec<&'static str> {
    if is_root() { vec!["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--"] } else { vec![] }
}

fn as_postgres_args(args: &[&str]) -> bool {
    let all: Vec<&str> = setpriv().into_iter().chain(args.iter().copied()).collect();
    Command::new(all[0]).args(&all[1..]).stdout(Stdio::null()).current_dir("/").status().unwrap().success()
}

/// Starts the server on a port that is free; should somebody take it meanwhile, on another one.
fn start(bin: &Path, data: &Path, settings: &[String], disk: Option<u32>) -> Server {
    (0..5).find_map(|_| try_start(bin, data, settings, disk)).expect("the server did not start")
}

const RUN: &str = "data=$1; shift; \"$@\" >\"$data/log\" 2>&1 & \
                   read _; kill -INT $!; wait $!; home=$(dirname \"$data\"); rm -rf \"$data\"; rmdir \"$home\" 2>/dev/null; \
                   rm -rf \"$home/template\"; rmdir \"$home\" 2>/dev/null";

#[expect(clippy::zombie_processes, reason = "the shell ends after us, on purpose")]
fn try_start(bin: &Path, data: &Path, settings: &[String], disk: Option<u32>) -> Option<Server> {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (bin, data) = (bin.to_str().unwrap(), data.to_str().unwrap());
    let mut all: Vec<String> = Vec::new();
    if let Some(mib) = disk {
        let mount = format!("mount -t tmpfs -o size={mib}m,mode=700,uid=$(id -u postgres) tmpfs /mnt && exec \"$@\"");
        all.extend(["unshare", "--mount", "sh", "-c", &mount, "sh"].map(str::to_owned));
    }
    all.extend(setpriv().into_iter().map(str::to_owned));
    all.extend(["sh", "-c", RUN, "sh", data, &format!("{bin}/postgres"), "-D", data].map(str::to_owned));
    all.extend(["-p".to_owned(), port.to_string(), "-c".to_owned(), format!("unix_socket_directories={data}")]);
    let usual = "fsync=off listen_addresses=127.0.0.1 max_connections=200 wal_level=logical log_min_messages=fatal \
                 max_wal_size=4GB";
    all.extend(usual.split(' ').flat_map(|it| ["-c".to_owned(), it.to_owned()]));
    all.extend_from_slice(settings);
    let shell = Command::new(&all[0])
        .args(&all[1..])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (address, port_text) = ("127.0.0.1", port.to_string());
    for _ in 0..1200 {
        let ready = Command::new(format!("{BIN}/pg_isready")).args(["-q", "-h", address, "-p", &port_text]).status();
        if ready.unwrap().success() {
            return Some(Server { port, _shell: shell });
        }
        std::thread::sleep(Duration::from_millis(50));
        let log = std::fs::read_to_string(Path::new(data).join("log")).unwrap_or_default();
        if log.contains("could not bind") {
            return None;
        }
    }
    None
}

impl Lab {
    pub fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let pair = pair();
        let lab = Self {
            database: format!("lab{}", NEXT.fetch_add(1, Ordering::Relaxed)),
            live: &pair.live,
            copy: &pair.copy,
        };
        for server in [lab.live, lab.copy] {
            server.psql("postgres", &format!("create database {}", lab.database));
        }
        lab
    }

    /// The same name on servers of one's own choice.
    pub fn between(live: &'static Server, copy: &'static Server) -> Self {
        let lab = Self { live, copy, ..Self::start() };
        for server in [live, copy].into_iter().filter(|it| ![pair().live.port, pair().copy.port].contains(&it.port)) {
            server.psql("postgres", &format!("create database {}", lab.database));
        }
        lab
    }

    pub fn live(&self, sql: &str) -> String {
        self.live.psql(&self.database, sql)
    }

    pub fn copy(&self, sql: &str) -> String {
        self.copy.psql(&self.database, sql)
    }

    pub fn both(&self, sql: &str) {
        self.live(sql);
        self.copy(sql);
    }
}

impl Server {
    pub fn url(&self) -> String {
        format!("postgres://regrow@127.0.0.1:{}", self.port)
    }

    pub fn endpoint(&self, database: &str) -> Endpoint {
        let connection = Connection::new(&self.url()).unwrap();
        Endpoint { connection, database: Some(database.to_owned()), application: "regrow test".to_owned() }
    }

    /// What `psql -At` prints. A failing statement fails the test.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut child = Command::new(format!("{BIN}/psql"))
            .args(["-X", "-At", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "regrow", "-p"])
            .args([&self.port.to_string(), "-d", database, "-f", "-"])
            .env("PGAPPNAME", "someone")
            .env("PGTZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may stop reading at an error, which it then tells.
        let _ = std::io::Write::write_all(&mut child.stdin.take().unwrap(), sql.as_bytes());
        let (mut out, mut err) = (String::new(), String::new());
        child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        let begin: String = sql.chars().take(300).collect();
        assert!(child.wait().unwrap().success(), "{begin}\n{err}");
        out.trim_end().to_owned()
    }
}

/// What `pg_dump` says, without what we keep: for holding a database against its past.
impl Server {
    pub fn dump(&self, database: &str, args: &[&str]) -> String {
        let out = Command::new(format!("{BIN}/pg_dump"))
            .args(["-h", "127.0.0.1", "-U", "regrow", "-p", &self.port.to_string(), "-d", database])
            .args(["--exclude-table=*.*__old_*", "--exclude-schema=regrow_*"])
            .args(args)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let text = String::from_utf8(out.stdout).unwrap();
        // A token of each call.
        text.lines()
            .filter(|line| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

impl Lab {
    /// The copy's database becomes what the live one is now.
    pub fn back_up(&self) {
        self.copy.psql("postgres", &format!("drop database {0} with (force); create database {0}", self.database));
        let dump = self.live.dump(&self.database, &[]);
        self.copy.psql(&self.database, &dump);
    }

    /// Everything but rows, as text.
    pub fn shape(&self) -> String {
        self.live.dump(&self.database, &["--schema-only"])
    }

    /// Rows of a table, sorted.
    pub fn rows(&self, table: &str) -> String {
        self.live(&format!("select t::text from {table} t order by 1"))
    }
}
