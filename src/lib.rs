//! regrow brings hosted services back after a disaster.
pub mod cli;
pub mod engine;
pub mod graph;
pub mod journal;
pub mod kind;
pub mod kinds;
pub mod model;
pub mod plan;
pub mod provider;
pub mod report;
pub mod runbook;
pub mod view;
