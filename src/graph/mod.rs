//! The graph of a runbook: which step waits for which.

mod bits;
pub mod dag;
mod expand;
mod order;

pub use dag::{Defect, Edge, Graph, Member, Node};
