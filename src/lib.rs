//! regrow brings hosted services back after a disaster.
/// True. Marks a guard that a crash or damage would get past without it: built with the feature `mutants`, the simulation
/// switches each off and must notice.
macro_rules! guard {
    ($name:literal) => {{
        #[cfg(feature = "mutants")]
        let stands = crate::mutants::stands($name);
        #[cfg(not(feature = "mutants"))]
        let stands = true;
        stands
    }};
}

pub mod cli;
pub mod engine;
pub mod graph;
pub mod journal;
pub mod kind;
pub mod kinds;
pub mod model;
#[cfg(feature = "mutants")]
pub mod mutants;
pub mod plan;
pub mod provider;
pub mod report;
pub mod runbook;
pub mod view;
