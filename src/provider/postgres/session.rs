//! A session on a server: one that reads and one that writes, as two types.

use std::ops::Deref;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Driver;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Row};

use super::connection::{Connection, SslMode};
use super::identity::Identity;
use super::{Wire, fault, raw, tls};
use crate::kind::{ReadCx, WriteCx};
use crate::model::{Fault, OpId, RetryClass};

const CONNECT: Duration = Duration::from_secs(10);

/// Statements that the answers of the catalogs depend on. An empty search path makes the catalogs print every name with its schema; the
/// formats make text the same on both sides; a lost client ends a long statement after two seconds (PostgreSQL 14 and
/// later, an unknown setting otherwise, hence the `set_config` over `pg_settings`).
const SETTINGS: &str = "
    set search_path = ''; set lc_monetary = 'C'; set datestyle = 'ISO, YMD'; set intervalstyle = 'postgres'; set timezone = 'UTC';
    set extra_float_digits = 3; set bytea_output = 'hex'; set statement_timeout = 0;
    set idle_in_transaction_session_timeout = 0; set lock_timeout = 0; set row_security = off;
    select pg_catalog.set_config(name, '2s', false) from pg_catalog.pg_settings
        where name = 'client_connection_check_interval' and setting = '0'";

const PLAIN: &str = "
    set timezone = 'UTC'; set datestyle = 'ISO, YMD'; set statement_timeout = 0; set idle_in_transaction_session_timeout = 0;
    select pg_catalog.set_config(name, case name when 'synchronous_commit' then 'on' else '2s' end, false)
        from pg_catalog.pg_settings where name = 'synchronous_commit' and setting in ('off', 'local')
            or name = 'client_connection_check_interval' and setting = '0'";

/// Where a session goes and in whose name.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub connection: Connection,
    pub database: Option<String>,
    pub application: String,
}

/// How a session of an operation is called on the server: `regrow 7qk2.load.1`. PostgreSQL cuts at 63 bytes and replaces
/// what is not ASCII, so other names are shortened here, in a way that both sides know.
pub fn application_name(op: &OpId) -> String {
    let name = format!("regrow {op}");
    if name.len() <= 63 && name.is_ascii() { name } else { format!("regrow {}", op.short()) }
}

