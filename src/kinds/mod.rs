//! The kinds of recovery work, each in its own folder.
#[cfg(feature = "postgres")]
pub mod postgres_dump_and_load;
#[cfg(feature = "postgres")]
pub mod postgres_query;
