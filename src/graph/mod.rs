//! The graph of a runbook: which step waits for which.

mod bits;
pub mod dag;

pub use dag::{Defect, Edge, Graph, Node};
