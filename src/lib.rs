//! regrow brings hosted services back after a disaster.
pub mod cli {
    pub mod problems;
}
pub mod graph;
pub mod model;
pub mod runbook;
