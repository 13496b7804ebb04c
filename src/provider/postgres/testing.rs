//! Two real servers for the tests of this crate: `live` and `copy`, started with the first test that asks, gone with the
//! process (a shell holds them, and ends them when the pipe from us closes).

use std::io::Read;
use std::net::TcpListener;
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
    ReadCx { base, work, mode: crate::model::record::Mode::Real, secrets: [].into() }
}

fn pair() -> &'static Pair {
    static PAIR: OnceLock<Pair> = OnceLock::new();
    PAIR.get_or_init(|| {
        let home = std::env::temp_dir().join(format!("regrow-pg-{}", std::process::id()));
        let template = home.join("template");
        as_postgres(&["install", "-d", "-m", "755"], &home);
        let initdb = as_postgres_args(&[
            &format!("{BIN}/initdb"),
            "-D",
            template.to_str().unwrap(),
            "-U",
            "regrow",
            "-A",
            "trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
        ]);
        assert!(initdb, "initdb failed");
        let pair = Pair { live: start(&home, "live"), copy: start(&home, "copy") };
        for server in [&pair.live, &pair.copy] {
            server.psql("postgres", "create role ana; create role \"Ben B\"");
        }
        pair
    })
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

#[expect(clippy::zombie_processes, reason = "the shell ends after us, on purpose")]
fn start(home: &Path, name: &str) -> Server {
    let data = home.join(name);
    assert!(as_postgres_args(&["cp", "-a", home.join("template").to_str().unwrap(), data.to_str().unwrap()]));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let script = "\"$0\" -D \"$1\" -p \"$2\" -c fsync=off -c listen_addresses=127.0.0.1 -c unix_socket_directories=\"$1\" \
                  -c max_connections=200 -c wal_level=logical -c log_min_messages=fatal -c max_wal_size=4GB >\"$1/log\" 2>&1 & \
                  read _; kill -INT $!; wait $!; rm -rf \"$1\"; rmdir \"$3\" 2>/dev/null; rm -rf \"$3/template\"; rmdir \"$3\" 2>/dev/null";
    let all: Vec<String> = setpriv().into_iter().map(str::to_owned).collect();
    let rest = [
        "sh",
        "-c",
        script,
        &format!("{BIN}/postgres"),
        data.to_str().unwrap(),
        &port.to_string(),
        home.to_str().unwrap(),
    ]
    .map(str::to_owned);
    let all: Vec<String> = all.into_iter().chain(rest).collect();
    let shell = Command::new(&all[0])
        .args(&all[1..])
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..200 {
        let ready = Command::new(format!("{BIN}/pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()])
            .status()
            .unwrap();
        if ready.success() {
            return Server { port, _shell: shell };
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("the server `{name}` did not start");
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
