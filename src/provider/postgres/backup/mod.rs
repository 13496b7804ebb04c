//! Backups of PostgreSQL as they lie on disk: base backups with a WAL archive, and those that pgBackRest keeps.
//!
//! One way of finding the usable ones for all who ask: [`choose`] takes the newest for a moment, [`stock`] says what there is.
//! Nothing is written but small files in a folder of one's own.

pub mod base;
pub mod catalogue;
pub mod choose;
pub mod commits;
pub mod exec;
pub mod facts;
pub mod programs;
pub mod reach;
pub mod source;
pub mod stock;
pub mod wal;