/// What both kinds of session can do: ask. Dropping it closes the connection.
pub struct Session {
    client: Client,
    driver: JoinHandle<()>,
    stream: raw::Tapping,
    pid: i32,
    version: i32,
    place: String,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Session {
    async fn open(cx: &ReadCx, to: &Endpoint, settings: &str) -> Result<Self, Fault> {
        let place = to.connection.place();
        let config = to.config()?;
        let mode = to.connection.sslmode();
        let tls = tls::connector(mode, to.connection.ca().map(|ca| cx.path(ca)).as_deref())?;
        let tapped = tokio::time::timeout(CONNECT, raw::connect(&config, tls))
            .await
            .map_err(|_| cannot_connect(&place).retry(RetryClass::Now))?
            .map_err(|problem| match problem {
                raw::Problem::Socket(error) => cannot_connect(&place).retry(RetryClass::Now).caused_by(&error),
                raw::Problem::Driver(error) => refused(&place, &error),
            })?;
        let raw::Tapped { client, driver, stream } = tapped;
        let mut session = Self { client, driver, stream, pid: 0, version: 0, place };
        session.batch(settings).await?;
        let row = session
            .query_one("select pg_catalog.pg_backend_pid(), current_setting('server_version_num')::int", &[])
            .await?;
        session.pid = row.get(0);
        session.version = row.get(1);
        Ok(session)
    }

    /// The server process behind it.
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// `150004` for 15.4.
    pub fn version(&self) -> i32 {
        self.version
    }

    pub fn major(&self) -> i32 {
        self.version / 10_000
    }

    /// `host:port`, as dialled.
    pub fn place(&self) -> &str {
        &self.place
    }

    pub async fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, Fault> {
        self.client.query(sql, values).await.map_err(|error| self.failed(&error))
    }

    pub async fn query_one(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Row, Fault> {
        self.client.query_one(sql, values).await.map_err(|error| self.failed(&error))
    }

    /// Rows of a statement whose one column is JSON.
    pub async fn read<T: DeserializeOwned>(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<T>, Fault> {
        self.query(sql, values).await?.iter().map(from_json).collect()
    }

    pub async fn read_one<T: DeserializeOwned>(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<T, Fault> {
        from_json(&self.query_one(sql, values).await?)
    }

    /// The driver, for what has no word of its own here: types of a statement, COPY.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// What the driver's error means here.
    pub(crate) fn failed(&self, error: &tokio_postgres::Error) -> Fault {
        if error.as_db_error().is_some() && !super::sql_state(error).is_some_and(|state| state.starts_with("57P")) {
            return fault("RG2106", format!("the server at {} refuses a statement", self.place), error);
        }
        fault("RG2104", format!("the connection to {} was cut", self.place), error)
    }

    /// The same where the server's refusal has a code and words of its own.
    pub(crate) fn refused(&self, code: &str, what: impl Into<String>, error: &tokio_postgres::Error) -> Fault {
        match error.as_db_error() {
            Some(_) => fault(code, what, error),
            None => self.failed(error),
        }
    }

    async fn batch(&self, sql: &str) -> Result<(), Fault> {
        self.client.batch_execute(sql).await.map_err(|error| self.failed(&error))
    }

    /// Takes the byte stream from the driver, which has nothing under way: every call here waits for its end.
    async fn into_wire(mut self) -> Result<Wire, Fault> {
        self.driver.abort();
        let _ = (&mut self.driver).await;
        let stream = self.stream.take().ok_or_else(|| Fault::new("RG2104", "the connection is gone"))?;
        Ok(Wire::new(stream, self.place.clone()))
    }

    /// Begins what sees one moment only, and cannot write.
    pub async fn begin_snapshot(&self, snapshot: Option<&str>) -> Result<(), Fault> {
        let import =
            snapshot.map(|id| format!("; set transaction snapshot {}", super::literal(id))).unwrap_or_default();
        self.batch(&format!("begin isolation level repeatable read, read only{import}")).await
    }
}

fn from_json<T: DeserializeOwned>(row: &Row) -> Result<T, Fault> {
    let value: Value = row.try_get(0).map_err(|error| fault("RG2106", "an answer has no JSON in it", &error))?;
    serde_json::from_value(value)
        .map_err(|error| Fault::new("RG2106", "the catalogs answer in an unknown form").caused_by(&error))
}

/// A session that only asks.
pub struct ReadSession(Session);

impl ReadSession {
    pub async fn open(cx: &ReadCx, to: &Endpoint) -> Result<Self, Fault> {
        let session = Session::open(cx, to, SETTINGS).await?;
        session.batch("set default_transaction_read_only = on").await?;
        Ok(Self(session))
    }

    /// A session for statements that people wrote: names are found as they are with `psql`, times are in UTC.
    pub async fn plain(cx: &ReadCx, to: &Endpoint, limit: Duration) -> Result<Self, Fault> {
        let settings = format!(
            "set default_transaction_read_only = on; set timezone = 'UTC'; set datestyle = 'ISO, YMD'; \
             set statement_timeout = {}",
            limit.as_millis()
        );
        Session::open(cx, to, &settings).await.map(Self)
    }
}

impl ReadSession {
    /// For a COPY that reads: the settings made so far stay.
    pub async fn into_wire(self) -> Result<Wire, Fault> {
        self.0.into_wire().await
    }
}

impl Deref for ReadSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

/// A session that may change things.
pub struct WriteSession(Session);

impl WriteSession {
    /// Opens a session on the very database that `prepare` saw; any other is refused before a statement is sent.
    pub async fn open(cx: &WriteCx, to: &Endpoint, pinned: &Identity) -> Result<Self, Fault> {
        Self::with(cx, to, pinned, SETTINGS).await
    }

    /// A session for statements that people wrote, see [`ReadSession::plain`]. What ends them is the step's `timeout`, and what
    /// is committed is on the server's disk.
    pub async fn plain(cx: &WriteCx, to: &Endpoint, pinned: &Identity) -> Result<Self, Fault> {
        Self::with(cx, to, pinned, PLAIN).await
    }

    async fn with(cx: &WriteCx, to: &Endpoint, pinned: &Identity, settings: &str) -> Result<Self, Fault> {
        let session = Session::open(cx, to, settings).await?;
        pinned.hold(&session).await?;
        // Ours to decide, whatever the role or the database has as its default.
        session.batch("set default_transaction_read_only = off").await?;
        Ok(Self(session))
    }

    /// Statements without values, in one message.
    pub async fn run(&self, sql: &str) -> Result<(), Fault> {
        self.0.batch(sql).await
    }

    pub async fn into_wire(self) -> Result<Wire, Fault> {
        self.0.into_wire().await
    }

    /// How many rows it touched.
    pub async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, Fault> {
        self.0.client.execute(sql, values).await.map_err(|error| self.failed(&error))
    }
}

impl Deref for WriteSession {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.0
    }
}

impl Endpoint {
    pub(super) fn config(&self) -> Result<Config, Fault> {
        let mut config = self.connection.config()?;
        if let Some(database) = &self.database {
            config.dbname(database);
        }
        let mode = match self.connection.sslmode() {
            SslMode::Disable => Driver::Disable,
            SslMode::Prefer => Driver::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Driver::Require,
        };
        config.application_name(&self.application).ssl_mode(mode);
        Ok(config)
    }
}

fn cannot_connect(place: &str) -> Fault {
    Fault::new("RG2101", format!("no PostgreSQL server answers at {place}"))
        .hint("check that it runs and that this machine may reach it: `pg_isready` says so")
}

/// An error of the driver with everything beneath it: it has no kinds to match on.
fn said(error: &tokio_postgres::Error) -> String {
    fault("", "", error).causes.join(": ")
}

fn refused(place: &str, error: &tokio_postgres::Error) -> Fault {
    match super::sql_state(error) {
        Some(state) if state.starts_with("28") => {
            fault("RG2102", format!("the server at {place} does not let us in"), error)
                .hint("check user and password of the connection, and the server's pg_hba.conf")
        }
        Some("3D000") => fault("RG2107", format!("the server at {place} has no such database"), error)
            .hint("name an existing one with `database`"),
        Some(_) => fault("RG2101", format!("the server at {place} refuses the connection"), error),
        None if said(error).contains("TLS") => fault("RG2103", format!("no TLS connection to {place}"), error)
            .retry(RetryClass::Never)
            .hint("check `sslmode` and `ca` of the connection"),
        None if said(error).contains("password missing") => {
            fault("RG2102", format!("the server at {place} asks for a password"), error)
                .retry(RetryClass::Never)
                .hint("give one: `{url: …, password: \"{{ secrets.NAME }}\"}`")
        }
        None => {
            let hint = cannot_connect(place).hint.unwrap_or_default();
            fault("RG2101", format!("no PostgreSQL server answers at {place}"), error).hint(hint)
        }
    }
}
