//! A live server with a WAL archive and backups, in a folder that goes away with it.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::exec::{Account, is_root};
use super::super::place::{Place, own};
use super::super::{Params, PostgresRestore, Prior, server};
use crate::kind::{Found, Kind, Next, Op, Outputs, Prepared, ReadCx, WorkCx, WriteCx};
use crate::model::ledger::LedgerEntry;
use crate::model::record::Mode;
use crate::model::{Address, Fault, OpId, Pulse};

pub const BIN: &str = "/usr/lib/postgresql/15/bin";

pub struct Lab {
    pub folder: TempDir,
    pub account: Account,
    port: u16,
    servers: Mutex<BTreeSet<PathBuf>>,
    extra: Vec<(String, String)>,
}

impl Lab {
    pub fn new() -> Self {
        let lab = Self::empty(&[]);
        lab.init();
        lab.start();
        lab.sql("create table orders as select i as id, repeat('x', 50) as note from generate_series(1, 1000) i");
        lab
    }

    /// Folders only; `extra` are settings of the live server.
    pub fn empty(extra: &[(&str, &str)]) -> Self {
        let folder = tempfile::Builder::new().prefix("pgr").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let me = if is_root() { "postgres".to_string() } else { rustix::process::geteuid().as_raw().to_string() };
        let account = Account::find(&me).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let extra = extra.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let lab = Self { folder, account, port, servers: Mutex::default(), extra };
        for name in ["arch", "sock", "live", "bk"] {
            lab.folder_of_account(name);
        }
        lab
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn folder_of_account(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        own(&path, &self.account).unwrap();
        path
    }

    pub fn init(&self) {
        let mut initdb = self.account.command(&Path::new(BIN).join("initdb"));
        run(initdb
            .args(["-U", "regrow", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(self.path("live")));
        let arch = self.text("arch");
        let mut conf = format!(
            "port={}\nlisten_addresses='127.0.0.1'\nunix_socket_directories='{}'\nwal_level=replica\narchive_mode=on\n\
             archive_command='test ! -f {arch}/%f && cp %p {arch}/%f'\nfsync=off\nmax_connections=37\ntimezone=UTC\nlog_timezone=UTC\n",
            self.port,
            self.text("sock"),
        );
        self.extra.iter().for_each(|(name, value)| conf += &format!("{name}='{value}'\n"));
        let file = self.path("live/postgresql.conf");
        let old = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, old + &conf).unwrap();
    }

    pub fn start(&self) {
        self.servers.lock().unwrap().insert(self.path("live"));
        let mut start = self.account.command(&Path::new(BIN).join("pg_ctl"));
        run(start.args(["-w", "-s", "-D"]).arg(self.path("live")).arg("-l").arg(self.path("live/log")).arg("start"));
    }

    fn psql(&self) -> Command {
        let mut psql = self.account.command(Path::new("psql"));
        psql.args([
            "-h",
            "127.0.0.1",
            "-U",
            "regrow",
            "-AtqX",
            "-v",
            "ON_ERROR_STOP=1",
            "-p",
            &self.port.to_string(),
            "postgres",
        ]);
        psql
    }

    pub fn sql(&self, text: &str) -> String {
        run(self.psql().arg("-c").arg(text))
    }

    pub fn now(&self) -> String {
        self.sql("select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')")
    }

    /// Ends the WAL segment and waits until it lies in the archive. Its path.
    pub fn switch(&self) -> PathBuf {
        // Something in it, or there is nothing to switch.
        self.sql("create table if not exists filler (); drop table filler");
        let name = self.sql("select pg_walfile_name(pg_switch_wal())");
        let began = Instant::now();
        loop {
            let last = self.sql("select coalesce(last_archived_wal, '') from pg_stat_archiver");
            if last.get(..24).is_some_and(|last| last >= name.as_str()) {
                return self.path("arch").join(name);
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{name} is not archived");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub fn backup(&self, name: &str, options: &[&str]) -> PathBuf {
        let to = self.path("bk").join(name);
        let mut backup = self.account.command(&Path::new(BIN).join("pg_basebackup"));
        let port = self.port.to_string();
        backup.args(["-h", "127.0.0.1", "-U", "regrow", "-c", "fast", "--no-sync", "-p", &port, "-D"]).arg(&to);
        run(if options.is_empty() { backup.args(["-X", "none"]) } else { backup.args(options) });
        to
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The plain story: a backup, 500 rows more, a moment, everything lost, all of it archived.
    pub fn loss(&self) -> String {
        self.backup("base", &[]);
        self.lose()
    }

    pub fn lose(&self) -> String {
        self.sql("insert into orders select i, 'later' from generate_series(1001, 1500) i");
        let moment = self.now();
        self.sql("drop table orders");
        self.switch();
        moment
    }

    pub fn with(&self, as_of: &str) -> Value {
        json!({
            "backup": {"base": self.text("bk/base"), "wal": self.text("arch")},
            "data_directory": self.text("new"),
            "as_of": as_of,
        })
    }

    pub fn op(&self, with: &Value) -> Op<Params, ()> {
        self.op_named("7qk2.restore.1", with)
    }

    pub fn op_named(&self, id: &str, with: &Value) -> Op<Params, ()> {
        if let Some(folder) = with["data_directory"].as_str() {
            self.servers.lock().unwrap().insert(folder.into());
        }
        Op {
            id: serde_json::from_value::<OpId>(json!(id)).unwrap(),
            run: "7qk2".parse().unwrap(),
            step: Address::top("restore"),
            attempt: 1,
            phase: String::new(),
            params: serde_json::from_value(with.clone()).unwrap(),
            prior: (),
            facts: Value::Null,
            timeout_ms: None,
            boot: String::new(),
        }
    }

    pub fn read(&self) -> ReadCx {
        let folder = self.folder.path();
        ReadCx {
            base: folder.into(),
            work: folder.into(),
            mode: Mode::Real,
            secrets: [].into(),
            seal: None,
            rpo: Default::default(),
        }
    }

    pub fn write(&self) -> WriteCx {
        WriteCx::grant(self.read())
    }

    pub fn work_cx(&self) -> WorkCx {
        WorkCx::new(self.write(), |_: Pulse| {})
    }

    pub async fn prepare(&self, op: &Op<Params, ()>) -> Result<Prepared<Prior>, Fault> {
        PostgresRestore.prepare(&self.read(), op).await
    }

    /// Prepared as the engine keeps it: through its JSON.
    pub async fn prepared(&self, op: Op<Params, ()>) -> Op<Params, Prior> {
        let prepared = self.prepare(&op).await.unwrap();
        let prior = serde_json::from_str(&serde_json::to_string(&prepared.prior).unwrap()).unwrap();
        op.with(op.params.clone(), prior)
    }

    pub async fn work(&self, op: &Op<Params, Prior>) -> Result<Outputs, Fault> {
        match PostgresRestore.work(&self.work_cx(), op).await? {
            Next::Done(outputs) => Ok(outputs),
            Next::Phase { .. } => panic!("one phase only"),
        }
    }

    pub async fn restore(&self, with: &Value) -> Result<Outputs, Fault> {
        let op = self.prepared(self.op(with)).await;
        self.work(&op).await
    }

    /// What became of it, asked until nothing is under way: a process that is just being started elsewhere holds the
    /// place's lock until it becomes its program, on a slow disk for long.
    pub async fn settled(&self, op: &Op<Params, Prior>) -> Found {
        let began = Instant::now();
        loop {
            match PostgresRestore.settle(&self.read(), op).await.unwrap() {
                Found::Running if began.elapsed() < Duration::from_secs(60) => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                found => return found,
            }
        }
    }

    pub fn entry(&self, data: &str, op: &str) -> LedgerEntry {
        LedgerEntry {
            kind: "postgres server".into(),
            id: self.text(data),
            made_by: Address::top("restore"),
            temporary: true,
            scratch: false,
            put_aside: false,
            keep_until: None,
            keep_for_ms: None,
            remover: "postgres.restore".into(),
            details: json!({"op": op, "data_directory": self.path(data)}),
        }
    }

    pub fn place(&self) -> Place {
        Place::new(&self.path("new"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for folder in self.servers.lock().unwrap().iter() {
            let _ = server::stop(folder, false);
        }
    }
}

pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().into()
}

/// One value from the server that a restore put out, over its own URL.
pub async fn ask(outputs: &Outputs, sql: &str) -> String {
    let url = outputs["connection"]["url"].as_str().unwrap();
    let config: tokio_postgres::Config = format!("{url}/postgres").parse().unwrap();
    let (client, connection) = config.connect(tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.query_one(&format!("select ({sql})::text"), &[]).await.unwrap().get(0)
}
