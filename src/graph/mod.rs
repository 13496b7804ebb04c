//! The graph of a runbook: which step waits for which.

mod bits;
pub mod dag;
pub mod draw;
mod expand;
mod holds;
mod longest;
mod order;
mod rings;

pub use dag::{Defect, Edge, Graph, Member, Node, Role};
pub use longest::longest_way;
