//! The restored server's configuration: ours, in place of the backup's, which is kept beside it as `*.of-backup`.
//!
//! The old files are never read by a copy that only is to be read out: they would bring along the old port, the archive
//! (a restored server would push its WAL into the archive of the lost one), preloaded workers such as a job scheduler, and
//! subscriptions that take changes away from the living. Access is by a socket in a folder that only the server's own
//! account can enter; on loopback the roles of the backup log in with their own passwords.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;

use super::exec::{Account, io};
use super::facts::Control;
use super::place::{Place, own};
use super::prior::{Prior, Source};
use crate::model::Fault;
use crate::provider::postgres::backup::source::WalSource;

const REPLACED: [&str; 4] = ["postgresql.conf", "postgresql.auto.conf", "pg_hba.conf", "pg_ident.conf"];

/// Puts the backup's files aside and asks for recovery. Done once, before the files count as copied.
pub fn set_aside(place: &Place, account: &Account) -> Result<(), Fault> {
    for name in REPLACED {
        let (from, to) = (place.data.join(name), place.data.join(format!("{name}.of-backup")));
        if from.exists() {
            fs::rename(&from, &to).map_err(|error| io("renaming", &from, &error))?;
        }
    }
    // Of a backup taken from a standby: it would stay one for ever.
    let standby = place.data.join("standby.signal");
    if standby.exists() {
        fs::remove_file(&standby).map_err(|error| io("removing", &standby, &error))?;
    }
    write(&place.data.join("recovery.signal"), "", account)
}

/// Writes our files. May be repeated, also with another port.
pub fn write_ours(place: &Place, prior: &Prior, control: &Control, port: u16) -> Result<(), Fault> {
    let data = &place.data;
    let kept = |name: &str| fs::read_to_string(data.join(format!("{name}.of-backup"))).ok();
    let mut lines = vec!["# Written by regrow; the backup's own files lie beside as *.of-backup.".to_string()];
    let serves_as_told = prior.serve && kept("postgresql.conf").is_some();
    if prior.serve {
        lines.extend(
            ["postgresql.conf", "postgresql.auto.conf"].map(|name| format!("include_if_exists = '{name}.of-backup'")),
        );
    }
    let mut set = |name: &str, value: &str| lines.push(format!("{name} = {}", quoted(value)));
    if !serves_as_told {
        limits(control).iter().for_each(|(name, value)| set(name, value));
        set("shared_preload_libraries", "");
    }
    if let Some(listen) = prior.listen.as_deref().or((!serves_as_told).then_some("127.0.0.1")) {
        set("listen_addresses", listen);
    }
    if !prior.serve {
        THROW_AWAY.iter().for_each(|(name, value)| set(name, value));
    }
    always(place, port).iter().for_each(|(name, value)| set(name, value));
    set("restore_command", &restore_command(prior, kept("postgresql.auto.conf").as_deref())?);
    NO_OTHER_TARGET.iter().for_each(|name| set(name, ""));
    set("recovery_target_time", &prior.as_of.strftime("%Y-%m-%d %H:%M:%S.%6f+00").to_string());
    RECOVERY.iter().for_each(|(name, value)| set(name, value));
    lines.push(String::new());
    write(&data.join("postgresql.conf"), &lines.join("\n"), &prior.account)?;
    let old = if prior.serve { kept("pg_hba.conf").unwrap_or_default() } else { String::new() };
    write(&data.join("pg_hba.conf"), &format!("{ACCESS}{old}"), &prior.account)?;
    let old = if prior.serve { kept("pg_ident.conf").unwrap_or_default() } else { String::new() };
    write(&data.join("pg_ident.conf"), &old, &prior.account)
}

/// The first line is only for the private socket: a line of `local` in the backup's file never counts after it.
const ACCESS: &str = "# Written by regrow. The socket lies in a folder that only the server's account can enter.
local all all trust
host all all 127.0.0.1/32 md5
";

/// Targets that the backup's own files may name. Taken back before ours is set: the server counts them as it reads.
const NO_OTHER_TARGET: [&str; 4] =
    ["recovery_target", "recovery_target_lsn", "recovery_target_name", "recovery_target_xid"];

