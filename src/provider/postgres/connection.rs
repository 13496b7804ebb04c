//! A field that names a server: a URL without password, or `{url, password, ca, sslmode}`.
//!
//! The two `ssl*` parameters that the driver does not know are taken out of the URL here, so that a URL that works with
//! `psql` works too.

use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::model::Fault;
use crate::model::secret::Secret;
use crate::runbook::catalog::Late;

/// How much a connection wants of TLS, as libpq has it
/// (<https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION>).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// How a server is reached.
#[derive(Clone, Debug)]
pub struct Connection {
    url: String,
    password: Option<Secret>,
    /// File with the certificates that sign the server's, relative to the runbook.
    ca: Option<String>,
    sslmode: Option<SslMode>,
}

const PASSWORD_IN_URL: &str =
    "RG0404: a URL of a server holds no password; write `{url: …, password: \"{{ secrets.NAME }}\"}`";

impl Connection {
    pub fn new(url: &str) -> Result<Self, String> {
        let (url, mode, ca) = split_ssl(url)?;
        let config =
            Config::from_str(&url).map_err(|error| format!("no URL of a PostgreSQL server: {}", root(&error)))?;
        if config.get_password().is_some() {
            return Err(PASSWORD_IN_URL.to_owned());
        }
        if config.get_hosts().is_empty() {
            return Err("the URL of the server names no host".to_owned());
        }
        Ok(Self { url, password: None, ca, sslmode: mode })
    }

    pub fn with_password(mut self, password: Secret) -> Self {
        self.password = Some(password);
        self
    }

    /// The database that the URL names.
    pub fn database(&self) -> Option<String> {
        Config::from_str(&self.url).ok()?.get_dbname().map(str::to_owned)
    }

    pub fn ca(&self) -> Option<&str> {
        self.ca.as_deref()
    }

    /// What was asked for, else what libpq would do; a CA without a word on the mode asks for everything.
    pub fn sslmode(&self) -> SslMode {
        self.sslmode.unwrap_or(if self.ca.is_some() { SslMode::VerifyFull } else { SslMode::Prefer })
    }

    /// The driver's settings, password included: not to be shown.
    pub(super) fn config(&self) -> Result<Config, Fault> {
        let mut config = Config::from_str(&self.url)
            .map_err(|error| Fault::new("RG2101", format!("the connection cannot be read: {}", root(&error))))?;
        if let Some(password) = &self.password {
            config.password(password.expose());
        }
        if config.get_user().is_none() {
            config.user("postgres");
        }
        Ok(config)
    }

    /// What a field of a step that names a server leads to, for people, as far as it is known: `lms` on `db:5432`.
    pub fn foreseen(with: &Late<'_>, field: &str, database: Option<&str>) -> Option<String> {
        let url = with.text(&[field]).or_else(|| with.text(&[field, "url"]))?;
        let connection: Self = serde_json::from_value(url.into()).ok()?;
        let database = database.map(str::to_owned).or_else(|| connection.database());
        Some(match database {
            Some(database) => format!("database `{database}` on {}", connection.place()),
            None => format!("server {}", connection.place()),
        })
    }

    /// Whether the server is on this machine, as far as its address tells.
    pub fn is_here(&self) -> bool {
        let place = self.place();
        ["127.", "[::1]", "::1", "localhost:", "/"].iter().any(|start| place.starts_with(start))
    }

    /// A command for people that runs one statement there. It asks for the password.
    pub fn psql(&self, database: &str, statement: &str) -> Vec<String> {
        let Ok(config) = Config::from_str(&self.url) else { return Vec::new() };
        let hosts = config.get_hosts().iter().map(|host| match host {
            Host::Tcp(name) => name.clone(),
            Host::Unix(folder) => folder.display().to_string(),
        });
        let ports: Vec<String> = config.get_ports().iter().map(u16::to_string).collect();
        let (hosts, user) = (hosts.collect::<Vec<_>>().join(","), config.get_user().unwrap_or("postgres"));
        let port = if ports.is_empty() { "5432".to_owned() } else { ports.join(",") };
        let words = ["psql", "-h", &hosts, "-p", &port, "-U", user, "-d", database, "-c", statement];
        words.map(str::to_owned).to_vec()
    }

    /// `host:port`, for people.
    pub fn place(&self) -> String {
        let Ok(config) = Config::from_str(&self.url) else { return self.url.clone() };
        let ports = config.get_ports();
        let port = |at: usize| ports.get(at).or(ports.first()).copied().unwrap_or(5432);
        let hosts = config.get_hosts().iter().enumerate().map(|(at, host)| match host {
            Host::Tcp(name) => format!("{name}:{}", port(at)),
            Host::Unix(folder) => format!("{}:{}", folder.display(), port(at)),
        });
        hosts.collect::<Vec<_>>().join(",")
    }
}

