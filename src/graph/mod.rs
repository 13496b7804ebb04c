//! The graph of a runbook: which step waits for which.

mod bits;
pub mod dag;
pub mod draw;
mod longest;

pub use dag::{Defect, Edge, Graph, Node};
pub use longest::longest_way;
