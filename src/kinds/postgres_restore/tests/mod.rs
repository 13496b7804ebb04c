//! Against real PostgreSQL servers.

mod bench;
mod crash;
mod places;
mod refusals;
mod sources;
mod story;