const RECOVERY: [(&str, &str); 5] = [
    ("recovery_target_inclusive", "on"),
    ("recovery_target_timeline", "latest"),
    ("recovery_target_action", "promote"),
    // Nobody reads before the moment is reached; and limits lower than the lost server's would pause recovery.
    ("hot_standby", "off"),
    ("primary_conninfo", ""),
];

/// A copy that can be made again need not survive a power cut; the marker knows in which boot it was made.
const THROW_AWAY: [(&str, &str); 13] = [
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("synchronous_commit", "off"),
    // Also how much WAL is kept while it is replayed: see `prepare`.
    ("max_wal_size", "2GB"),
    ("checkpoint_timeout", "1h"),
    ("shared_buffers", "128MB"),
    ("huge_pages", "off"),
    ("autovacuum", "off"),
    // Subscriptions in the copy would take changes away from the living server.
    ("max_logical_replication_workers", "0"),
    ("session_preload_libraries", ""),
    ("local_preload_libraries", ""),
    ("ssl", "off"),
    ("jit", "off"),
];

fn always(place: &Place, port: u16) -> Vec<(&'static str, String)> {
    let text = |path: &Path| path.display().to_string();
    vec![
        ("data_directory", text(&place.data)),
        ("hba_file", text(&place.data.join("pg_hba.conf"))),
        ("ident_file", text(&place.data.join("pg_ident.conf"))),
        ("external_pid_file", String::new()),
        ("port", port.to_string()),
        ("unix_socket_directories", text(&place.own)),
        ("unix_socket_permissions", "0700".into()),
        ("archive_mode", "off".into()),
        ("logging_collector", "off".into()),
        ("log_destination", "stderr".into()),
        // Read by us while it recovers.
        ("log_line_prefix", "%m [%p] ".into()),
        ("log_timezone", "UTC".into()),
        ("lc_messages", "C".into()),
        ("cluster_name", "regrow".into()),
    ]
}

/// Never lower than the lost server's: prepared transactions and locks in the WAL need their room.
fn limits(control: &Control) -> Vec<(String, String)> {
    control.limits.iter().map(|(name, value)| (name.clone(), value.to_string())).collect()
}

fn restore_command(prior: &Prior, auto: Option<&str>) -> Result<String, Fault> {
    match &prior.source {
        Source::Base { wal: WalSource::Folder(folder), .. } => Ok(from_folder(folder)),
        Source::Base { wal: WalSource::Command(argv), .. } => {
            Ok(argv.iter().map(|word| shell(word)).collect::<Vec<_>>().join(" "))
        }
        Source::PgBackrest(_) => {
            let line = auto
                .into_iter()
                .flat_map(str::lines)
                .filter_map(|line| line.strip_prefix("restore_command = '"))
                .next_back();
            let command = line.and_then(|line| line.trim_end().strip_suffix('\''));
            command
                .map(|text| text.replace("''", "'"))
                .ok_or_else(|| Fault::new("RG2419", "pgBackRest wrote no `restore_command`"))
        }
    }
}

/// A file that is not there ends the WAL (1); anything else that goes wrong must not look like that, so it ends recovery
/// (above 125).
fn from_folder(folder: &Path) -> String {
    let folder = shell(&folder.display().to_string().replace('%', "%%"));
    format!(
        "test -d {folder} || exit 201; if test -f {folder}/%f; then cp {folder}/%f \"%p\" || exit 202; \
         elif test -e {folder}/%f; then exit 203; else exit 1; fi"
    )
}

/// One word for `sh`. `%f` and `%p` stay: the server puts plain names in.
fn shell(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "''"))
}

fn write(path: &Path, text: &str, account: &Account) -> Result<(), Fault> {
    let failed = |error| io("writing", path, &error);
    let fresh = path.with_extension("regrow-new");
    let _ = fs::remove_file(&fresh);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    own(&fresh, account)?;
    fs::rename(&fresh, path).map_err(failed)
}

/// As RFC 3339 in UTC, to the microsecond that PostgreSQL knows.
pub fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_s_name_survives_the_shell_and_the_server() {
        let command = from_folder(Path::new("/a b/it's 100%"));
        assert!(command.starts_with(r"test -d '/a b/it'\''s 100%%' || exit 201"), "{command}");
        assert_eq!(quoted("it's"), "'it''s'");
    }
}
