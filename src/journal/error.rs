//! What can be wrong with a journal: which file, where, and what is safe to do next.

use std::io;

use thiserror::Error;

use super::disk::is_full;

#[derive(Debug, Error)]
pub enum JournalError {
    /// It cannot be written any more. What was staged may or may not be on disk; no further effect may be begun.
    #[error("the journal cannot be written: `{file}` at byte {offset}")]
    Lost { file: String, offset: u64, source: io::Error },
    #[error("no room left for the journal: `{file}` at byte {offset}")]
    Full { file: String, offset: u64, source: io::Error },
    #[error("cannot read `{file}`")]
    Io { file: String, source: io::Error },
    #[error("`{file}` was written by a newer regrow (byte {offset})")]
    Newer { file: String, offset: u64 },
    /// A record that a later one calls durable is not there as it was written.
    #[error("`{file}` is damaged at byte {offset}: {what}")]
    Damaged { file: String, offset: u64, what: String },
    #[error("there is no journal in this folder")]
    Missing,
    #[error("a record for `{file}` cannot be encoded: {why}")]
    Encode { file: String, why: String },
}

impl JournalError {
    pub fn io(file: &str, source: io::Error) -> Self {
        Self::Io { file: file.into(), source }
    }

    pub fn lost(file: &str, offset: u64, source: io::Error) -> Self {
        let file = file.into();
        match is_full(&source) {
            true => Self::Full { file, offset, source },
            false => Self::Lost { file, offset, source },
        }
    }

    pub fn encode(file: &str, why: &serde_json::Error) -> Self {
        Self::Encode { file: file.into(), why: why.to_string() }
    }

    /// What is safe to do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Lost { .. } => "nothing new was begun; look at the disk, then `regrow resume`",
            Self::Full { .. } => "make room, then `regrow resume`; nothing new was begun",
            Self::Io { .. } => "check the folder's owner and mode",
            Self::Newer { .. } => "use the release that wrote it; nothing was changed",
            Self::Damaged { .. } => {
                "restore the file from a copy, or begin a new run and say by `done` what is done; nothing was changed"
            }
            Self::Missing => "`regrow list` names the runs",
            Self::Encode { .. } => "this is a bug in regrow",
        }
    }
}
