//! Text to a typed runbook.
pub mod catalog;
