//! The step kinds, each in a folder of its own. None uses another.
#[cfg(feature = "postgres")]
pub mod postgres_restore;
pub mod tcp_connect;
