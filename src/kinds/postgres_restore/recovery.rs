//! Waits until the server has reached the moment, and lets it prove that itself.
//!
//! `pg_ctl` says yes as soon as somebody is let in, also where the WAL then ends too early. What counts here is that the
//! server says it is out of recovery: from version 13 on it only gets there over the target.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, NoTls};

use super::config::written;
use super::log::{Log, is_over, last_transaction, segments, why};
use super::place::Place;
use super::prior::{Prior, Source};
use super::roles::superusers;
use super::server::running;
use crate::kind::Outputs;
use crate::model::{Fault, Pulse, RetryClass};

/// Who asks the server, and as whom.
pub struct Asked {
    client: Client,
    pub user: String,
}

/// How a login went.
enum Login {
    In(Asked),
    /// Not yet: it is starting or recovering.
    NotYet,
    Refused(String),
}

/// Waits for the end of recovery. `log` begins where this start began.
pub async fn wait(place: &Place, prior: &Prior, port: u16, log: &Log, pulse: impl Fn(Pulse)) -> Result<Asked, Fault> {
    let began = Instant::now();
    let mut pause = Duration::from_millis(20);
    loop {
        let alive = running(&place.data).is_some();
        if alive && let Some(asked) = ready(place, prior, port).await? {
            return Ok(asked);
        }
        let text = log.text();
        if !alive && running(&place.data).is_none() && (is_over(&text) || began.elapsed() > Duration::from_secs(10)) {
            return Err(why(&text, prior, &place.log()));
        }
        pulse(progress(&text, prior));
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(500));
    }
}

fn progress(text: &str, prior: &Prior) -> Pulse {
    let (size, total) = match &prior.source {
        Source::Base { segment_size, segments, .. } => (*segment_size, segments.map(|count| count * segment_size)),
        Source::PgBackrest(_) => (16 << 20, None),
    };
    Pulse { done: segments(text) * size, total, unit: "bytes".into(), doing: "replaying WAL".into() }
}

/// A login on a server that is out of recovery.
pub async fn ready(place: &Place, prior: &Prior, port: u16) -> Result<Option<Asked>, Fault> {
    let mut candidates: Vec<String> = prior.user.iter().cloned().collect();
    if prior.user.is_none() {
        candidates.extend(superusers(&place.data));
        candidates.extend(["postgres".to_string(), prior.account.name.clone()]);
    }
    let mut refused = Vec::new();
    for user in candidates {
        match login(place, port, &user).await {
            Login::In(asked) => return Ok(asked.is_out_of_recovery().await?.then_some(asked)),
            Login::NotYet => return Ok(None),
            Login::Refused(why) => refused.push(why),
        }
    }
    let mut fault = Fault::new("RG2416", "the restored server lets no superuser in").hint("name one as `user`");
    fault.causes = refused;
    Err(fault)
}

async fn login(place: &Place, port: u16, user: &str) -> Login {
    let mut config = Config::new();
    // Of all databases this one is always there.
    config.host_path(&place.own).port(port).user(user).dbname("template1").connect_timeout(Duration::from_secs(10));
    match config.connect(NoTls).await {
        Ok((client, connection)) => {
            tokio::spawn(connection);
            match client.query_one("select rolsuper from pg_roles where rolname = current_user", &[]).await {
                Ok(row) if row.get::<_, bool>(0) => Login::In(Asked { client, user: user.into() }),
                Ok(_) => Login::Refused(format!("`{user}` is no superuser")),
                Err(_) => Login::NotYet,
            }
        }
        Err(error) => match error.code() {
            Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION | &SqlState::INVALID_PASSWORD) => {
                Login::Refused(error.to_string())
            }
            _ => Login::NotYet,
        },
    }
}

fn lost(error: tokio_postgres::Error) -> Fault {
    Fault::new("RG2416", "the restored server does not answer").retry(RetryClass::Later).caused_by(&error)
}

impl Asked {
    async fn is_out_of_recovery(&self) -> Result<bool, Fault> {
        let row = self.client.query_one("select not pg_is_in_recovery()", &[]).await.map_err(lost)?;
        Ok(row.get(0))
    }

    /// What the server says of itself, held against what was wanted.
    pub async fn prove(&self, place: &Place, prior: &Prior, port: u16) -> Result<Outputs, Fault> {
        let sql = "select pg_last_xact_replay_timestamp(), substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), \
                   (select system_identifier::text from pg_control_system()), current_setting('data_directory')";
        let row = self.client.query_one(sql, &[]).await.map_err(lost)?;
        let (timeline, system, folder): (String, String, String) = (row.get(1), row.get(2), row.get(3));
        if system != prior.system_identifier || folder != place.data.display().to_string() {
            return Err(Fault::new("RG2418", format!("another server answers: system {system} in `{folder}`")));
        }
        // None after a restart: then the log is the witness. None at all: nothing was replayed but the backup's own WAL.
        let replayed: Option<Timestamp> = row.get(0);
        let last = replayed.or_else(|| last_transaction(&Log::whole(&place.log()).text()));
        let restored_to = last.unwrap_or(prior.backup_ended.min(prior.as_of));
        if restored_to > prior.as_of {
            return Err(Fault::new(
                "RG2418",
                format!("the server holds data of {restored_to}, newer than {}", prior.as_of),
            )
            .hint("the backup had not ended by then: choose an older one"));
        }
        let timeline = u32::from_str_radix(&timeline, 16).unwrap_or_default();
        Ok(outputs(place, &self.user, port, restored_to, timeline))
    }
}

/// `connection` is one URL for libpq and for us, without database and password: the host is the private socket's folder.
fn outputs(place: &Place, user: &str, port: u16, restored_to: Timestamp, timeline: u32) -> Map<String, Value> {
    let folder = encoded(&place.own.display().to_string());
    let outputs = json!({
        "connection": {"url": format!("postgres://{}@{folder}:{port}", encoded(user))},
        "host": "127.0.0.1",
        "port": port,
        "restored_to": written(restored_to),
        "timeline": timeline,
    });
    match outputs {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Percent-encoded, everything but what is plain everywhere.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
