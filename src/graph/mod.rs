//! The graph of a runbook: which step waits for which.

mod bits;
pub mod dag;
pub mod draw;
mod expand;
mod longest;
mod order;

pub use dag::{Defect, Edge, Graph, Member, Node};
pub use longest::longest_way;
