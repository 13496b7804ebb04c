//! What a base backup says of itself: its label, the end of its manifest, its control file.

use std::path::Path;

use jiff::Timestamp;
use jiff::fmt::strtime;
use serde::{Deserialize, Serialize};

use super::exec::{capture, plain};
use super::wal::Lsn;
use crate::model::Fault;

/// `backup_label`, and with the same words the `.backup` file that the server archives when a backup ends.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Label {
    pub start: Option<Lsn>,
    pub stop: Option<Lsn>,
    pub timeline: Option<u32>,
    pub text: String,
    /// Only where it is written in UTC: the other abbreviations of time zones are not unique.
    pub stopped_at: Option<Timestamp>,
}

impl Label {
    pub fn parse(text: &str) -> Self {
        let mut label = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(": ")) {
            let position = || Lsn::parse(value.split_whitespace().next()?);
            match key {
                "START WAL LOCATION" => label.start = position(),
                "STOP WAL LOCATION" => label.stop = position(),
                "START TIMELINE" => label.timeline = value.trim().parse().ok(),
                "LABEL" => label.text = value.trim().into(),
                "STOP TIME" => label.stopped_at = utc(value),
                _ => {}
            }
        }
        label
    }
}

/// `2026-11-24 13:38:25 UTC`.
fn utc(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let bare =
        text.strip_suffix(" UTC").or_else(|| text.strip_suffix(" GMT")).or_else(|| text.strip_suffix(" Etc/UTC"))?;
    format!("{}Z", bare.replace(' ', "T")).parse().ok()
}

/// Where the backup ends, by its manifest, which is written last.
pub fn end_of_manifest(text: &str) -> Option<Lsn> {
    let manifest: serde_json::Value = serde_json::from_str(text).ok()?;
    let ranges = manifest.get("WAL-Ranges")?.as_array()?;
    ranges.iter().filter_map(|range| Lsn::parse(range.get("End-LSN")?.as_str()?)).max()
}

/// What `pg_controldata` tells of a cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    pub system_identifier: String,
    pub segment_size: u64,
    /// When the latest checkpoint began, in whole seconds, rounded down.
    pub checkpoint_at: Timestamp,
    /// Settings that must not be lower than the lost server's, by their names in `postgresql.conf`.
    pub limits: Vec<(String, u64)>,
}

/// Reads the control file under `cluster`.
pub fn control(bin: &Path, cluster: &Path) -> Result<Control, Fault> {
    let said = capture(plain(&bin.join("pg_controldata")).arg(cluster))?;
    let unreadable = || {
        let mut fault = Fault::new("RG2403", format!("the control file of `{}` cannot be read", cluster.display()));
        fault.causes = said.complaint();
        fault.hint("the backup is damaged or not of this version: take another")
    };
    match said.ok {
        true => parse_control(&said.out).ok_or_else(unreadable),
        false => Err(unreadable()),
    }
}

fn parse_control(text: &str) -> Option<Control> {
    let value = |key: &str| text.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim()));
    let limits = [
        ("max_connections", "max_connections setting"),
        ("max_worker_processes", "max_worker_processes setting"),
        ("max_wal_senders", "max_wal_senders setting"),
        ("max_prepared_transactions", "max_prepared_xacts setting"),
        ("max_locks_per_transaction", "max_locks_per_xact setting"),
    ];
    let limit = |(setting, key): (&str, &str)| Some((setting.to_string(), value(key)?.parse().ok()?));
    Some(Control {
        system_identifier: value("Database system identifier")?.into(),
        segment_size: value("Bytes per WAL segment")?.parse().ok()?,
        checkpoint_at: strtime::parse("%a %b %e %H:%M:%S %Y", value("Time of latest checkpoint")?)
            .and_then(|time| time.to_datetime()?.to_zoned(jiff::tz::TimeZone::UTC))
            .ok()?
            .timestamp(),
        limits: limits.into_iter().filter_map(limit).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_file_says_where_and_when_the_backup_ended() {
        let label = Label::parse(
            "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\nSTOP WAL LOCATION: 0/2000100 (file 0)\n\
             LABEL: nightly\nSTART TIMELINE: 1\nSTOP TIME: 2026-11-24 13:38:25 UTC\n",
        );
        assert_eq!((label.start, label.stop, label.timeline), (Some(Lsn(0x2000028)), Some(Lsn(0x2000100)), Some(1)));
        assert_eq!(label.stopped_at, Some("2026-11-24T13:38:25Z".parse().unwrap()));
        assert_eq!(Label::parse("STOP TIME: 2026-11-24 13:38:25 IST\n").stopped_at, None);
    }

    #[test]
    fn control_data_is_read_by_its_words() {
        let text = "Database system identifier:           7711731908262662336\n\
            Time of latest checkpoint:            Tue Nov  3 13:38:25 2026\nmax_connections setting:              100\n\
            Bytes per WAL segment:                16777216\n";
        let control = parse_control(text).unwrap();
        assert_eq!(control.checkpoint_at, "2026-11-03T13:38:25Z".parse().unwrap());
        assert_eq!(control.limits, [("max_connections".to_string(), 100)]);
    }
}
