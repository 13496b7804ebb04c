//! A PostgreSQL server: how it is reached, what its catalogs say, how rows stream out of one and into another.
//!
//! Promises: a [`ReadSession`] cannot write, by its type and by the server's word (`default_transaction_read_only`); a
//! [`WriteSession`] on a pinned place answers only after the live identity equals the pinned one (G19); every session
//! carries the operation's name as `application_name`, so that ours can be told from others'; no password stands in a
//! fault, a name or a log line.

pub mod backup;
pub mod catalog;
mod connection;
mod copy;
mod fault;
mod identity;
mod name;
pub mod question;
mod raw;
mod reach;
mod row_sum;
mod session;
pub mod statements;
#[cfg(test)]
pub mod testing;
mod tls;

pub use connection::{Connection, SslMode};
pub use copy::{Progress, Wire, stream};
pub use fault::{fault, sql_state};
pub use identity::Identity;
pub use name::{Name, literal, quote};
pub use reach::reach;
pub use row_sum::RowSum;
pub use session::{Endpoint, ReadSession, Session, WriteSession, application_name};
