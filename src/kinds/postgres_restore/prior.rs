//! What is found once, before anything is made, and written down with the intent.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::provider::postgres::backup::base::Form;
use crate::provider::postgres::backup::exec::Account;
use crate::provider::postgres::backup::source::{Set, WalSource};
use crate::provider::postgres::backup::wal::Lsn;

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Prior {
    pub source: Source,
    pub data_directory: PathBuf,
    pub as_of: Timestamp,
    /// The earliest moment the chosen backup gives back.
    pub backup_ended: Timestamp,
    pub bytes: u64,
    pub system_identifier: String,
    pub account: Account,
    pub bin: PathBuf,
    /// Absent: a free one is taken at the start.
    pub port: Option<u16>,
    pub serve: bool,
    pub listen: Option<String>,
    /// A superuser to log in as, if the runbook names one.
    pub user: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    Base {
        form: Form,
        wal: WalSource,
        start: Lsn,
        has_manifest: bool,
        segment_size: u64,
        /// How many segments there are to replay at most, as far as names tell.
        segments: Option<u64>,
    },
    PgBackrest(Set),
}
