//! regrow brings hosted services back after a disaster.
pub mod model;
