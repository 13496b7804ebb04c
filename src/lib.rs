//! regrow brings hosted services back after a disaster.
pub mod kind;
pub mod kinds;
pub mod model;
pub mod provider;
pub mod runbook;