/// The innermost cause: the driver's own words are "invalid connection string".
fn root(error: &tokio_postgres::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The URL without `sslmode` and `sslrootcert`, and what they said.
fn split_ssl(url: &str) -> Result<(String, Option<SslMode>, Option<String>), String> {
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return Err("a URL of a PostgreSQL server begins with `postgres://`".to_owned());
    }
    let Some((front, query)) = url.split_once('?') else { return Ok((url.to_owned(), None, None)) };
    let (mut mode, mut ca, mut kept) = (None, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=') {
            Some(("sslmode", value)) => mode = Some(ssl_mode(value)?),
            Some(("sslrootcert", value)) => ca = Some(value.to_owned()),
            Some(("password", _)) => return Err(PASSWORD_IN_URL.to_owned()),
            _ => kept.push(pair),
        }
    }
    let query = if kept.is_empty() { String::new() } else { format!("?{}", kept.join("&")) };
    Ok((format!("{front}{query}"), mode, ca))
}

fn ssl_mode(text: &str) -> Result<SslMode, String> {
    let value = serde::de::value::StrDeserializer::<serde::de::value::Error>::new(text);
    SslMode::deserialize(value)
        .map_err(|_| "sslmode is one of disable, prefer, require, verify-ca, verify-full".to_owned())
}

impl<'de> Deserialize<'de> for Connection {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(ConnectionVisitor)
    }
}

struct ConnectionVisitor;

impl<'de> Visitor<'de> for ConnectionVisitor {
    type Value = Connection;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a URL without password, or a map of url, password, ca and sslmode")
    }

    fn visit_str<E: serde::de::Error>(self, url: &str) -> Result<Connection, E> {
        Connection::new(url).map_err(E::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Connection, A::Error> {
        let (mut url, mut password, mut ca, mut mode) = (None::<String>, None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "url" => url = Some(map.next_value()?),
                "password" => password = map.next_value::<Option<Secret>>()?,
                "ca" => ca = map.next_value::<Option<String>>()?,
                "sslmode" => mode = map.next_value::<Option<SslMode>>()?,
                other => return Err(A::Error::unknown_field(other, &["url", "password", "ca", "sslmode"])),
            }
        }
        let url = url.ok_or_else(|| A::Error::missing_field("url"))?;
        let connection = Connection::new(&url).map_err(A::Error::custom)?;
        Ok(Connection { password, ca: ca.or(connection.ca), sslmode: mode.or(connection.sslmode), url: connection.url })
    }
}

impl JsonSchema for Connection {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PostgresConnection".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let secret = generator.subschema_for::<Secret>();
        let mode = generator.subschema_for::<SslMode>();
        schemars::json_schema!({
            "description": "a server: a URL without password, or `{url, password, ca, sslmode}`, or what a restore put out",
            "anyOf": [
                {"type": "string"},
                {
                    "type": "object",
                    "properties": {"url": {"type": "string"}, "password": secret, "ca": {"type": "string"}, "sslmode": mode},
                    "required": ["url"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(value: serde_json::Value) -> Result<Connection, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "postgres://ana:hunter2@db.example:5432/shop",
            "postgresql://db.example/shop?password=hunter2",
            "postgres://db.example/shop?sslmode=bogus-hunter2",
        ] {
            let error = read(json!(url)).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(read(json!("postgres://a:b@h/x")).unwrap_err().contains("secrets.NAME"));
    }

    #[test]
    fn what_psql_takes_is_taken() {
        let c = read(json!("postgres://ana@db.example/shop?sslmode=verify-full&sslrootcert=ca.pem")).unwrap();
        assert_eq!((c.sslmode(), c.ca(), c.place().as_str()), (SslMode::VerifyFull, Some("ca.pem"), "db.example:5432"));
        let c = read(json!({"url": "postgres://ana@%2Frun%2Fpg:5433/shop", "password": "x"})).unwrap();
        assert_eq!((c.sslmode(), c.place().as_str()), (SslMode::Prefer, "/run/pg:5433"));
        assert!(format!("{c:?}").contains("***"));
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for value in
            [json!("mysql://x/y"), json!(7), json!({"url": "postgres://h/x", "usr": "a"}), json!({"password": "x"})]
        {
            assert!(read(value.clone()).is_err(), "{value}");
        }
    }
}
