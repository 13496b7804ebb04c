//! Tells people what happens and what happened.
//!
//! While a run goes on, observers are told each record once it is on disk: [`lines`] prints timestamped lines, [`terminal`]
//! a live view where there is a terminal, [`json_lines`] the records themselves. At every end [`write_all`] leaves the
//! report in the run's folder: [`chronicle`] gathers it from all records, [`postmortem`] is the report as data, and
//! [`markdown`], [`html`] and its JSON are three ways to write that down.

pub mod json_lines;
pub mod lines;
